// Package answering answers questions about pictures with what a CLIP sees: visual question answering (Antol et al. 2015, "VQA: Visual Question
// Answering", arXiv 1505.00468) with CLIP's image tower as the eye ("How Much Can CLIP Benefit Vision-and-Language Tasks?", Shen et al. 2022, arXiv
// 2107.06383, called CLIP-ViL there).
//
// As in both papers, answering is choosing: a question has one of a fixed list of answers, and the loss is the cross-entropy of the right one. As in
// CLIP-ViL, the picture is the grid of the image tower's last layer and not the pooled embedding (section 3.1: "grid features"), and the tower may be trained
// further. How the question reaches the picture is FiLM ("FiLM: Visual Reasoning with a General Conditioning Layer", Perez et al. 2018, arXiv 1709.07871), whose features
// are those of a network trained on ImageNet. With G = [clip.ImageGrid] of a picture, the words w_1 ... w_L of a question behind a mark w_0, and x_i, y_i where place i is,
//
//	q     = LayerNorm(GRU(w_0 ... w_L) after w_L)                     the question
//	p_i   = LayerNorm(W [G_i; x_i; y_i]) + position_i                 the places of the picture
//	p_i   = ReLU(W [p_i; x_i; y_i])                                   in each of the FiLM blocks (figure 3),
//	p_i  += ReLU((1 + gamma(q)) * LayerNorm(conv(p))_i + beta(q))     gamma and beta linear in q (equation 2)
//	f     = max over i of ReLU(W LayerNorm(p_i))
//	answer = softmax(MLP(LayerNorm(f)))
//
// What the network may see is a choice of its [Config], so that each variant is the same network otherwise: the grid, CLIP's pooled embedding as the
// one place that there is, or nothing; and whether it hears the question.
//
// Not CLIP-ViL's: what stands behind their tower (Pythia and MCAN, trained on the task; LXMERT, pretrained on millions of captions and questions). Not FiLM's: layer norms stand for
// batch norms and at more places; places have learned positions besides their coordinates, which the classifier is not given once more.
package answering
