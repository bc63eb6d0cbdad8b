// Package latentdiffusion is the study of pictures that are made of noise in the latents of an autoencoder, by a network that reads a text. The
// text encoder is handed in, so that package imagen does the same with another one.
package latentdiffusion
