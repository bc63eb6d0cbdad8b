package diffusion

import (
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
	width := x.Shape().Dim(2)
	project := func(name string) *graph.Node { return nn.Linear(scope.At("%s", name), x, width, false) }
	x = nn.Attend(project("q"), project("k"), project("v"), heads, nil)
	weight := nn.Param(scope.At("out"), x, "weight", nn.Zeros, width, width)
	return nn.Affine(x, weight, nn.Param(scope.At("out"), x, "bias", nn.Zeros, width))
}
