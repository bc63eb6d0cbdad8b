// Package captioning writes captions for pictures, as two papers of 2015 do: [Decode] is "Show, Attend and Tell: Neural
// Image Caption Generation with Visual Attention" (Xu et al.) with soft or hard attention, [DecodeShowAndTell] is "Show
// and Tell: A Neural Image Caption Generator" (Vinyals et al.), which it improves on.
//
// A picture is L feature vectors a_1..a_L of D numbers, the places of a convolutional network's last grid. With mean the
// average of a, the decoder starts from h_0 = init_h(mean), c_0 = init_c(mean), both affine. At step t it has read
// the word y_(t-1), and
//
//	e_ti = v^T tanh(W_a a_i + W_h h_(t-1) + b)         equation 4   attention.Score
//	alpha_t = softmax(e_t)                             equation 5   attention.Softmax
//	z_t = beta_t * sum_i alpha_ti a_i                  equation 13, section 4.2.1
//	beta_t = sigmoid(gate(h_(t-1)))                    section 4.2.1
//	h_t, c_t = LSTM([E y_(t-1), z_t], h_(t-1), c_(t-1))  equations 1 to 3
//	log p(y_t) = log softmax(out(h_t))                 or the deep output L_o (E y_(t-1) + L_h h_t + L_z z_t), equation 7
//
// The loss of a caption is -sum_t log p(y_t) + lambda sum_i (1 - sum_t alpha_ti)^2 (equation 14): the second term, doubly
// stochastic attention, asks the decoder to have looked everywhere by the end. [Config] names the choices, [Loss]
// computes it, [CNN] is an image encoder trained from scratch where no pretrained one is at hand.
//
// Hard attention looks at one place, z_t = beta_t * a_s with s drawn by alpha_t (equations 8 and 9), and learns by
// REINFORCE with a moving baseline, an entropy term and a share of expected contexts (equation 12): [Hard], [HardLoss].
//
// Captions of each decoder are written by [Greedy], by [Beam] with the rules [Shrink] and [Pool], or drawn by [Sampler].
// Many pictures take their steps together, in graphs that are compiled once; what is known of a picture is kept once,
// however many captions of it are under way.
//
// Equal to an independent implementation of the equations in float64, on every backend: values and gradients of both
// decoders' losses and of the surrogate of hard attention, and the captions that greedy and beam search find. What hard
// attention draws agrees with the exact sums over all places within its error bars.
//
// [BLIP] has the three losses of Li et al. 2022 on one text transformer: contrastive, matching and captioning; its third head writes captions as the decoders do.
// Conversations, of which the answers alone are learned as LLaVA's are, are laid out by [Vocabulary.BatchTurns], and [TurnsLoss] is their loss.
//
// While it learns, the decoder can read words of its own in the place of some true ones: [OwnWords], scheduled sampling.
//
// Several decoders write together as an [Ensemble]. What the paper does around the model (image networks, frozen or trained further, batches of captions of
// one length) is in the experiments. One affine layer stands for each of the paper's two-layer perceptrons that start the LSTM.
package captioning
