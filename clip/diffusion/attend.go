package diffusion

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Tokens are texts that a network looks at: Values [N, L, W], and Hidden [N, L] (float32), 1 for those that are padding.
type Tokens struct{ Values, Hidden *graph.Node }

// lookAround is self-attention of the places of x [N, H, W, C] with a shortcut: the same shape.
func (c UNet) lookAround(scope *model.Scope, x *graph.Node) *graph.Node {
	d := x.Shape().Dimensions
	places := graph.Reshape(nn.GroupNorm(scope.At("norm"), x, c.Groups, normEps), d[0], d[1]*d[2], d[3])
	return graph.Add(x, graph.Reshape(attention(scope, places, places, nil, c.Heads), d...))
}

// lookAtText is cross-attention of the places of x [N, H, W, C] to a text's tokens with a shortcut (Rombach et al. 2022, section
// 3.3): the same shape.
func (c UNet) lookAtText(scope *model.Scope, x *graph.Node, text *Tokens) *graph.Node {
	d := x.Shape().Dimensions
	text.Values.AssertDims(d[0], text.Values.Shape().Dim(1), c.Context)
	places := graph.Reshape(nn.GroupNorm(scope.At("norm"), x, c.Groups, normEps), d[0], d[1]*d[2], d[3])
	return graph.Add(x, graph.Reshape(attention(scope, places, text.Values, text.Hidden, c.Heads), d...))
}

// attention is multi-head attention of queries [N, P, C] to keys [N, L, D], of which hidden [N, L] are not seen: [N, P, C]. What it ends with starts at 0.
func attention(scope *model.Scope, queries, keys, hidden *graph.Node, heads int) *graph.Node {
	n, p, width, l := queries.Shape().Dim(0), queries.Shape().Dim(1), queries.Shape().Dim(2), keys.Shape().Dim(1)
	head := width / heads
	split := func(name string, x *graph.Node, length int) *graph.Node { // [N*heads, length, head]
		x = graph.Reshape(nn.Linear(scope.At("%s", name), x, width, false), n, length, heads, head)
		return graph.Reshape(graph.TransposeAllAxes(x, 0, 2, 1, 3), n*heads, length, head)
	}
	q, k, v := split("q", queries, p), split("k", keys, l), split("v", keys, l)
	scores := graph.DotGeneral(graph.MulScalar(q, 1/math.Sqrt(float64(head))), []int{2}, []int{0}, k, []int{2}, []int{0}) // [N*heads, P, L]
	if hidden != nil {
		away := graph.BroadcastToDims(graph.Reshape(graph.MulScalar(hidden, -1e9), n, 1, 1, l), n, heads, p, l)
		scores = graph.Add(scores, graph.Reshape(away, n*heads, p, l))
	}
	x := graph.DotGeneral(graph.Softmax(scores, -1), []int{2}, []int{0}, v, []int{1}, []int{0}) // [N*heads, P, head]
	x = graph.Reshape(graph.TransposeAllAxes(graph.Reshape(x, n, heads, p, head), 0, 2, 1, 3), n, p, width)
	weight := nn.Param(scope.At("out"), x, "weight", nn.Zeros, width, width)
	return nn.Affine(x, weight, nn.Param(scope.At("out"), x, "bias", nn.Zeros, width))
}
