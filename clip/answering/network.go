package answering

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// The axes: N pictures, Q questions about each, L words of a question with the mark, P places, W width, A answers.

// Answer maps pictures [N, H, W, 3], normalised as the tower wants them, and ids [N, Q, L] (int32) to logits [N, Q, A]. A network that sees nothing takes no
// pictures: nil.
func Answer(scope *model.Scope, cfg Config, pictures, ids *graph.Node) *graph.Node {
	n, q := ids.Shape().Dim(0), ids.Shape().Dim(1)
	ids.AssertDims(n, q, cfg.tokens())
	places := Look(scope, cfg, pictures, ids) // [N, P, W]
	x, hears := Read(scope, cfg, ids)         // [N*Q, L, W]
	for i := range cfg.Layers {
		x = readBlock(scope.At("answering").At("read%d", i), cfg, x, places, hears)
	}
	x = graph.Reshape(graph.Slice(x, graph.AxisRange(), graph.AxisRange(0, 1)), n*q, cfg.Width) // at the mark
	head := scope.At("answering").At("head")
	logits := twoLayers(head, nn.LayerNorm(head.At("norm"), x, normEps), 2*cfg.Width, len(cfg.Answers), 1)
	return graph.Reshape(logits, n, q, len(cfg.Answers))
}

// Look is what the network sees of pictures [N, H, W, 3]: [N, P, W]. The ids [N, ...] say how many pictures there are where none is shown.
func Look(scope *model.Scope, cfg Config, pictures, ids *graph.Node) *graph.Node {
	n, p, w := ids.Shape().Dim(0), cfg.places(), cfg.Width
	s := scope.At("answering").At("look")
	position := nn.Param(s, ids, "position", nn.Normal(0.1), p, w)
	if cfg.Sees == Nothing {
		return graph.BroadcastToDims(graph.Reshape(position, 1, p, w), n, p, w)
	}
	var places *graph.Node // [N, P, C]
	if cfg.Sees == Pooled {
		places = graph.ExpandAxes(clip.EncodeImage(scope, cfg.Vision, cfg.EmbedDim, pictures), 1)
	} else {
		places = clip.ImageGrid(scope, cfg.Vision, pictures)
		places = graph.Reshape(places, n, p, places.Shape().Dim(-1))
		places = graph.Concatenate([]*graph.Node{places, coordinates(places, cfg)}, -1)
	}
	x := nn.LayerNorm(s.At("norm"), nn.Linear(s.At("project"), places, w, true), normEps)
	x = graph.Add(x, graph.ExpandAxes(position, 0))
	for i := range cfg.Look {
		x = lookBlock(s.At("%d", i), cfg, x)
	}
	x = nn.LayerNorm(s.At("norm_after"), x, normEps)
	x.AssertDims(n, p, w)
	return x
}

// coordinates are those of the places, as FiLM has them beside the features: [N, P, 2], right and down, each from -1 to 1.
func coordinates(places *graph.Node, cfg Config) *graph.Node {
	h, w, _ := cfg.Vision.Grid()
	flat := make([]float32, 0, 2*h*w)
	for y := range h {
		for x := range w {
			flat = append(flat, float32(2*x+1)/float32(w)-1, float32(2*y+1)/float32(h)-1)
		}
	}
	table := graph.Reshape(graph.Const(places.Graph(), flat), 1, h*w, 2)
	return graph.BroadcastToDims(table, places.Shape().Dim(0), h*w, 2)
}

// Read is the words of questions by themselves, ids [N, Q, L] to [N*Q, L, W], and what keeps attention from the padding, [N*Q, 1, 1, L].
func Read(scope *model.Scope, cfg Config, ids *graph.Node) (x, hears *graph.Node) {
	n, q, l := ids.Shape().Dim(0), ids.Shape().Dim(1), ids.Shape().Dim(2)
	s := scope.At("answering").At("words")
	ids = graph.Reshape(ids, n*q, l)
	x = nn.Embedding(s, ids, firstWord+len(cfg.Words), cfg.Width, nn.Normal(0.3))
	x = graph.Add(x, graph.ExpandAxes(nn.Param(s, x, "position", nn.Normal(0.1), l, cfg.Width), 0))
	isPadding := graph.ConvertDType(graph.Equal(ids, graph.ConstAs(ids, padding)), dtypes.Float32)
	return x, graph.Reshape(graph.MulScalar(isPadding, -1e9), n*q, 1, 1, l)
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
