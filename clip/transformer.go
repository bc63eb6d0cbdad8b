package clip

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// transformer holds the sizes of a stack of blocks, which texts and the patches of a ViT go through alike.
type transformer struct {
	width, layers, heads int
	mlp                  int // hidden units of a block's network
	activation           Activation
	eps                  float64 // of the layer norms
}

// layerNormEps is CLIP's.
const layerNormEps = 1e-5

func (t TextConfig) blocks() transformer {
	return transformer{t.Width, t.Layers, t.Heads, orElse(t.MLP, 4*t.Width), t.Activation.name(), orElse(t.LayerNormEps, layerNormEps)}
}

func (v ViTConfig) blocks() transformer {
	return transformer{v.Width, v.Layers, v.Heads, orElse(v.MLP, 4*v.Width), v.Activation.name(), orElse(v.LayerNormEps, layerNormEps)}
}

// orElse is v, or fallback when v is zero.
func orElse[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// encode runs x [N, L, W] through all blocks and returns what is behind each of them; the last is the result. bias
// [1, 1, L, L], or nil for none, is added to the attention's scores.
func (t transformer) encode(scope *model.Scope, x, bias *graph.Node) (after []*graph.Node) {
	scope = scope.At("transformer").At("resblocks")
	for i := range t.layers {
		x = t.block(scope.At("%d", i), x, bias)
		after = append(after, x)
	}
	return after
}

// encodeOne is [transformer.encode] for a tower that wants one token of each row: token [N, W] is the last block's result there. Of the other tokens the last
// block then computes keys and values alone, as long as nobody asks for its whole result. pick takes the rows' tokens out of [N, L, K]: [N, 1, K].
func (t transformer) encodeOne(scope *model.Scope, x, bias *graph.Node, pick func(*graph.Node) *graph.Node) (token *graph.Node, after []*graph.Node) {
	after = t.encode(scope, x, bias)
	if t.layers == 0 {
		return graph.Reshape(pick(x), -1, t.width), after
	}
	if n := t.layers; n > 1 {
		x = after[n-2]
	}
	if bias != nil { // the row of each text's token
		l := x.Shape().Dim(1)
		bias = graph.ExpandAxes(pick(graph.BroadcastToDims(graph.Reshape(bias, 1, l, l), x.Shape().Dim(0), l, l)), 1)
	}
	token = t.blockAt(scope.At("transformer").At("resblocks").At("%d", t.layers-1), pick(x), x, bias)
	return graph.Reshape(token, -1, t.width), after
}

// blockAt is [transformer.block] for some of its tokens own [N, T, W] of x [N, L, W], whose rows of the bias are [N, 1, T, L].
func (t transformer) blockAt(scope *model.Scope, own, x, bias *graph.Node) *graph.Node {
	norm := func(x *graph.Node) *graph.Node { return nn.LayerNorm(scope.At("ln_1"), x, t.eps) }
	own = graph.Add(own, t.attentionAt(scope.At("attn"), norm(own), norm(x), bias))
	return graph.Add(own, t.feedForward(scope.At("mlp"), nn.LayerNorm(scope.At("ln_2"), own, t.eps)))
}

// attentionAt is [transformer.selfAttention] of the tokens own [N, T, W] on all of x [N, L, W].
func (t transformer) attentionAt(scope *model.Scope, own, x, bias *graph.Node) *graph.Node {
	weight, shift := t.projectionIn(scope, x)
	weights, shifts := nn.Split(weight, 0, t.width, 2*t.width), nn.Split(shift, 0, t.width, 2*t.width)
	kv := nn.Split(nn.Affine(x, weights[1], shifts[1]), -1, t.width, t.width)
	return t.projectedOut(scope, nn.Attend(nn.Affine(own, weights[0], shifts[0]), kv[0], kv[1], t.heads, bias))
}

// Causal runs x [N, L, W] through the text tower's transformer, each token seeing itself and those before it: the same shape, after the final norm. It is for
// sequences of other things than words: of cfg it takes width, layers, heads, mlp, activation and layer_norm_eps.
func Causal(scope *model.Scope, cfg TextConfig, x *graph.Node) *graph.Node {
	n, l := x.Shape().Dim(0), x.Shape().Dim(1)
	x.AssertDims(n, l, cfg.Width)
	blocks := cfg.blocks()
	for _, after := range blocks.encode(scope, x, nn.Causal(x.Graph(), l)) {
		x = after
	}
	return nn.LayerNorm(scope.At("ln_final"), x, blocks.eps)
}

// block is one pre-norm residual attention block: x [N, L, W] to the same shape.
func (t transformer) block(scope *model.Scope, x, bias *graph.Node) *graph.Node {
	x = graph.Add(x, t.selfAttention(scope.At("attn"), nn.LayerNorm(scope.At("ln_1"), x, t.eps), bias))
	return graph.Add(x, t.feedForward(scope.At("mlp"), nn.LayerNorm(scope.At("ln_2"), x, t.eps)))
}

// selfAttention is multi-head attention of x [N, L, W] on itself, with the parameter names of PyTorch's
// MultiheadAttention.
func (t transformer) selfAttention(scope *model.Scope, x, bias *graph.Node) *graph.Node {
	weight, shift := t.projectionIn(scope, x)
	qkv := nn.Split(nn.Affine(x, weight, shift), -1, t.width, t.width, t.width) // [N, L, W] each
	return t.projectedOut(scope, nn.Attend(qkv[0], qkv[1], qkv[2], t.heads, bias))
}

// projectionIn makes queries, keys and values, in this order: [3W, W] and [3W].
func (t transformer) projectionIn(scope *model.Scope, g graph.GraphProvider) (weight, bias *graph.Node) {
	weight = nn.Param(scope, g, "in_proj_weight", nn.Normal(1/math.Sqrt(float64(t.width))), 3*t.width, t.width)
	return weight, nn.Param(scope, g, "in_proj_bias", nn.Zeros, 3*t.width)
}

func (t transformer) projectedOut(scope *model.Scope, x *graph.Node) *graph.Node {
	return linear(scope.At("out_proj"), x, t.width, nn.Normal(t.residualStd()))
}

// feedForward is the block's two-layer network.
func (t transformer) feedForward(scope *model.Scope, x *graph.Node) *graph.Node {
	x = linear(scope.At("c_fc"), x, t.mlp, nn.Normal(1/math.Sqrt(2*float64(t.width))))
	return linear(scope.At("c_proj"), t.activation.apply(x), t.width, nn.Normal(t.residualStd()))
}

func (a Activation) apply(x *graph.Node) *graph.Node {
	if a == GELU {
		half := graph.MulScalar(x, 0.5)
		return graph.Mul(half, graph.AddScalar(graph.Erf(graph.MulScalar(x, math.Sqrt2/2)), 1))
	}
	return nn.QuickGELU(x)
}

// residualStd is the initial spread of what is added to the residual stream, smaller the more layers add to it.
func (t transformer) residualStd() float64 {
	return 1 / math.Sqrt(float64(t.width)*2*float64(t.layers))
}

// linear is a fully connected layer x [..., in] to [..., out] whose weight starts from init and whose bias from 0.
func linear(scope *model.Scope, x *graph.Node, out int, init nn.Init) *graph.Node {
	weight := nn.Param(scope, x, "weight", init, out, x.Shape().Dim(-1))
	return nn.Affine(x, weight, nn.Param(scope, x, "bias", nn.Zeros, out))
}
