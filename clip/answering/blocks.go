package answering

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

const normEps = 1e-5

// filmBlock is FiLM's residual block (Perez et al. 2018, figure 3) of places x [M, h, w, W], each told by a question [M, H] what to look for.
func filmBlock(scope *model.Scope, cfg Config, x, questions *graph.Node) *graph.Node {
	questions.AssertDims(x.Shape().Dim(0), cfg.Hidden)
	x = graph.Concatenate([]*graph.Node{x, coordinates(x, cfg)}, -1)
	x = nn.ReLU(nn.Linear(scope.At("mix"), x, cfg.Width, true))
	z := nn.Conv2DLayer(scope.At("conv"), x, cfg.Width, 3, nn.Conv{Padding: nn.Same()})
	z = nn.FiLM(scope.At("film"), nn.LayerNorm(scope.At("norm"), z, normEps), questions)
	return graph.Add(x, nn.ReLU(z))
}

// classify is x [M, in] to logits [M, A] by way of a hidden layer.
func classify(scope *model.Scope, cfg Config, x *graph.Node) *graph.Node {
	hidden := 2 * cfg.Width
	x = linear(scope.At("0"), nn.LayerNorm(scope.At("norm"), x, normEps), hidden, nn.HeNormal)
	return linear(scope.At("1"), nn.QuickGELU(x), len(cfg.Answers), nn.Normal(1/math.Sqrt(float64(hidden))))
}

func linear(scope *model.Scope, x *graph.Node, out int, init nn.Init) *graph.Node {
	weight := nn.Param(scope, x, "weight", init, out, x.Shape().Dim(-1))
	return nn.Affine(x, weight, nn.Param(scope, x, "bias", nn.Zeros, out))
}
