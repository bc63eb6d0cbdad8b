// Package pointing asks whether attention looks at what is being said: captioners trained on Scenes, where it is known
// which object a word names and where it lies.
//
// Show, Attend and Tell (Xu et al. 2015, arXiv 1502.03044) with soft, hard and no attention, each measured alike: whether
// its captions are true of the picture ([scenes.Scene.True]), and, for each word that names an object, how much of the
// attention lies in the object's box and whether its peak does, the pointing game of "Top-down Neural Attention by
// Excitation Backprop" (Zhang et al. 2016, arXiv 1608.00507, section 4.2). Beside them the gradient of the word's
// probability with respect to the picture ("Deep Inside Convolutional Networks", Simonyan et al. 2014, arXiv 1312.6034,
// section 3.1), which needs no attention at all.
package pointing
