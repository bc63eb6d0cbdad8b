package diffusion

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// lookAround is self-attention of the places of x [N, H, W, C] with a shortcut: the same shape.
func (c UNet) lookAround(scope *model.Scope, x *graph.Node) *graph.Node {
	places := c.places(scope, x)
	return graph.Add(x, graph.Reshape(attention(scope, places, places, c.Heads), x.Shape().Dimensions...))
}

// Read lets the places of x [N, H, W, C] look at words [N, L, D], with a shortcut (Rombach et al. 2022, equation for Attention(Q, K, V) of section
// 3.3: the queries come from the picture, keys and values from the words): the same shape as x.
func (c UNet) Read(scope *model.Scope, x, words *graph.Node) *graph.Node {
	words.AssertDims(x.Shape().Dim(0), -1, -1)
	return graph.Add(x, graph.Reshape(attention(scope, c.places(scope, x), words, c.Heads), x.Shape().Dimensions...))
}

// places are the places of a grid x [N, H, W, C] behind a norm: [N, H*W, C].
func (c UNet) places(scope *model.Scope, x *graph.Node) *graph.Node {
	d := x.Shape().Dimensions
	return graph.Reshape(nn.GroupNorm(scope.At("norm"), x, c.Groups, normEps), d[0], d[1]*d[2], d[3])
}

// attention is multi-head attention of places x [N, P, C] to what is at [N, L, D]: the shape of x. Its last map starts at 0.
func attention(scope *model.Scope, x, at *graph.Node, heads int) *graph.Node {
	width := x.Shape().Dim(2)
	project := func(name string, x *graph.Node) *graph.Node { return nn.Linear(scope.At("%s", name), x, width, false) }
	x = nn.Attend(project("q", x), project("k", at), project("v", at), heads, nil)
	weight := nn.Param(scope.At("out"), x, "weight", nn.Zeros, width, width)
	return nn.Affine(x, weight, nn.Param(scope.At("out"), x, "bias", nn.Zeros, width))
}
