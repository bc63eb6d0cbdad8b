package clip

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// EncodeText maps token ids [N, L] (int32, start token first, end token the largest id of each row, anything after
// it) to features [N, embedDim], not normalised: section 2.4, the text transformer with causal attention, its
// feature taken at the end token.
func EncodeText(scope *model.Scope, cfg TextConfig, embedDim int, ids *graph.Node) *graph.Node {
	g, n, l := ids.Graph(), ids.Shape().Dim(0), ids.Shape().Dim(1)
	table := nn.Param(scope.At("token_embedding"), g, "weight", nn.Normal(0.02), cfg.VocabSize, cfg.Width)
	positions := nn.Param(scope, g, "positional_embedding", nn.Normal(0.01), cfg.ContextLength, cfg.Width)
	x := nn.Lookup(table, ids) // [N, L, W]
	x = graph.Add(x, graph.ExpandAxes(graph.Slice(positions, graph.AxisRange(0, l)), 0))

	mask := graph.LowerTriangular(g, l) // a token sees itself and those before it
	blocks := scope.At("transformer").At("resblocks")
	for i := range cfg.Layers {
		x = transformerBlock(blocks.At("%d", i), cfg.Width, cfg.Heads, cfg.Layers, x, mask)
	}
	x = atEndToken(x, ids) // [N, W]; the norm below works on each token by itself
	x = nn.LayerNorm(scope.At("ln_final"), x, layerNormEps)
	projection := nn.Param(scope, g, "text_projection", nn.Normal(1/math.Sqrt(float64(cfg.Width))), cfg.Width, embedDim)
	x = graph.MatMul(x, projection)
	x.AssertDims(n, embedDim)
	return x
}

// atEndToken picks, of x [N, L, W], each row's features at its largest id: the end token, or the first of several.
func atEndToken(x, ids *graph.Node) *graph.Node {
	end := graph.Equal(ids, graph.ReduceAndKeep(ids, graph.ReduceMax, -1)) // [N, L]
	position := graph.IotaLike(ids, -1)
	beyond := graph.MulScalar(graph.OnesLike(ids), ids.Shape().Dim(-1))
	first := graph.ReduceAndKeep(graph.Where(end, position, beyond), graph.ReduceMin, -1)
	return graph.ReduceSum(graph.Mul(x, graph.ExpandAxes(graph.ConvertDType(graph.Equal(position, first), x.DType()), -1)), 1)
}

// transformerBlock is one pre-norm residual attention block: x [N, L, W] to the same shape. mask [L, L] is true
// where a query (row) may look at a key (column).
func transformerBlock(scope *model.Scope, width, heads, layers int, x, mask *graph.Node) *graph.Node {
	x = graph.Add(x, selfAttention(scope.At("attn"), width, heads, layers, nn.LayerNorm(scope.At("ln_1"), x, layerNormEps), mask))
	return graph.Add(x, feedForward(scope.At("mlp"), width, layers, nn.LayerNorm(scope.At("ln_2"), x, layerNormEps)))
}

// selfAttention is multi-head attention of x [N, L, W] on itself, with the parameter names of PyTorch's
// MultiheadAttention.
func selfAttention(scope *model.Scope, width, heads, layers int, x, mask *graph.Node) *graph.Node {
	g, n, l, head := x.Graph(), x.Shape().Dim(0), x.Shape().Dim(1), width/heads
	inStd := 1 / math.Sqrt(float64(width))
	weight := nn.Param(scope, g, "in_proj_weight", nn.Normal(inStd), 3*width, width)
	bias := nn.Param(scope, g, "in_proj_bias", nn.Zeros, 3*width)
	qkv := nn.Affine(x, weight, bias)                                                     // [N, L, 3W]
	qkv = graph.TransposeAllAxes(graph.Reshape(qkv, n, l, 3, heads, head), 2, 0, 3, 1, 4) // [3, N, heads, L, head]
	part := func(i int) *graph.Node { return graph.Reshape(graph.Slice(qkv, graph.AxisElem(i)), n*heads, l, head) }
	q, k, v := part(0), part(1), part(2)

	scores := graph.MulScalar(graph.DotGeneral(q, []int{2}, []int{0}, k, []int{2}, []int{0}), 1/math.Sqrt(float64(head))) // [N*heads, L, L]
	scores = graph.Where(graph.BroadcastToDims(graph.ExpandAxes(mask, 0), n*heads, l, l), scores, graph.MulScalar(graph.OnesLike(scores), -1e9))
	x = graph.DotGeneral(graph.Softmax(scores, -1), []int{2}, []int{0}, v, []int{1}, []int{0}) // [N*heads, L, head]
	x = graph.Reshape(graph.TransposeAllAxes(graph.Reshape(x, n, heads, l, head), 0, 2, 1, 3), n, l, width)
	return linear(scope.At("out_proj"), x, width, nn.Normal(residualStd(width, layers)))
}

// feedForward is the block's two-layer network with QuickGELU: x * sigmoid(1.702 x).
func feedForward(scope *model.Scope, width, layers int, x *graph.Node) *graph.Node {
	x = linear(scope.At("c_fc"), x, 4*width, nn.Normal(1/math.Sqrt(2*float64(width))))
	x = graph.Mul(x, graph.Sigmoid(graph.MulScalar(x, 1.702)))
	return linear(scope.At("c_proj"), x, width, nn.Normal(residualStd(width, layers)))
}

// residualStd is the initial spread of what is added to the residual stream, smaller the more layers add to it.
func residualStd(width, layers int) float64 {
	return 1 / math.Sqrt(float64(width)*2*float64(layers))
}

// layerNormEps is CLIP's.
const layerNormEps = 1e-5

// linear is a fully connected layer x [..., in] to [..., out] whose weight starts from init and whose bias from 0.
func linear(scope *model.Scope, x *graph.Node, out int, init nn.Init) *graph.Node {
	weight := nn.Param(scope, x, "weight", init, out, x.Shape().Dim(-1))
	return nn.Affine(x, weight, nn.Param(scope, x, "bias", nn.Zeros, out))
}
