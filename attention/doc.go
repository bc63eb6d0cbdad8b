// Package attention is the lesson's additive attention, one equation a function. A picture is L feature vectors
// a_1..a_L, one for each place of a grid; h is what the decoder remembers so far:
//
//	e_i = v^T tanh(W_a a_i + W_h h + b)     [Score]    how well place i fits what comes next
//	alpha_i = exp(e_i) / sum_k exp(e_k)     [Softmax]  the same as weights: positive, with sum 1
//	z = sum_i alpha_i a_i                   [Context]  what the decoder sees
//
// The score is that of Bahdanau, Cho and Bengio, "Neural Machine Translation by Jointly Learning to Align and
// Translate" (2015), appendix A.1.2; with pictures in place of sentences the three lines are equations 4, 5 and 13
// of Xu et al., "Show, Attend and Tell" (2015), whose soft attention this is. [Attend] puts them together, [Uniform]
// is attention with its choice taken away, for ablations, and [Run] computes the equations on plain slices. Hard
// attention looks at one place alone: [Locate] draws it by its weight, or takes the likeliest, and [At] makes weights of it.
//
// [Walk] goes the way back by hand, from the gradient of z to those of W_a, W_h, b and v, link by link, and equals what
// automatic differentiation makes of [Attend].
//
// Axes: N examples of a batch, L places (locations), D numbers in a feature vector, H in the decoder's state, A in
// the hidden layer of the score. Weights are stored [out, in], as PyTorch does.
//
// Left out for now: multiplicative scores, several heads.
package attention
