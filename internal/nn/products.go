package nn

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Products multiplies B pairs of matrices: a [B, m, k] * b [B, k, n] to [B, m, n].
//
// compute-onnx v0.1.5 knows no matrix product with a batch axis and makes an Einsum of it, which ONNX Runtime computes 2 to 3 times
// as slowly on two cores as the same products written as one 1 x 1 convolution of B groups (BenchmarkProducts; docs/upstream.md). The convolution
// can go when compute-onnx makes a MatMul of products with a batch axis.
func Products(a, b *graph.Node) *graph.Node {
	B, m, k := matrices("Products", a)
	n := b.Shape().Dim(-1)
	b.AssertDims(B, k, n)
	return grouped(m, n, a, b, func() *graph.Node { return graph.DotGeneral(a, []int{2}, []int{0}, b, []int{1}, []int{0}) },
		func() *graph.Node { return groupedConv(a, b) },
		func(v *graph.Node) []*graph.Node {
			return []*graph.Node{ProductsTransposed(v, b), Products(graph.Transpose(a, 1, 2), v)}
		})
}

// ProductsTransposed multiplies B matrices by the transposes of others: a [B, m, k] * transposed(b [B, n, k]) to [B, m, n].
func ProductsTransposed(a, b *graph.Node) *graph.Node {
	B, m, k := matrices("ProductsTransposed", a)
	n := b.Shape().Dim(1)
	b.AssertDims(B, n, k)
	return grouped(m, n, a, b, func() *graph.Node { return graph.DotGeneral(a, []int{2}, []int{0}, b, []int{2}, []int{0}) },
		func() *graph.Node { return groupedConv(a, graph.Transpose(b, 1, 2)) },
		func(v *graph.Node) []*graph.Node {
			return []*graph.Node{Products(v, b), Products(graph.Transpose(v, 1, 2), a)}
		})
}

// grouped is conv, to [B, m, n], where that is faster, and plain elsewhere.
func grouped(m, n int, a, b *graph.Node, plain, conv func() *graph.Node, gradient func(v *graph.Node) []*graph.Node) *graph.Node {
	if familyOf(a) != familyONNX || a.DType() != dtypes.Float32 || !strings.Contains(a.Graph().Backend().Description(), "(CPU)") {
		return plain()
	}
	y, ok := withGradient(shapes.Make(a.DType(), a.Shape().Dim(0), m, n), []*graph.Node{a, b}, conv, gradient)
	if !ok {
		return plain()
	}
	return y
}

// matrices are the sizes of x [B, m, k].
func matrices(what string, x *graph.Node) (B, m, k int) {
	if x.Rank() != 3 {
		panic(fmt.Errorf("%s: expected matrices [B, m, k], found %s", what, x.Shape()))
	}
	d := x.Shape().Dimensions
	return d[0], d[1], d[2]
}

// groupedConv is the products as a convolution: it takes the rows of each of a [B, m, k] for the
// kernels, and those of each of b [B, k, n] for the channels, of a group of their own.
func groupedConv(a, b *graph.Node) *graph.Node {
	B, m, k := matrices("Products", a)
	n := b.Shape().Dim(2)
	axes := compute.ConvolveAxesConfig{
		InputBatch: 0, InputChannels: 1, InputSpatial: []int{2},
		KernelOutputChannels: 0, KernelInputChannels: 1, KernelSpatial: []int{2},
		OutputBatch: 0, OutputChannels: 1, OutputSpatial: []int{2},
	}
	y := graph.Convolve(graph.Reshape(b, 1, B*k, n), graph.Reshape(a, B*m, k, 1)).AxesConfig(axes).Strides(1).NoPadding().ChannelGroupCount(B).Done()
	return graph.Reshape(y, B, m, n)
}
