package diffusion

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Given is what a network tells of the noise that knows something of the pictures besides: the sampler's first input, [N, D].
func Given(u UNet) Teller {
	return func(scope *model.Scope, at Noisy, inputs []*graph.Node) *graph.Node {
		return at.FromV(u.VGiven(scope.At(NoiseScope), at.X, at.T, inputs[0]))
	}
}

// Free is guidance without a classifier (Ho and Salimans 2022, equation 6, in the form of Nichol et al. 2022, section 2.2): what tell says of the noise with its
// inputs and without, which is with zeros in their place as in training, and from the latter in the direction of the former and beyond,
//
//	e(x_t, 0) + scale (e(x_t, inputs) - e(x_t, 0))
//
// A scale of 0 takes no notice of the inputs, 1 is no guidance. Both are asked for together, as a batch twice as large.
func Free(tell Teller) Teller {
	return func(scope *model.Scope, at Noisy, inputs []*graph.Node) *graph.Node {
		n := at.X.Shape().Dim(0)
		twice := func(x, y *graph.Node) *graph.Node { return graph.Concatenate([]*graph.Node{x, y}, 0) }
		both := make([]*graph.Node, len(inputs))
		for i, x := range inputs {
			both[i] = twice(x, graph.ZerosLike(x))
		}
		at.X, at.T = twice(at.X, at.X), twice(at.T, at.T)
		e := tell(scope, at, both)
		with, without := graph.SliceAxis(e, 0, graph.AxisRange(0, n)), graph.SliceAxis(e, 0, graph.AxisRange(n, 2*n))
		return graph.Add(without, graph.Mul(at.Scale, graph.Sub(with, without)))
	}
}
