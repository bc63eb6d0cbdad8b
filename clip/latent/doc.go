// Package latent is latent diffusion: Rombach et al. 2022, "High-Resolution Image Synthesis with Latent Diffusion Models" (arXiv 2112.10752),
// in the shape that Stable Diffusion has. Noise is made into a picture not in pixels but in the small grid that an autoencoder makes of one, by a
// network that reads the tokens of a text.
//
// The files read in this order:
//
//   - autoencoder.go and coder.go: pictures to latents and back, z = E(x) and D(z), trained by the square of the error and a small penalty that keeps latents near
//     N(0, I) (section 3.1 and appendix G: the KL form). Latents are divided by their deviation before noise is added (appendix G).
//   - text.go: the states of all tokens in CLIP's text transformer (Radford et al. 2021), frozen: Stable Diffusion's text encoder. As in its second version they are
//     those before the last block. They may be standardised by what they are over many texts (not the paper's).
//   - unet.go: the network of clip/diffusion on the latents, whose places look at the tokens behind each block (section 3.3); one vector of all tokens goes
//     with the step besides, as in Nichol et al. 2022 and Saharia et al. 2022.
//   - guidance.go: guidance without a classifier (Ho and Salimans 2022, arXiv 2207.12598, equation 6): e = e(x) + s (e(x, text) - e(x)).
//   - model.go and files.go: all of it as a model that is saved.
//
// Schedule, loss and sampler are those of clip/diffusion; the network tells v = sqrt(left) noise - sqrt(1-left) latents. Left out: the perceptual loss and the discriminator
// of the autoencoder, which large photographs need; latents drawn from the encoder's Gaussian while the network is trained, its mean being taken; the
// feed-forward network behind each attention; everything but text as a condition.
//
// Pictures are [N, H, W, C] with values in -1..1, latents [N, h, w, c].
package latent
