package clip

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
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
	end := endToken(ids, cfg.EndToken)
	token, after := blocks.encodeOne(scope, x, nn.Causal(g, l), func(x *graph.Node) *graph.Node { return graph.ExpandAxes(at(x, end), 1) })
	for i := range after {
		x = after[i]
		layers.add(fmt.Sprintf("text.after_block.%d", i), x)
	}
	norm := func(x *graph.Node) *graph.Node { return nn.LayerNorm(scope.At("ln_final"), x, blocks.eps) }
	layers.add("text.after_ln_final", norm(x))
	x = norm(token) // [N, W]; the norm works on each token by itself
	projection := nn.Param(scope, g, "text_projection", nn.Normal(1/math.Sqrt(float64(cfg.Width))), cfg.Width, embedDim)
	x = graph.MatMul(x, projection)
	x.AssertDims(n, embedDim)
	return x, layers
}

// textLengths are what texts are cut to before they are encoded, the shortest that holds all up to the end token: the tower is causal, so that nothing
// behind it changes the feature. Each length is a graph of its own, and so there are few.
var textLengths = []int{16, 32}

// byLength yields lengths, the shortest first, and which of the texts [n][contextLength] are cut to each.
func (c TextConfig) byLength(rows [][]int32) iter.Seq2[int, []int] {
	texts := map[int][]int{}
	for i, row := range rows {
		length := c.ContextLength
		for _, l := range textLengths {
			if c.end(row) < l {
				length = min(length, l)
			}
		}
		texts[length] = append(texts[length], i)
	}
	return func(yield func(int, []int) bool) {
		for _, length := range slices.Sorted(maps.Keys(texts)) {
			if !yield(length, texts[length]) {
				return
			}
		}
	}
}

// end is the place at which [endToken] takes the feature of a text.
func (c TextConfig) end(row []int32) int {
	end := int32(c.EndToken)
	if end == 0 {
		end = slices.Max(row)
	}
	return max(slices.Index(row, end), 0)
}

// endToken is 1 at each row's end token, the first of several, and 0 elsewhere, for ids [N, L]: float32 [N, L]. end is the token's id, or 0 for the row's
// largest one. A row without the end token has the 1 at its first position, as Hugging Face's models do.
func endToken(ids *graph.Node, end int) *graph.Node {
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
	return graph.ConvertDType(graph.Equal(position, first), dtypes.Float32)
}

// at picks, of x [N, L, K], each row's numbers at the one place where one [N, L] is 1: [N, K].
func at(x, one *graph.Node) *graph.Node {
	return graph.ReduceSum(graph.Mul(x, graph.ExpandAxes(one, -1)), 1)
}
