package bridge

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning/language"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Node is a value of a computation graph.
type Node = graph.Node

// MLP maps pictures as a whole, the mean of features [N, L, D] over their places, to prefixes [N, length, width] with one hidden layer of half as many
// numbers as the prefix has and tanh (ClipCap, section 3.3). Variables: clip_project.0 and clip_project.1, weight [out, in] and bias.
func MLP(scope *model.Scope, features *Node, length, width int) *Node {
	features.AssertRank(3)
	scope = scope.At("clip_project")
	hidden := graph.Tanh(nn.Linear(scope.At("0"), graph.ReduceMean(features, 1), max(1, length*width/2), true))
	return graph.Reshape(nn.Linear(scope.At("1"), hidden, length*width, true), -1, length, width)
}

// Linear maps the features [N, L, D] of every place to a vector of its own: [N, L, width] (LLaVA, equation 1: H_v = W Z_v). Variables: mm_projector, weight
// [width, D] and bias.
func Linear(scope *model.Scope, features *Node, width int) *Node {
	features.AssertRank(3)
	return nn.Linear(scope.At("mm_projector"), features, width, true)
}

// TransformerConfig holds the sizes of [Transformer].
type TransformerConfig struct {
	Length int // vectors of the prefix
	Width  int // W, numbers of each
	Layers int
	Heads  int // W is a multiple
}

// Transformer lets learned constants read the picture (ClipCap, section 3.3): the features [N, L, D] of its places, projected, and Length learned vectors go
// through a transformer together, every one seeing every other; what has become of the learned ones is the prefix [N, Length,
// Width]. Variables: linear, prefix_const [Length, W], and layers.0... as [block] has them.
func Transformer(scope *model.Scope, cfg TransformerConfig, features *Node) *Node {
	features.AssertRank(3)
	g, n, L := features.Graph(), features.Shape().Dim(0), features.Shape().Dim(1)
	scope = scope.At("mapper")
	constants := nn.Param(scope, g, "prefix_const", nn.Normal(0.02), cfg.Length, cfg.Width)
	x := graph.Concatenate([]*Node{
		nn.Linear(scope.At("linear"), features, cfg.Width, true),
		graph.BroadcastToDims(graph.InsertAxes(constants, 0), n, cfg.Length, cfg.Width),
	}, 1)
	for i := range cfg.Layers {
		x = block(scope.At("layers").At("%d", i), x, x, cfg.Heads)
	}
	return graph.SliceAxis(x, 1, graph.AxisRangeToEnd(L))
}

// block is a pre-norm block in which x [N, Q, W] reads memory [N, M, W'], x itself or something else, and then goes through a network of one hidden layer
// of 4 W: [N, Q, W].
func block(scope *model.Scope, x, memory *Node, heads int) *Node {
	x = graph.Add(x, attend(scope.At("attn"), nn.LayerNorm(scope.At("norm1"), x, eps), nn.LayerNorm(scope.At("norm_memory"), memory, eps), heads, nil))
	return graph.Add(x, feedForward(scope.At("mlp"), nn.LayerNorm(scope.At("norm2"), x, eps)))
}

// eps is that of the layer norms.
const eps = 1e-5

// attend is multi-head attention of x [N, Q, W] on memory [N, M, W'], with a bias as [nn.Attend] has it, or nil: [N, Q, W]. Variables: to_queries,
// to_keys_values, project.
func attend(scope *model.Scope, x, memory *Node, heads int, bias *Node) *Node {
	return ask(scope, x, keysValues(scope, memory, x.Shape().Dim(2)), heads, bias)
}

// keysValues are what memory [N, M, W'] is to an attention of width W: [N, M, W] each.
func keysValues(scope *model.Scope, memory *Node, W int) language.KeysValues {
	kv := nn.Split(nn.Linear(scope.At("to_keys_values"), memory, 2*W, false), -1, W, W)
	return language.KeysValues{K: kv[0], V: kv[1]}
}

// ask is what x [N, Q, W] reads of keys and values [N, M, W]: [N, Q, W].
func ask(scope *model.Scope, x *Node, of language.KeysValues, heads int, bias *Node) *Node {
	W := x.Shape().Dim(2)
	q := nn.Linear(scope.At("to_queries"), x, W, false)
	return nn.Linear(scope.At("project"), nn.Attend(q, of.K, of.V, heads, bias), W, true)
}

// feedForward is x [..., W] through a hidden layer of 4 W with ReLU.
func feedForward(scope *model.Scope, x *Node) *Node {
	W := x.Shape().Dim(-1)
	return nn.Linear(scope.At("fc2"), nn.ReLU(nn.Linear(scope.At("fc1"), x, 4*W, true)), W, true)
}
