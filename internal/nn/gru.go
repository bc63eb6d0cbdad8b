package nn

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// GRU reads sequences x [M, L, in], the first place first, and returns the state after the last one [M, H], which begins at 0 (Cho et al. 2014,
// arXiv 1406.1078, equations 5 to 8; as in PyTorch the reset gate comes after the product with weight_hh, not before it). Where the mask [M, L] is false the state stays as it is: padding is not read.
// Variables in scope, as in PyTorch: weight_ih [3H, in], weight_hh [3H, H], bias_ih and bias_hh [3H], for the gates reset, update and new.
func GRU(scope *model.Scope, x, mask *graph.Node, hidden int) *graph.Node {
	m, length, in := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2)
	mask.AssertDims(m, length)
	bound := Uniform(1 / math.Sqrt(float64(hidden)))
	param := func(name string, dims ...int) *graph.Node { return Param(scope, x, name, bound, dims...) }
	given := Affine(x, param("weight_ih", 3*hidden, in), param("bias_ih", 3*hidden)) // [M, L, 3H], of all places at once
	weight, bias := param("weight_hh", 3*hidden, hidden), param("bias_hh", 3*hidden)
	keep := graph.ConvertDType(mask, dtypes.Float32)

	h := graph.Zeros(x.Graph(), shapes.Make(dtypes.Float32, m, hidden))
	for t := range length {
		next := gruCell(place(given, t), Affine(h, weight, bias), h)
		h = graph.Add(h, graph.Mul(place(graph.ExpandAxes(keep, -1), t), graph.Sub(next, h)))
	}
	return h
}

// place is place t of x [M, L, C]: [M, C].
func place(x *graph.Node, t int) *graph.Node {
	return graph.Reshape(graph.Slice(x, graph.AxisRange(), graph.AxisElem(t)), x.Shape().Dim(0), x.Shape().Dim(2))
}

// gruCell is the state after h [M, H], from what the gates are given by a place and by that state, [M, 3H] each.
func gruCell(given, own, h *graph.Node) *graph.Node {
	hidden := h.Shape().Dim(1)
	part := func(x *graph.Node, i int) *graph.Node {
		return graph.Slice(x, graph.AxisRange(), graph.AxisRange(i*hidden, (i+1)*hidden))
	}
	reset := graph.Sigmoid(graph.Add(part(given, 0), part(own, 0)))
	update := graph.Sigmoid(graph.Add(part(given, 1), part(own, 1)))
	fresh := graph.Tanh(graph.Add(part(given, 2), graph.Mul(reset, part(own, 2))))
	return graph.Add(fresh, graph.Mul(update, graph.Sub(h, fresh)))
}
