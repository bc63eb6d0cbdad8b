package clip

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// The text encoders and predictors that section 2.3 of Radford et al. 2021 sets beside CLIP: bags of words, and the
// transformer as a language model.

// EncodeBagOfWords is [EncodeText] without any order: a network of one hidden layer (4 W, ReLU) on the mean of the tokens'
// embeddings, ids [N, L] to [N, embedDim], not normalised. Padding, whose id is 0, does not count.
func EncodeBagOfWords(scope *model.Scope, cfg TextConfig, embedDim int, ids *graph.Node) *graph.Node {
	g, w := ids.Graph(), cfg.Width
	scope = scope.At("bag")
	table := nn.Param(scope.At("token_embedding"), g, "weight", nn.Normal(0.02), cfg.VocabSize, w)
	counts := graph.ConvertDType(graph.GreaterThan(ids, graph.ZerosLike(ids)), table.DType()) // [N, L]
	sum := graph.ReduceSum(graph.Mul(nn.Lookup(table, ids), graph.ExpandAxes(counts, -1)), 1)
	x := nn.LayerNorm(scope.At("ln"), graph.Div(sum, graph.ReduceAndKeep(counts, graph.ReduceSum, -1)), layerNormEps)
	linear := func(name string, x *graph.Node, in, out int) *graph.Node {
		return graph.MatMul(x, nn.Param(scope.At("%s", name), g, "weight", nn.Normal(1/math.Sqrt(float64(in))), in, out))
	}
	return linear("out", nn.ReLU(linear("hidden", x, w, 4*w)), 4*w, embedDim)
}

// LanguageModel is the text transformer that predicts a picture's text, the picture standing where the start token would: prefix
// [N, W] are the pictures, ids [N, L] (int32) the texts, start token first. It returns the scores [N, L-1, V] of all tokens at
// each place, those of place t for ids[t+1], which no later token has a part in. They are products with the token embeddings
// (Press and Wolf 2017). Variables are named as in [TextTower]; text_projection is not one of them.
func LanguageModel(scope *model.Scope, cfg TextConfig, prefix, ids *graph.Node) *graph.Node {
	g, n, l := ids.Graph(), ids.Shape().Dim(0), ids.Shape().Dim(1)
	if l < 2 || l > cfg.ContextLength {
		panic(fmt.Errorf("LanguageModel: expected 2 to %d ids a text, the model's context, found %s", cfg.ContextLength, ids.Shape()))
	}
	prefix.AssertDims(n, cfg.Width)
	table := nn.Param(scope.At("token_embedding"), g, "weight", nn.Normal(0.02), cfg.VocabSize, cfg.Width)
	positions := nn.Param(scope, g, "positional_embedding", nn.Normal(0.01), cfg.ContextLength, cfg.Width)
	x := graph.ExpandAxes(prefix, 1) // [N, 1, W]
	if l > 2 {
		x = graph.Concatenate([]*graph.Node{x, nn.Lookup(table, graph.SliceAxis(ids, 1, graph.AxisRange(1, l-1)))}, 1)
	}
	x = graph.Add(x, graph.ExpandAxes(graph.Slice(positions, graph.AxisRange(0, l-1)), 0)) // [N, L-1, W]
	blocks := cfg.blocks()
	for _, after := range blocks.encode(scope, x, nn.Causal(g, l-1)) {
		x = after
	}
	return nn.Affine(nn.LayerNorm(scope.At("ln_final"), x, blocks.eps), table, nil)
}
