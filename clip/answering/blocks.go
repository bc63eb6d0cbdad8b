package answering

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

const normEps = 1e-5

// lookBlock lets the places x [N, P, W] of a picture attend to each other.
func lookBlock(scope *model.Scope, cfg Config, x *graph.Node) *graph.Node {
	normal := nn.LayerNorm(scope.At("norm1"), x, normEps)
	x = graph.Add(x, attend(scope.At("attention"), cfg, normal, normal, nil))
	return graph.Add(x, feedForward(scope, cfg, x))
}

// readBlock lets the words x [N*Q, L, W] of a question attend to each other, then to the places [N, P, W] of its picture.
func readBlock(scope *model.Scope, cfg Config, x, places, hears *graph.Node) *graph.Node {
	d, n := x.Shape().Dimensions, places.Shape().Dim(0)
	normal := nn.LayerNorm(scope.At("norm1"), x, normEps)
	x = graph.Add(x, attend(scope.At("attention"), cfg, normal, normal, hears))
	normal = graph.Reshape(nn.LayerNorm(scope.At("norm_look"), x, normEps), n, d[0]/n*d[1], cfg.Width) // all questions of a picture at once
	x = graph.Add(x, graph.Reshape(attend(scope.At("look"), cfg, normal, places, nil), d...))
	return graph.Add(x, feedForward(scope, cfg, x))
}

// attend is multi-head attention: what each of x [N, T, W] reads from memory [N, S, W], [N, T, W]. bias [N, 1, 1, S], or nil for none, is added to the scores.
func attend(scope *model.Scope, cfg Config, x, memory, bias *graph.Node) *graph.Node {
	w := cfg.Width
	project := func(name string, of *graph.Node) *graph.Node { return nn.Linear(scope.At("%s", name), of, w, true) }
	y := nn.Attend(project("query", x), project("key", memory), project("value", memory), cfg.Heads, bias)
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
	return 1 / math.Sqrt(float64(cfg.Width)*3*float64(cfg.Layers+cfg.Look))
}

func linear(scope *model.Scope, x *graph.Node, out int, init nn.Init) *graph.Node {
	weight := nn.Param(scope, x, "weight", init, out, x.Shape().Dim(-1))
	return nn.Affine(x, weight, nn.Param(scope, x, "bias", nn.Zeros, out))
}
