// Package clip is CLIP, "Learning Transferable Visual Models From Natural Language Supervision" (Radford et al.
// 2021, arXiv 2103.00020): two towers that map pictures and texts to unit vectors of one space, trained so that
// matching pairs lie close.
//
// The files read in the paper's order: config.go (the models), vision.go and text.go (section 2.4, the towers),
// loss.go (figure 3, the symmetric contrastive loss with a learned temperature), tokenizer.go (the byte-pair
// encoding of texts), model.go (a model and what one does with it), files.go (a model on disk), zeroshot.go (section
// 3.1, classification by prompts) and metrics.go (ranks and recall).
//
// Reproduced: the contrastive loss with its learned and clamped temperature, the transformer towers with
// QuickGELU, the text feature at the end token. The small models here see pictures of 64 pixels through a
// convolutional tower, because that learns most from few pictures in few minutes. Left out so far: the nine
// published models and their weights.
package clip
