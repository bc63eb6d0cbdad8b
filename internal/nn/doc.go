// Package nn has the layers that the models of this lab are built from. One graph code computes and trains on
// all three backends of GoMLX: XLA, ONNX Runtime and pure Go.
//
// # Layout
//
// Pictures are [N, H, W, C] everywhere (channels last). Kernels are [out, C, kh, kw] and matrices [out, in], as in PyTorch's
// checkpoints. Channels last is what matrix products and token sequences want, and costs ONNX Runtime nothing although its
// convolution wants channels first, for it moves the transposes together and drops them. The convolutions of SqueezeNet 1.0
// at 224x224, pictures a second on two cores (AVX-512), constant weights:
//
//	batch   channels first   channels last
//	1       133              128
//	8       126              124
//
// # Convolution
//
// No form is fast everywhere, and GoMLX's gradients are not defined everywhere: ONNX Runtime lacks the dilated convolution and
// the padding between elements that gradients of strides take, and even kernels get wrong gradients in GoMLX v0.28 on every
// backend. So [Conv2D] brings its own gradients, and chooses:
//
//   - XLA: its convolution for the values and both gradients.
//   - ONNX Runtime: its convolution for the values and the gradient of x, one matrix product for that of the kernel. Kernels of one cell are products
//     all the way, unless the network is frozen: of constant kernels its convolution is faster, with the norm and the ReLU behind it inside
//     (CLIP's RN50, 16 pictures on two cores with AVX2: 1.78 s with weights as inputs, 1.45 s as constants, 1.19 s with every convolution its own, and
//     1.18 s with means of blocks as its own pool).
//   - pure Go: matrix products only. Its convolution does 0.4 GFLOP/s. Its slices, transposes and sums with a vector copy
//     one element at a time on one core (2 to 5 ns each), pads and concatenations whole rows (1 ns), so shifts are
//     made of pads where possible.
//
// Processor time of one step of a 3x3 convolution with both gradients, batch 32, in ms; "slices" is the usual way by slices,
// concatenation and product with GoMLX's gradients of them:
//
//	                         ONNX Runtime        pure Go
//	                         slices   Conv2D     slices   Conv2D
//	64x64x3   to  32, /2       20       17          62       58
//	56x56x32  to  64          331      251        1025      758
//	32x32x32  to  64, /2       35       24         118       58
//	16x16x64  to 128, /2       21       25          66       43
//	16x16x128 to 128          157      121         431      267
//	8x8x256   to 256          136      124         303      273
//
// # Other choices that were measured
//
// Looking up 1,024 words in a table of 3,000 x 256: gather and scatter-add, 3.6 ms with gradient on pure Go and 0.8 ms on ONNX
// Runtime; as a product with one-hot rows 153 and 35 ms. Random numbers for dropout cost 10 to 30 ns each on either.
// 192 products of 65x64 and 64x65 on ONNX Runtime: 0.8 ms as a convolution in groups, 2.3 ms as the Einsum that compute-onnx makes of them.
package nn
