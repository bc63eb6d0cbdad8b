package nn

import (
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// ReLU is max(x, 0). Its gradient at 0 is 0.
func ReLU(x *graph.Node) *graph.Node {
	relu := func() *graph.Node { return graph.Max(x, graph.ScalarZero(x.Graph(), x.DType())) }
	var y *graph.Node
	y, ok := withGradient(shapes.Make(x.DType(), x.Shape().Dimensions...), []*graph.Node{x}, relu,
		func(v *graph.Node) []*graph.Node { return []*graph.Node{graph.Mul(v, graph.Sign(y))} })
	if !ok {
		return graph.Mul(x, graph.StopGradient(graph.Sign(relu())))
	}
	return y
}

// QuickGELU is x sigmoid(1.702 x) (Hendrycks and Gimpel 2016, section 2), with which CLIP was published. For its gradient the gates and the result are kept, but
// not x.
func QuickGELU(x *graph.Node) *graph.Node {
	const steepness = 1.702
	var y *graph.Node
	gate := graph.Sigmoid(graph.MulScalar(x, steepness))
	y, ok := withGradient(x.Shape(), []*graph.Node{x}, func() *graph.Node { return graph.Mul(x, gate) }, func(v *graph.Node) []*graph.Node {
		slope := graph.Add(gate, graph.Mul(y, graph.MulScalar(graph.OneMinus(gate), steepness)))
		return []*graph.Node{graph.Mul(v, slope)}
	})
	if !ok {
		return graph.Mul(x, gate)
	}
	return y
}
