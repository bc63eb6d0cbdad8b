// Package devise is the worked example of docs/adding.md: a paper, a data set and an experiment, as small as they can be.
//
// The paper is "DeViSE: A Deep Visual-Semantic Embedding Model" (Frome, Corrado, Shlens, Bengio, Dean, Ranzato and Mikolov 2013, NIPS), a forerunner
// of CLIP: a linear map M takes the features v of a picture into the space of word vectors t, and a hinge rank loss (equation 1)
//
//	loss(picture, label) = sum over j != label of max(0, margin - t_label M v + t_j M v)
//
// has its own label's vector nearer than every other one's. A label that no training picture had is found by its vector alone.
//
// Reproduced: equation 1 with unit vectors t and the paper's margin of 0.1, the pictures' part frozen. Left out: AlexNet, for which the mean colour of a
// picture stands; the skip-gram vectors of words, for which random ones stand, a vector a word; ending the sum at the first label that is too near.
//
// The files, in the order data flows: swatches.go (the data set), model.go (the paper), experiment.go (the experiment).
package devise
