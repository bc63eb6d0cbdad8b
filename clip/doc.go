// Package clip is CLIP, "Learning Transferable Visual Models From Natural Language Supervision" (Radford et al.
// 2021, arXiv 2103.00020): two towers that map pictures and texts to unit vectors of one space, trained so that
// matching pairs lie close.
//
// The files read in the paper's order: config.go and presets.go (the models), vision.go with vision_vit.go and
// vision_resnet.go, text.go and transformer.go (section 2.4, the towers), loss.go (figure 3, the symmetric contrastive loss with a
// learned temperature), tokenizer.go (the byte-pair encoding of texts), model.go (a model and what one does with it), zeroshot.go
// (section 3.1, classification by prompts) and metrics.go (ranks and recall).
//
// A model on disk: files.go (those trained here), checkpoint.go (published ones), architecture.go, hfconfig.go and
// openclipconfig.go (what their files say of them), layout.go and naming.go (every weight, and what OpenAI and Hugging Face
// call it), export.go (the way back), card.go and compare.go (whether a model is what it says it is).
//
// Reproduced: the nine published models, from their published weights, with the layers, features, losses and gradients of
// OpenAI's code; batch norm in training mode; the contrastive loss with its learned and clamped temperature. The small models
// here see pictures of 64 pixels through a convolutional tower, because that learns most from few pictures in few minutes.
package clip
