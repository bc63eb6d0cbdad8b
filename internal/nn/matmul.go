package nn

import (
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// product is the matrix product a [m, k] * b [k, n].
func product(a, b *graph.Node) *graph.Node { return graph.Dot(a, b).Product() }

// timesTransposed is a [m, k] * transposed(b [n, k]).
//
// Below 4Mi multiplications the pure Go backend has a kernel for it that takes about 140 ns for each number of the result,
// up to 70 times as long as other ways. Transposing b takes 4.5 ns for each of its numbers.
func timesTransposed(a, b *graph.Node) *graph.Node {
	m, k, n := a.Shape().Dim(0), a.Shape().Dim(1), b.Shape().Dim(0)
	if familyOf(a) == familyGo && m*k*n < 4<<20 && k < 32*m {
		return product(a, transposed(b))
	}
	return graph.DotGeneral(a, []int{1}, nil, b, []int{1}, nil)
}

// Narrow is the matrix product W [m, k] * x [k, n] for few columns, n far below m and k. ONNX Runtime copies the second factor of a product,
// here the small one; the pure Go backend copies the first, so that it is faster the other way round.
func Narrow(W, x *graph.Node) *graph.Node {
	if familyOf(W) == familyGo {
		return transposed(timesTransposed(transposed(x), W))
	}
	return product(W, x)
}

// transposedTimes is transposed(a [m, k]) * b [m, n]. The pure Go backend transposes one element at a time and
// would do so to both a and b: this transposes the smaller one alone. ONNX Runtime makes one operation of the
// transpose of a and the product, and the result needs no transpose.
func transposedTimes(a, b *graph.Node) *graph.Node {
	if familyOf(a) == familyONNX || a.Shape().Size() <= b.Shape().Size() {
		return product(transposed(a), b)
	}
	return transposed(product(transposed(b), a))
}

func transposed(a *graph.Node) *graph.Node { return graph.TransposeAllAxes(a, 1, 0) }

// linear is x [m, in] * transposed(weight [out, in]), with gradients that cost as little as they can.
func linear(x, weight *graph.Node) *graph.Node {
	y, ok := withGradient(shapes.Make(x.DType(), x.Shape().Dimensions[0], weight.Shape().Dimensions[0]),
		[]*graph.Node{x, weight},
		func() *graph.Node { return timesTransposed(x, weight) },
		func(v *graph.Node) []*graph.Node { return []*graph.Node{product(v, weight), transposedTimes(v, x)} })
	if !ok {
		return timesTransposed(x, weight)
	}
	return y
}
