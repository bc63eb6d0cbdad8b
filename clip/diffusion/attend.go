package diffusion

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// lookAround is self-attention of the places of x [N, H, W, C] with a shortcut: the same shape.
func (c UNet) lookAround(scope *model.Scope, x *graph.Node) *graph.Node {
	d := x.Shape().Dimensions
	places := graph.Reshape(nn.GroupNorm(scope.At("norm"), x, c.Groups, normEps), d[0], d[1]*d[2], d[3])
	return graph.Add(x, graph.Reshape(attention(scope, places, c.Heads), d...))
}

// attention is multi-head attention of places x [N, P, C] to each other: the same shape. Its last map starts at 0.
func attention(scope *model.Scope, x *graph.Node, heads int) *graph.Node {
	n, p, width := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2)
	head := width / heads
	split := func(name string) *graph.Node { // [N*heads, P, head]
		y := graph.Reshape(nn.Linear(scope.At("%s", name), x, width, false), n, p, heads, head)
		return graph.Reshape(graph.TransposeAllAxes(y, 0, 2, 1, 3), n*heads, p, head)
	}
	q, k, v := split("q"), split("k"), split("v")
	scores := graph.DotGeneral(graph.MulScalar(q, 1/math.Sqrt(float64(head))), []int{2}, []int{0}, k, []int{2}, []int{0}) // [N*heads, P, P]
	x = graph.DotGeneral(graph.Softmax(scores, -1), []int{2}, []int{0}, v, []int{1}, []int{0})                            // [N*heads, P, head]
	x = graph.Reshape(graph.TransposeAllAxes(graph.Reshape(x, n, heads, p, head), 0, 2, 1, 3), n, p, width)
	weight := nn.Param(scope.At("out"), x, "weight", nn.Zeros, width, width)
	return nn.Affine(x, weight, nn.Param(scope.At("out"), x, "bias", nn.Zeros, width))
}
