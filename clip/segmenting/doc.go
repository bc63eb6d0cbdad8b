// Package segmenting masks what a text names in a picture, or what an example picture shows: CLIPSeg, "Image Segmentation Using Text and Image
// Prompts" (Lüddecke and Ecker 2022, arXiv 2112.10003).
//
// The towers of a CLIP stay as they are. A small decoder reads the activations A_1, A_2, ... of several layers of the image tower, the coarsest grid
// first, and a condition c, which is the unit embedding of a text, of an example picture, or a mixture of both, for the two lie in one space:
//
//	x = attend(FiLM(reduce(A_1), c))              a transformer block
//	x = block(upsample(x) + reduce(A_i), c)       for i = 2, 3, ...: two convolutions, FiLM in front
//	FiLM(x, c) = gamma(c) * x + beta(c)           Perez et al. 2018, arXiv 1709.07871
//	mask = sigmoid(transposed convolution(x))     whose kernel is its stride
//
// It learns by binary cross-entropy ([Loss]), with conditions drawn between text and example ([Mix]), so that it can be asked with either. Example
// pictures are shown with their background in the dark ([Spotlight]). What a CLIP says of places without any decoder is [Model.Similarities].
//
// Not the paper's: its tower is a ViT, all of whose grids have one size, so that its blocks are all transformer blocks; here the later grids of a
// residual tower have two and four times as many places a side, which are convolved. The paper has FiLM in the first block alone (Config.Everywhere
// says where), and no Dice term (Config.Dice). Its example pictures are blurred and cropped besides, which would take away size.
package segmenting
