package answering

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// The axes: N pictures, Q questions about each, M = N*Q, L words of a question with the mark, h x w places of a grid, W their width and the words', H the
// question's, A answers.

// Answer maps pictures [N, high, wide, 3], normalised as the tower wants them, and ids [N, Q, L] (int32) to logits [N, Q, A]. A network that sees nothing takes no
// pictures: nil.
func Answer(scope *model.Scope, cfg Config, pictures, ids *graph.Node) *graph.Node {
	n, q := ids.Shape().Dim(0), ids.Shape().Dim(1)
	ids.AssertDims(n, q, cfg.tokens())
	s := scope.At("answering")
	x := forEach(look(scope, cfg, pictures, ids), q) // [N*Q, h, w, W]
	questions := hear(s, cfg, graph.Reshape(ids, n*q, cfg.tokens()))
	for i := range cfg.Blocks {
		x = filmBlock(s.At("film%d", i), cfg, x, questions)
	}
	x = nn.ReLU(nn.Linear(s.At("found"), nn.LayerNorm(s.At("norm_found"), x, normEps), 4*cfg.Width, true))
	x = graph.ReduceMax(x, 1, 2) // of every number the place that has most of it
	return graph.Reshape(classify(s.At("head"), cfg, x), n, q, len(cfg.Answers))
}

// look is what the network sees of pictures [N, high, wide, 3], before any question: places [N, h, w, W]. The ids [N, ...] say how many pictures there are where
// none is shown.
func look(scope *model.Scope, cfg Config, pictures, ids *graph.Node) *graph.Node {
	n := ids.Shape().Dim(0)
	h, w := cfg.grid()
	s := scope.At("answering").At("look")
	if cfg.Sees == Nothing {
		position := nn.Param(s, ids, "position", nn.Normal(0.1), h, w, cfg.Width)
		return graph.BroadcastToDims(graph.ExpandAxes(position, 0), n, h, w, cfg.Width)
	}
	var places *graph.Node // [N, C] or [N, h, w, C]
	if cfg.Sees == Pooled {
		places = clip.EncodeImage(scope, cfg.Vision, cfg.EmbedDim, pictures)
	} else {
		places = clip.ImageGrid(scope, cfg.Vision, pictures)
	}
	places = graph.Reshape(places, n, h, w, places.Shape().Dim(-1))
	places = graph.Concatenate([]*graph.Node{places, coordinates(places, cfg)}, -1)
	x := nn.LayerNorm(s.At("norm"), nn.Linear(s.At("project"), places, cfg.Width, true), normEps)
	x.AssertDims(n, h, w, cfg.Width)
	return graph.Add(x, graph.ExpandAxes(nn.Param(s, x, "position", nn.Normal(0.1), h, w, cfg.Width), 0))
}

// forEach gives every one of q questions a copy of its picture's places [N, h, w, W]: [N*Q, h, w, W].
func forEach(places *graph.Node, q int) *graph.Node {
	d := places.Shape().Dimensions
	places = graph.BroadcastToDims(graph.ExpandAxes(places, 1), d[0], q, d[1], d[2], d[3])
	return graph.Reshape(places, d[0]*q, d[1], d[2], d[3])
}

// coordinates are those of places [M, h, w, ...], as FiLM has them beside the features: [M, h, w, 2], right and down, each from -1 to 1.
func coordinates(places *graph.Node, cfg Config) *graph.Node {
	h, w := cfg.grid()
	flat := make([]float32, 0, 2*h*w)
	for y := range h {
		for x := range w {
			flat = append(flat, float32(2*x+1)/float32(w)-1, float32(2*y+1)/float32(h)-1)
		}
	}
	table := graph.Reshape(graph.Const(places.Graph(), flat), 1, h, w, 2)
	return graph.BroadcastToDims(table, places.Shape().Dim(0), h, w, 2)
}

// hear is what questions ask, in the scope of the network: ids [M, L] to [M, H], what a GRU knows after the last word.
func hear(scope *model.Scope, cfg Config, ids *graph.Node) *graph.Node {
	x := nn.Embedding(scope.At("words"), ids, firstWord+len(cfg.Words), cfg.Width, nn.Normal(0.3))
	isWord := graph.NotEqual(ids, graph.ConstAs(ids, padding))
	return nn.LayerNorm(scope.At("heard"), nn.GRU(scope.At("gru"), x, isWord, cfg.Hidden), normEps)
}

// Loss is the mean cross-entropy in nats of logits [N, Q, A] for the right answers [N, Q] (int32), and the share of the questions whose likeliest answer
// is right. Both are scalars.
func Loss(logits, right *graph.Node) (loss, accuracy *graph.Node) {
	d := logits.Shape().Dimensions
	right.AssertDims(d[0], d[1])
	isRight := graph.OneHot(right, d[2], dtypes.Float32)
	shifted := graph.Sub(logits, graph.StopGradient(graph.ReduceAndKeep(logits, graph.ReduceMax, -1)))
	said := graph.ReduceSum(graph.Mul(shifted, isRight), -1) // 0 where it is the likeliest
	loss = graph.ReduceAllMean(graph.Sub(graph.Log(graph.ReduceSum(graph.Exp(shifted), -1)), said))
	accuracy = graph.ReduceAllMean(graph.ConvertDType(graph.GreaterOrEqual(said, graph.ZerosLike(said)), dtypes.Float32))
	return loss, graph.StopGradient(accuracy)
}
