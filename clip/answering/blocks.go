package answering

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

const normEps = 1e-5

// hearBlock lets the words x [M, L, W] of questions attend to each other.
func hearBlock(scope *model.Scope, cfg Config, x, bias *graph.Node) *graph.Node {
	normal := nn.LayerNorm(scope.At("norm1"), x, normEps)
	x = graph.Add(x, attend(scope.At("attention"), cfg, normal, bias))
	return graph.Add(x, feedForward(scope, cfg, x))
}

// filmBlock is FiLM's residual block (Perez et al. 2018, figure 3) of places x [M, h, w, W], each told by a question [M, W] what to look for.
func filmBlock(scope *model.Scope, cfg Config, x, questions *graph.Node) *graph.Node {
	questions.AssertDims(x.Shape().Dim(0), cfg.Width)
	x = graph.Concatenate([]*graph.Node{x, coordinates(x, cfg)}, -1)
	x = nn.ReLU(nn.Linear(scope.At("mix"), x, cfg.Width, true))
	z := nn.Conv2DLayer(scope.At("conv"), x, cfg.Width, 3, nn.Conv{Padding: nn.Same()})
	z = nn.FiLM(scope.At("film"), nn.LayerNorm(scope.At("norm"), z, normEps), questions)
	return graph.Add(x, nn.ReLU(z))
}

// attend is multi-head attention: what each of x [M, L, W] reads from all of them. bias [M, 1, 1, L] is added to the scores.
func attend(scope *model.Scope, cfg Config, x, bias *graph.Node) *graph.Node {
	w := cfg.Width
	project := func(name string) *graph.Node { return nn.Linear(scope.At("%s", name), x, w, true) }
	y := nn.Attend(project("query"), project("key"), project("value"), cfg.Heads, bias)
	return linear(scope.At("out"), y, w, nn.Normal(residualStd(cfg)))
}

// feedForward is a block's two-layer network of x [..., W], with the norm before it.
func feedForward(scope *model.Scope, cfg Config, x *graph.Node) *graph.Node {
	return twoLayers(scope.At("mlp"), nn.LayerNorm(scope.At("norm2"), x, normEps), 4*cfg.Width, cfg.Width, residualStd(cfg)*math.Sqrt(float64(cfg.Width)))
}

// twoLayers is x [..., in] to [..., out] by way of a hidden layer; gain is the size of what comes out at first.
func twoLayers(scope *model.Scope, x *graph.Node, hidden, out int, gain float64) *graph.Node {
	x = linear(scope.At("0"), x, hidden, nn.HeNormal)
	x = graph.Mul(x, graph.Sigmoid(graph.MulScalar(x, 1.702))) // CLIP's QuickGELU
	return linear(scope.At("1"), x, out, nn.Normal(gain/math.Sqrt(float64(hidden))))
}

// residualStd is the initial spread of what a block adds, smaller the more of them there are.
func residualStd(cfg Config) float64 {
	return 1 / math.Sqrt(float64(cfg.Width)*3*float64(cfg.Layers))
}

func linear(scope *model.Scope, x *graph.Node, out int, init nn.Init) *graph.Node {
	weight := nn.Param(scope, x, "weight", init, out, x.Shape().Dim(-1))
	return nn.Affine(x, weight, nn.Param(scope, x, "bias", nn.Zeros, out))
}
