package diffusion

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// Noised mixes pictures x [N, H, W, C] with noise e of the same shape as the steps t [N] (int32) of the schedule say: the same shape.
func (s Schedule) Noised(x, e, t *graph.Node) *graph.Node {
	n, g := x.Shape().Dim(0), x.Graph()
	left := make([]float32, len(s.Left))
	for i, v := range s.Left {
		left[i] = float32(v)
	}
	of := graph.Gather(graph.Const(g, left), graph.Reshape(t, n, 1))
	of = graph.Reshape(of, n, 1, 1, 1)
	return graph.Add(graph.Mul(graph.Sqrt(of), x), graph.Mul(graph.Sqrt(graph.OneMinus(of)), e))
}

// Loss is the mean square of what the network finds of the noise e wrongly, a scalar (Ho et al. 2020, equation 14). 1 is what a network
// gets that finds nothing.
func Loss(found, e *graph.Node) *graph.Node {
	return graph.ReduceAllMean(graph.Square(graph.Sub(found, e)))
}

// AsFloat writes steps [N] (int32) as the networks want them.
func AsFloat(t *graph.Node) *graph.Node { return graph.ConvertDType(t, dtypes.Float32) }
