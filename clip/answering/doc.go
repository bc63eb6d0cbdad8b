// Package answering answers questions about pictures with what a CLIP sees: visual question answering (Antol et al. 2015, "VQA: Visual Question
// Answering", arXiv 1505.00468) with CLIP's image tower as the eye ("How Much Can CLIP Benefit Vision-and-Language Tasks?", Shen et al. 2022, arXiv
// 2107.06383, called CLIP-ViL there).
//
// As in both papers, answering is choosing: a question has one of a fixed list of answers, and the loss is the cross-entropy of the right one. As in
// CLIP-ViL, the picture is the grid of the image tower's last layer and not the pooled embedding (section 3.1: "grid features"), words attend to the places
// of that grid, and the tower may be trained further. With G = [clip.ImageGrid] of a picture and the words w_1 ... w_L of a question behind a mark w_0,
//
//	p_i   = LayerNorm(W_p [G_i; x_i; y_i]) + position_i   the places of the picture, which attend to each other in Look blocks
//	x_j   = word_j + position_j
//	x    += attend(norm(x), norm(x))                 in each of Layers blocks: words to words of their question,
//	x    += attend(norm(x), p)                       words to the places of the picture,
//	x    += MLP(norm(x))
//	answer = softmax(MLP(norm(x_0)))
//
// The coordinates x_i, y_i of a place beside its features are those of FiLM (Perez et al. 2018, arXiv 1709.07871). The blocks are pre-norm transformer blocks (Vaswani et al. 2017, figure 1, the decoder's, without a mask for what comes later).
//
// What the network may see is a choice of its [Config], so that each variant is the same network otherwise: the grid, CLIP's pooled embedding as the
// one place that there is, or nothing; and whether it hears the question.
//
// Not CLIP-ViL's: their transformers are pretrained on millions of captions and questions (LXMERT, Pythia, MCAN), and read words and places as one sequence. Here
// words look at places and places do not look at words, which costs a fraction and is trained from nothing.
package answering
