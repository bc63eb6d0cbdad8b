package diffusion

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// Noised mixes pictures x [N, H, W, C] with noise e of the same shape as the steps t [N] (int32) of the schedule say: the same shape.
func (s Schedule) Noised(x, e, t *graph.Node) *graph.Node {
	signal, spread := s.mixture(t)
	return graph.Add(graph.Mul(signal, x), graph.Mul(spread, e))
}

// Loss is how far a network is off, a scalar: the mean square of the error of its v, which for pictures x and noise e of the same
// shape at the steps t [N] (int32) is sqrt(left) e - sqrt(1-left) x (Salimans and Ho 2022, section 4).
func (s Schedule) Loss(v, x, e, t *graph.Node) *graph.Node {
	signal, spread := s.mixture(t)
	return graph.ReduceAllMean(graph.Square(graph.Sub(v, graph.Sub(graph.Mul(signal, e), graph.Mul(spread, x)))))
}

// mixture is sqrt(left) and sqrt(1-left) at steps t [N] (int32): [N, 1, 1, 1] both.
func (s Schedule) mixture(t *graph.Node) (signal, spread *graph.Node) {
	n, left := t.Shape().Dim(0), make([]float32, len(s.Left))
	for i, v := range s.Left {
		left[i] = float32(v)
	}
	of := graph.Reshape(graph.Gather(graph.Const(t.Graph(), left), graph.Reshape(t, n, 1)), n, 1, 1, 1)
	return graph.Sqrt(of), graph.Sqrt(graph.OneMinus(of))
}

// AsFloat writes steps [N] (int32) as the networks want them.
func AsFloat(t *graph.Node) *graph.Node { return graph.ConvertDType(t, dtypes.Float32) }
