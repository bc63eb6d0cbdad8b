// Package imagen is the text side of Imagen: Saharia et al. 2022, "Photorealistic Text-to-Image Diffusion Models with Deep Language Understanding" (arXiv
// 2205.11487). A network that makes pictures needs a text encoder, but not one that has ever seen a picture: Imagen reads the states of a plain language
// model, frozen (section 2.1), and what is Imagen's beside that, guidance without a classifier and layer norms of the states, is in package latent.
//
// The language model here is the transformer that CLIP's text tower is, which is GPT-2's (Radford et al. 2021, section 2.4), with the scores of tokens as products with their embeddings:
// the same network as package latent reads, trained to tell the next token of a text instead of which text goes with a picture. With all else
// the same, that would be the one thing in which two models differ.
//
// Left out: the encoder T5, diffusion in pixels with two more networks that enlarge the picture, and the thresholds of section 2.3 that follow the picture.
package imagen
