package nn

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// ReLU is max(x, 0). Its gradient at 0 is 0.
func ReLU(x *graph.Node) *graph.Node {
	relu := func() *graph.Node { return graph.Max(x, graph.ScalarZero(x.Graph(), x.DType())) }
	var y *graph.Node
	y, ok := withGradient(shapes.Make(x.DType(), x.Shape().Dimensions...), []*graph.Node{x}, relu,
		func(v *graph.Node) []*graph.Node { return []*graph.Node{graph.Mul(v, positive(y))} })
	if !ok {
		return graph.Mul(x, positive(x))
	}
	return y
}

// positive is 1 where x is above 0, else 0. For the sign, which says the same of a ReLU, ONNX Runtime takes four times as long.
func positive(x *graph.Node) *graph.Node {
	return graph.ConvertDType(graph.IsPositive(x), x.DType())
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

// GELUTanh is x Phi(x) (Hendrycks and Gimpel 2016, section 2) by its approximation with tanh, which GPT-2 has: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
// For its gradient x alone is kept.
func GELUTanh(x *graph.Node) *graph.Node {
	const cubic = 0.044715
	steepness := 2 * math.Sqrt(2/math.Pi)
	// (1 + tanh(u)) / 2 is sigmoid(2u).
	gate := func(square *graph.Node) *graph.Node {
		return graph.Sigmoid(graph.Mul(x, graph.AddScalar(graph.MulScalar(square, steepness*cubic), steepness)))
	}
	plain := func() *graph.Node { return graph.Mul(x, gate(graph.Square(x))) }
	y, ok := withGradient(x.Shape(), []*graph.Node{x}, func() *graph.Node {
		if x.DType() != dtypes.Float32 { // ONNX Runtime's is for no other
			return plain()
		}
		y, _ := graph.InternalFusedOpCaller(func() *graph.Node { return graph.BackendFusedGelu(x, false) }, plain, false)
		return y
	}, func(v *graph.Node) []*graph.Node {
		square := graph.Square(x)
		gate := gate(square)
		inner := graph.AddScalar(graph.MulScalar(square, 3*steepness*cubic), steepness) // its derivative
		slope := graph.Add(gate, graph.Mul(graph.Mul(graph.Mul(x, gate), graph.OneMinus(gate)), inner))
		return []*graph.Node{graph.Mul(v, slope)}
	})
	if !ok {
		return plain()
	}
	return y
}
