package clip

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// EncodeText maps token ids [N, L] (int32, start token first, end token, anything after it) to features
// [N, embedDim], not normalised: section 2.4, the text transformer with causal attention, its feature taken at the end
// token.
func EncodeText(scope *model.Scope, cfg TextConfig, embedDim int, ids *graph.Node) *graph.Node {
	feature, _ := TextTower(scope, cfg, embedDim, ids)
	return feature
}

// TextTower is [EncodeText] with what lies on the way: text.after_block.N and text.after_ln_final, [N, L, W] each.
func TextTower(scope *model.Scope, cfg TextConfig, embedDim int, ids *graph.Node) (feature *graph.Node, layers Layers) {
	g, n, l := ids.Graph(), ids.Shape().Dim(0), ids.Shape().Dim(1)
	table := nn.Param(scope.At("token_embedding"), g, "weight", nn.Normal(0.02), cfg.VocabSize, cfg.Width)
	positions := nn.Param(scope, g, "positional_embedding", nn.Normal(0.01), cfg.ContextLength, cfg.Width)
	if l > cfg.ContextLength {
		panic(fmt.Errorf("EncodeText: expected at most %d ids a text, which is the model's context, found %s", cfg.ContextLength, ids.Shape()))
	}
	x := nn.Lookup(table, ids) // [N, L, W]
	x = graph.Add(x, graph.ExpandAxes(graph.Slice(positions, graph.AxisRange(0, l)), 0))

	blocks := cfg.blocks()
	for i, after := range blocks.encode(scope, x, nn.Causal(g, l)) {
		x = after
		layers.add(fmt.Sprintf("text.after_block.%d", i), x)
	}
	norm := func(x *graph.Node) *graph.Node { return nn.LayerNorm(scope.At("ln_final"), x, blocks.eps) }
	layers.add("text.after_ln_final", norm(x))
	x = norm(atEndToken(x, ids, cfg.EndToken)) // [N, W]; the norm works on each token by itself
	projection := nn.Param(scope, g, "text_projection", nn.Normal(1/math.Sqrt(float64(cfg.Width))), cfg.Width, embedDim)
	x = graph.MatMul(x, projection)
	x.AssertDims(n, embedDim)
	return x, layers
}

// atEndToken picks, of x [N, L, W], each row's features at its end token, the first of several. end is the token's id, or 0
// for the row's largest one. A row without the end token gives its first position, as Hugging Face's models do.
func atEndToken(x, ids *graph.Node, end int) *graph.Node {
	var isEnd *graph.Node // [N, L]
	if end == 0 {
		isEnd = graph.Equal(ids, graph.ReduceAndKeep(ids, graph.ReduceMax, -1))
	} else {
		isEnd = graph.Equal(ids, graph.ConstAs(ids, end))
	}
	length := ids.Shape().Dim(-1)
	position := graph.IotaLike(ids, -1)
	beyond := graph.MulScalar(graph.OnesLike(ids), length)
	first := graph.ReduceAndKeep(graph.Where(isEnd, position, beyond), graph.ReduceMin, -1)
	first = graph.Where(graph.Equal(first, graph.ConstAs(first, length)), graph.ZerosLike(first), first)
	return graph.ReduceSum(graph.Mul(x, graph.ExpandAxes(graph.ConvertDType(graph.Equal(position, first), x.DType()), -1)), 1)
}
