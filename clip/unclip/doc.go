// Package unclip goes from a text to a picture by way of CLIP's space: Ramesh et al. 2022, "Hierarchical Text-Conditional Image Generation with CLIP
// Latents" (arXiv 2204.06125), known as unCLIP and as DALL-E 2. CLIP maps a picture to an embedding; this maps an embedding back to pictures.
//
// A picture x has CLIP's embedding z, its text is y. Then P(x|y) = P(x|z, y) P(z|y) (section 2): the prior makes an embedding of a picture out of the text, the decoder
// a picture out of the embedding. The files read in this order: prior.go (section 2.2, equation 2), decoder.go (section 2.1), model.go (CLIP, prior
// and decoder together), sample.go (text to embedding, embedding to pictures), slerp.go (section 3.2).
//
// CLIP is a [diffusion.NoisedCLIP] that is only ever shown clean pictures, step 0 of the noise. Embeddings are unit vectors outside; prior and decoder work
// with sqrt(D) times as much, of which each number has a variance of about 1, as the noise has.
//
// Left out: the autoregressive prior, and PCA of its embeddings (section 2.2); the upsamplers (2.1), for the pictures have 16 pixels; the decoder's own text, and the
// four tokens of context that the paper makes of an embedding beside adding it to the timestep's (2.1); the encoded words in the prior's sequence, CLIP's
// text embedding standing for them all (2.2); text diffs (3.3).
package unclip
