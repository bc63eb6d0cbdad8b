package diffusion

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Noisy is where a sampler stands: pictures X [N, H, W, C], all at one step, which is T [N] (float32) times; the standard deviation Spread of the
// noise in them, and the Scale of guidance, scalars both.
type Noisy struct{ X, T, Spread, Scale *graph.Node }

// Teller tells the noise in pictures, [N, H, W, C]. inputs are what the sampler was given besides, row by row.
type Teller func(scope *model.Scope, at Noisy, inputs []*graph.Node) *graph.Node

// The parts of a guided model have scopes of their own.
const (
	NoiseScope = "noise" // the network that tells the noise
	CLIPScope  = "clip"
)

// ByCLIP is guidance by the gradient of what CLIP says of picture and text, with respect to the picture (Dhariwal and Nichol 2021,
// algorithm 2, the similarity standing where log p(y|x_t) does; Nichol et al. 2022, section 2.3):
//
//	e - scale sqrt(1-left) grad similarity(x_t, text)
//
// The sampler's input is the texts' unit embeddings [N, D]. A scale of 0 is no guidance.
func ByCLIP(u UNet, c NoisedCLIP) Teller {
	return func(scope *model.Scope, at Noisy, inputs []*graph.Node) *graph.Node {
		e := u.Noise(scope.At(NoiseScope), at.X, at.T, nil)
		similarity := c.Similarity(scope.At(CLIPScope), at.X, at.T, inputs[0])
		uphill := graph.Gradient(graph.ReduceAllSum(similarity), at.X)[0]
		return graph.Sub(e, graph.Mul(graph.Mul(at.Scale, at.Spread), uphill))
	}
}

// WithoutClassifier is guidance by the difference that the text makes (Ho and Salimans 2022, equation 6; in the form of Nichol et al.
// 2022, equation 6, where a scale of 1 is the text alone and 0 is no text):
//
//	e(x_t, nothing) + scale (e(x_t, text) - e(x_t, nothing))
//
// The sampler's inputs are the texts' tokens [N, L, W] and which of them are hidden [N, L] (float32), then the same two of the empty text.
func WithoutClassifier(u UNet) Teller {
	return func(scope *model.Scope, at Noisy, inputs []*graph.Node) *graph.Node {
		twice := func(a, b *graph.Node) *graph.Node { return graph.Concatenate([]*graph.Node{a, b}, 0) }
		n := at.X.Shape().Dim(0)
		text := &Tokens{twice(inputs[0], inputs[2]), twice(inputs[1], inputs[3])}
		e := u.Noise(scope.At(NoiseScope), twice(at.X, at.X), twice(at.T, at.T), text)
		told, untold := graph.Slice(e, graph.AxisRange(0, n)), graph.Slice(e, graph.AxisRange(n, 2*n))
		return graph.Add(untold, graph.Mul(at.Scale, graph.Sub(told, untold)))
	}
}
