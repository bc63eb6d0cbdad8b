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
	n, t, s, w, h := x.Shape().Dim(0), x.Shape().Dim(1), memory.Shape().Dim(1), cfg.Width, cfg.Heads
	memory.AssertDims(n, s, w)
	heads := func(name string, of *graph.Node, length int) *graph.Node { // [N*h, length, W/h]
		y := nn.Linear(scope.At("%s", name), of, w, true)
		return graph.Reshape(graph.TransposeAllAxes(graph.Reshape(y, n, length, h, w/h), 0, 2, 1, 3), n*h, length, w/h)
	}
	query := graph.MulScalar(heads("query", x, t), 1/math.Sqrt(float64(w/h)))
	scores := graph.DotGeneral(query, []int{2}, []int{0}, heads("key", memory, s), []int{2}, []int{0}) // [N*h, T, S]
	if bias != nil {
		scores = graph.Reshape(graph.Add(graph.Reshape(scores, n, h, t, s), bias), n*h, t, s)
	}
	y := graph.DotGeneral(graph.Softmax(scores, -1), []int{2}, []int{0}, heads("value", memory, s), []int{1}, []int{0}) // [N*h, T, W/h]
	y = graph.Reshape(graph.TransposeAllAxes(graph.Reshape(y, n, h, t, w/h), 0, 2, 1, 3), n, t, w)
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
