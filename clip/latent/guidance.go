package latent

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
)

// ByWords is guidance without a classifier ([diffusion.Free]): Ho and Salimans 2022, equation 6, in the counting of Saharia et al. 2022, section 2.2, where a scale of 1 is none,
//
//	e(x) + scale (e(x, text) - e(x))
//
// Scale 0 does not know the text, 1 is the network as it was trained, more goes further. The sampler's input is the states [N, L, W] of
// the tokens of the texts. No text is no states, zeros in their place ([Dropped]).
func ByWords(u diffusion.UNet) diffusion.Teller {
	return diffusion.Free(func(scope *model.Scope, at diffusion.Noisy, inputs []*graph.Node) *graph.Node {
		return at.FromV(V(scope.At(NoiseScope), u, at.X, at.T, inputs[0]))
	})
}

// Dropped is words [N, L, W] with zeros in the place of those whose drop [N] (float32) is 1: training without the text now and then
// teaches the network both of what guidance compares.
func Dropped(words, drop *graph.Node) *graph.Node {
	return graph.Mul(words, graph.OneMinus(graph.Reshape(drop, drop.Shape().Dim(0), 1, 1)))
}
