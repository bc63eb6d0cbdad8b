package language

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Node is a value of a computation graph.
type Node = graph.Node

// Config holds the sizes of a GPT-2. The names are those of Hugging Face's config.json.
type Config struct {
	VocabSize int     `json:"vocab_size"`         // V
	Context   int     `json:"n_positions"`        // most tokens and vectors before them
	Width     int     `json:"n_embd"`             // W, numbers of a token's vector
	Layers    int     `json:"n_layer"`            // blocks
	Heads     int     `json:"n_head"`             // of the attention; W is a multiple
	Eps       float64 `json:"layer_norm_epsilon"` // of the layer norms
	Dropout   float64 `json:"resid_pdrop"`        // share of what is embedded and of what each half of a block adds that is left out while training
}

// GPT2 is the smallest published model, 124M parameters: Radford et al. 2019, table 2, and its config.json.
func GPT2() Config {
	return Config{VocabSize: 50257, Context: 1024, Width: 768, Layers: 12, Heads: 12, Eps: 1e-5, Dropout: 0.1}
}

// Small is one that a processor core trains in minutes on captions. The sizes are ours.
func Small(vocabSize, context int) Config {
	return Config{VocabSize: vocabSize, Context: context, Width: 192, Layers: 3, Heads: 6, Eps: 1e-5, Dropout: 0.1}
}

// Validate returns an error that names the first field with a value that cannot be.
func (c Config) Validate() error {
	for _, f := range []struct {
		name  string
		value int
	}{{"vocab_size", c.VocabSize}, {"n_positions", c.Context}, {"n_embd", c.Width}, {"n_layer", c.Layers}, {"n_head", c.Heads}} {
		if f.value < 1 {
			return fmt.Errorf("expected %s to be at least 1, found %d", f.name, f.value)
		}
	}
	switch {
	case c.Width%c.Heads != 0:
		return fmt.Errorf("expected n_embd to be a multiple of n_head = %d, found %d", c.Heads, c.Width)
	case !(c.Eps > 0):
		return fmt.Errorf("expected layer_norm_epsilon to be above 0, found %g", c.Eps)
	case !(c.Dropout >= 0 && c.Dropout < 1):
		return fmt.Errorf("expected resid_pdrop to be from 0 to below 1, found %g", c.Dropout)
	}
	return nil
}

// Between is what happens to the vectors [..., W] before a block, the first being block 0. A nil one leaves them as they are.
type Between func(layer int, x *Node) *Node

func (b Between) before(layer int, x *Node) *Node {
	if b == nil {
		return x
	}
	return b(layer, x)
}

// KeysValues are what the tokens of a text, or the vectors before it, are to a block's attention: keys and values [N, T, W].
type KeysValues struct{ K, V *Node }

// Embed looks up the tokens' vectors, without their positions: ids [...] (int32) to [..., W].
func Embed(scope *model.Scope, cfg Config, ids *Node) *Node {
	return nn.Lookup(tokens(scope, cfg, ids), ids)
}

func tokens(scope *model.Scope, cfg Config, g graph.GraphProvider) *Node {
	return nn.Param(scope.At("wte"), g, "weight", nn.Normal(0.02), cfg.VocabSize, cfg.Width)
}

func positions(scope *model.Scope, cfg Config, g graph.GraphProvider) *Node {
	return nn.Param(scope.At("wpe"), g, "weight", nn.Normal(0.01), cfg.Context, cfg.Width)
}

// Run takes vectors x [N, T, W] at the places 0..T-1 through all blocks, none seeing those after it: what is behind the last layer norm [N, T, W], and
// every block's keys and values.
func Run(scope *model.Scope, cfg Config, x *Node, between Between) (h *Node, past []KeysValues) {
	x.AssertRank(3)
	x.AssertDims(-1, -1, cfg.Width)
	T := x.Shape().Dim(1)
	if T > cfg.Context {
		panic(fmt.Errorf("expected at most n_positions = %d vectors, found %s", cfg.Context, x.Shape()))
	}
	at := graph.Slice(positions(scope, cfg, x), graph.AxisRange(0, T))
	x = cfg.drop(scope, graph.Add(x, graph.ExpandAxes(at, 0)))
	future := nn.Causal(x.Graph(), T)
	for i := range cfg.Layers {
		b := cfg.block(scope, i)
		x = between.before(i, x)
		q, own := b.queries(x)
		x = b.finish(x, nn.Attend(q, own.K, own.V, cfg.Heads, future))
		past = append(past, own)
	}
	return nn.LayerNorm(scope.At("ln_f"), x, cfg.Eps), past
}

// Scores are those [..., V] of all tokens in h [..., W]: products with their embeddings.
func Scores(scope *model.Scope, cfg Config, h *Node) *Node {
	return nn.Affine(h, tokens(scope, cfg, h), nil)
}

// Logits are the scores [N, T, V] of the token after each of ids [N, T].
func Logits(scope *model.Scope, cfg Config, ids *Node) *Node {
	h, _ := Run(scope, cfg, Embed(scope, cfg, ids), nil)
	return Scores(scope, cfg, h)
}

// never is a score whose exponential is 0.
const never = -1e9

func (c Config) drop(scope *model.Scope, x *Node) *Node {
	return nn.Dropout(scope, x, c.Dropout, scope.IsTraining(x.Graph()))
}

// block is one block, with its part of the scope.
type block struct {
	cfg   Config
	scope *model.Scope
}

func (c Config) block(scope *model.Scope, i int) block { return block{c, scope.At("h").At("%d", i)} }

// queries are x [N, T, W] as its attention asks, [N, T, W], and as it is asked, behind the first layer norm.
func (b block) queries(x *Node) (q *Node, own KeysValues) {
	W := b.cfg.Width
	qkv := nn.Split(b.affine("attn", "c_attn", nn.LayerNorm(b.scope.At("ln_1"), x, b.cfg.Eps), 3*W, 0.02), -1, W, W, W)
	return qkv[0], KeysValues{qkv[1], qkv[2]}
}

// heads makes [N heads, T, W/heads] of x [N, T, W].
func (b block) heads(x *Node) *Node {
	n, t, w := x.Shape().Dim(0), x.Shape().Dim(1), b.cfg.Width/b.cfg.Heads
	return graph.Reshape(graph.Transpose(graph.Reshape(x, n, t, b.cfg.Heads, w), 1, 2), n*b.cfg.Heads, t, w)
}

// finish adds to x [..., W] what the attention has read, and what the block's network makes of it.
func (b block) finish(x, read *Node) *Node {
	residual := 0.02 / math.Sqrt(2*float64(b.cfg.Layers))
	x = graph.Add(x, b.cfg.drop(b.scope, b.affine("attn", "c_proj", read, b.cfg.Width, residual)))
	hidden := nn.GELUTanh(b.affine("mlp", "c_fc", nn.LayerNorm(b.scope.At("ln_2"), x, b.cfg.Eps), 4*b.cfg.Width, 0.02))
	return graph.Add(x, b.cfg.drop(b.scope, b.affine("mlp", "c_proj", hidden, b.cfg.Width, residual)))
}

// affine is x [..., in] to [..., out] with the weights part.name, whose matrix is [in, out].
func (b block) affine(part, name string, x *Node, out int, std float64) *Node {
	scope := b.scope.At("%s", part).At("%s", name)
	weight := nn.Param(scope, x, "weight", nn.Normal(std), x.Shape().Dim(-1), out)
	bias := nn.Param(scope, x, "bias", nn.Zeros, out)
	flat := graph.MatMul(graph.Reshape(x, -1, x.Shape().Dim(-1)), weight)
	dims := slices.Clone(x.Shape().Dimensions)
	dims[len(dims)-1] = out
	return graph.Reshape(graph.Add(flat, graph.Reshape(bias, 1, out)), dims...)
}
