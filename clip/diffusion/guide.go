package diffusion

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Noisy is where a sampler stands: pictures X [N, H, W, C], all at the step T [N] (float32), X being Signal times the clean picture and
// Spread times noise; and the Scale of guidance. The last three are scalars.
type Noisy struct{ X, T, Signal, Spread, Scale *graph.Node }

// FromV is what a network's v says of the noise in X.
func (at Noisy) FromV(v *graph.Node) *graph.Node {
	return graph.Add(graph.Mul(at.Signal, v), graph.Mul(at.Spread, at.X))
}

// FromClean is what a network's guess of the clean picture says of the noise in X.
func (at Noisy) FromClean(clean *graph.Node) *graph.Node {
	return graph.Div(graph.Sub(at.X, graph.Mul(at.Signal, clean)), at.Spread)
}

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
		e := at.FromV(u.V(scope.At(NoiseScope), at.X, at.T))
		similarity := c.Similarity(scope.At(CLIPScope), at.X, at.T, inputs[0])
		uphill := graph.Gradient(graph.ReduceAllSum(similarity), at.X)[0]
		return graph.Sub(e, graph.Mul(graph.Mul(at.Scale, at.Spread), uphill))
	}
}
