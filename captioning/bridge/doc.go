// Package bridge turns what an image network sees of a picture into vectors that a language model reads as if they were words, or looks at from within:
//
//   - [MLP] and [Transformer] are the two mapping networks of ClipCap: Mokady, Hertz and Bermano 2021, "ClipCap: CLIP Prefix for Image
//     Captioning" (arXiv 2111.09734), section 3.3. The picture becomes a prefix of a few vectors.
//   - [Linear] is the projection of LLaVA: Liu et al. 2023, "Visual Instruction Tuning" (arXiv 2304.08485), section 4.1, equation 1. Every place
//     of the picture becomes one vector.
//   - [Resample] and [GatedCrossAttention] are Flamingo's: Alayrac et al. 2022, "Flamingo: a Visual Language Model for Few-Shot Learning" (arXiv
//     2204.14198), sections 2.1 and 2.2, appendix A.1. The picture becomes a few vectors, and the language model looks at them before each of its
//     blocks, through a gate that is closed at first.
//   - [MED] is the text transformer of BLIP: Li et al. 2022, "BLIP: Bootstrapping Language-Image Pre-training for Unified Vision-Language Understanding and
//     Generation" (arXiv 2201.12086), section 3.1, which reads a text alone, with the picture, or word by word; its three losses are captioning.BLIP.
//
// All take features [N, L, D] of L places. What differs from the papers: ClipCap maps CLIP's one vector of a picture, which its transformer takes apart
// into several, where these read places or their mean; Flamingo reads several pictures, and its networks have the square of ReLU, where these have ReLU;
// LLaVA's second stage of training is left out.
package bridge
