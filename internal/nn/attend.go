package nn

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// Attend is multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2), without its projections: what queries [N, T, W] read of values
// [N, S, W], whose keys are [N, S, W], each of the heads by its own W/heads numbers: [N, T, W]. bias, or nil for none, is added to the scores [N, heads,
// T, S]; its axes may be 1.
func Attend(queries, keys, values *graph.Node, heads int, bias *graph.Node) *graph.Node {
	d := queries.Shape().Dimensions
	n, t, w, s := d[0], d[1], d[2], keys.Shape().Dim(1)
	keys.AssertDims(n, s, w)
	values.AssertDims(n, s, w)
	split := func(x *graph.Node, length int) *graph.Node { // [N*heads, length, W/heads]
		return graph.Reshape(graph.Transpose(graph.Reshape(x, n, length, heads, w/heads), 1, 2), n*heads, length, w/heads)
	}
	scores := ProductsTransposed(split(graph.MulScalar(queries, 1/math.Sqrt(float64(w/heads))), t), split(keys, s))
	if bias != nil {
		scores = graph.Reshape(graph.Add(graph.Reshape(scores, n, heads, t, s), bias), n*heads, t, s)
	}
	read := Products(softmax(scores), split(values, s))
	return graph.Reshape(graph.Transpose(graph.Reshape(read, n, heads, t, w/heads), 1, 2), n, t, w)
}

// Causal is the bias [1, 1, L, L] for [Attend] that keeps each place (row) from those after it: 0, or a score whose exponential is 0.
func Causal(g *graph.Graph, l int) *graph.Node {
	bias := make([]float32, l*l)
	for i := range l {
		for j := i + 1; j < l; j++ {
			bias[i*l+j] = -1e9
		}
	}
	return graph.Reshape(graph.Const(g, bias), 1, 1, l, l)
}

// softmax is that of the last axis of x [..., S]. Its gradient y (v - sum of v y) leaves it to the backend to spread the sums, where GoMLX writes them out.
func softmax(x *graph.Node) *graph.Node {
	var y *graph.Node
	y, ok := withGradient(x.Shape(), []*graph.Node{x}, func() *graph.Node { return graph.Softmax(x, -1) }, func(v *graph.Node) []*graph.Node {
		along := graph.ReduceAndKeep(graph.Mul(v, y), graph.ReduceSum, -1)
		return []*graph.Node{graph.Mul(y, graph.Sub(v, along))}
	})
	if !ok {
		return graph.Softmax(x, -1)
	}
	return y
}
