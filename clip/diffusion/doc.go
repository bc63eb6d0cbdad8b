// Package diffusion makes pictures out of noise: a network learns to tell the noise in a picture, and a sampler takes it out, a
// little at a time. CLIP does not make anything; here it says in which direction.
//
// The files read in this order: schedule.go (how much noise there is at each step, and the posterior: Ho et al. 2020, arXiv
// 2006.11239, and the cosine schedule of Nichol and Dhariwal 2021, arXiv 2102.09672), unet.go with blocks.go and attend.go (the network
// that tells the noise), loss.go, ddim.go (the steps back: Song et al. 2021, arXiv 2010.02502), noised.go (a CLIP that knows noised
// pictures: Nichol et al. 2022, arXiv 2112.10741), guide.go (guidance by its gradient: Dhariwal and Nichol 2021, arXiv 2105.05233),
// free.go (guidance without a classifier: Ho and Salimans 2022, arXiv 2207.12598), sampler.go (noise to pictures), guided.go (all of it as a model that
// is saved, by folder.go).
//
// Pictures are [N, H, W, C] with values in -1..1. Steps of the noise are counted as in the paper: 0 is the clean picture, T noise alone.
package diffusion
