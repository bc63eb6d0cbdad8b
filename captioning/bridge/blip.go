package bridge

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning/language"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// MED holds the sizes of BLIP's text transformer, a mixture of encoder and decoder: Li et al. 2022, "BLIP: Bootstrapping Language-Image Pre-training for
// Unified Vision-Language Understanding and Generation" (arXiv 2201.12086), section 3.1, figure 2. One set of weights reads texts in three ways
// ([Mode]); each way has one of the three losses, which package captioning has.
type MED struct {
	VocabSize int `json:"vocab_size"` // V; the tokens V and V+1 begin a text that is read alone, and one that is read with a picture
	Context   int `json:"context"`    // most tokens of a text
	Width     int `json:"width"`      // W
	Layers    int `json:"layers"`
	Heads     int `json:"heads"` // W is a multiple

	Dropout float64 `json:"dropout"` // share of the tokens' vectors, and of what each part of a layer adds, that is left out while training
}

// Mode is how a text is read.
type Mode int

const (
	Alone    Mode = iota // both ways, without the picture: the unimodal encoder
	Grounded             // both ways, looking at the picture: the image-grounded encoder
	Speaking             // each token sees those before it, and the picture: the image-grounded decoder
)

// Check says what is wrong with the sizes, if anything is.
func (c MED) Check() error {
	if c.VocabSize < 1 || c.Context < 2 || c.Width < 1 || c.Layers < 1 || c.Heads < 1 || c.Width%c.Heads != 0 {
		return fmt.Errorf("expected a text transformer with a vocabulary, a context of at least 2 tokens, layers and a width that is a multiple of its heads, found %+v", c)
	}
	if !(c.Dropout >= 0 && c.Dropout < 1) {
		return fmt.Errorf("expected dropout to be from 0 to below 1, found %g", c.Dropout)
	}
	return nil
}

// Read reads the first lengths [N] (int32) tokens of texts ids [N, T] (int32), whose first token is replaced by that of the mode (but for Speaking),
// with what their pictures are to the layers, as [MED.Look] says: [N, T, W].
//
// As in the paper all weights are shared but those of the self-attention, of which the decoder has its own; the cross-attention stands between it and
// the network. Layer norms come first in each part, where BLIP, which starts from BERT, has them last. Variables in scope: wte [V+2, W], wpe [context,
// W], layers.0... with norm1, attn or attn_speaking, norm_memory, norm_cross, cross, norm2, mlp; norm.
func (c MED) Read(scope *model.Scope, mode Mode, ids, lengths *Node, seen []language.KeysValues) *Node {
	if err := c.Check(); err != nil {
		panic(err)
	}
	N, T := ids.Shape().Dim(0), ids.Shape().Dim(1)
	lengths.AssertDims(N)
	if T > c.Context {
		panic(fmt.Errorf("expected texts of at most %d tokens, found %s", c.Context, ids.Shape()))
	}
	x := graph.Add(nn.Lookup(c.tokens(scope, ids), c.begin(mode, ids)), graph.ExpandAxes(graph.Slice(c.positions(scope, ids), graph.AxisRange(0, T)), 0))
	x = c.drop(scope, x)
	bias, attention := hidden(mode, lengths, T), "attn"
	if mode == Speaking {
		attention = speaking
	}
	for i := range c.Layers {
		s := scope.At("layers").At("%d", i)
		y := nn.LayerNorm(s.At("norm1"), x, eps)
		x = graph.Add(x, c.drop(s, attend(s.At("%s", attention), y, y, c.Heads, bias)))
		if mode != Alone {
			x = graph.Add(x, c.drop(s, ask(s.At("cross"), nn.LayerNorm(s.At("norm_cross"), x, eps), seen[i], c.Heads, nil)))
		}
		x = graph.Add(x, c.drop(s, feedForward(s.At("mlp"), nn.LayerNorm(s.At("norm2"), x, eps))))
	}
	return nn.LayerNorm(scope.At("norm"), x, eps)
}

// Look is what the features [N, L, D] of pictures' places are to each layer that looks at them: keys and values [N, L, W]. [MED.Read] and [MED.Step] take them, so that
// pictures that several texts are read with are looked at once.
func (c MED) Look(scope *model.Scope, features *Node) (seen []language.KeysValues) {
	features.AssertRank(3)
	for i := range c.Layers {
		s := scope.At("layers").At("%d", i)
		seen = append(seen, keysValues(s.At("cross"), nn.LayerNorm(s.At("norm_memory"), features, eps), c.Width))
	}
	return seen
}

// Step reads one more token in each of N K texts, K of each of the N pictures seen: words [N K] (int32), of which at [N K] (int32) were read before. own
// are every layer's keys and values [N K, S, W] of those, with places for S. It returns what Read, in speaking, says of the whole text behind that
// token, [N K, W], and own with the token in it.
func (c MED) Step(scope *model.Scope, words, at *Node, seen, own []language.KeysValues) (h *Node, after []language.KeysValues) {
	rows, N, S := words.Shape().Dim(0), seen[0].K.Shape().Dim(0), own[0].K.Shape().Dim(1)
	at.AssertDims(rows)
	if S > c.Context {
		panic(fmt.Errorf("expected places for at most %d tokens, found %d", c.Context, S))
	}
	place, column := graph.Iota(words.Graph(), shapes.Make(dtypes.Int32, rows, S), 1), graph.InsertAxes(at, -1)
	here := graph.ConvertDType(graph.Equal(place, column), dtypes.Float32)
	later := graph.MulScalar(graph.ConvertDType(graph.GreaterThan(place, column), dtypes.Float32), never)
	x := graph.InsertAxes(graph.Add(nn.Lookup(c.tokens(scope, words), words), graph.Gather(c.positions(scope, words), column)), 1)
	for i := range c.Layers {
		s := scope.At("layers").At("%d", i)
		y := nn.LayerNorm(s.At("norm1"), x, eps)
		token := keysValues(s.At(speaking), y, c.Width)
		kept := language.KeysValues{K: language.Put(own[i].K, token.K, here), V: language.Put(own[i].V, token.V, here)}
		x = graph.Add(x, ask(s.At(speaking), y, kept, c.Heads, graph.InsertAxes(later, 1, 1)))
		together := graph.Reshape(nn.LayerNorm(s.At("norm_cross"), x, eps), N, -1, c.Width) // the texts of a picture ask it together
		x = graph.Add(x, graph.Reshape(ask(s.At("cross"), together, seen[i], c.Heads, nil), rows, 1, c.Width))
		x = graph.Add(x, feedForward(s.At("mlp"), nn.LayerNorm(s.At("norm2"), x, eps)))
		after = append(after, kept)
	}
	return graph.Squeeze(nn.LayerNorm(scope.At("norm"), x, eps), 1), after
}

// Scores are those [..., V] of the tokens that follow h [..., W]: products with the tokens' vectors.
func (c MED) Scores(scope *model.Scope, h *Node) *Node {
	return nn.Affine(h, graph.Slice(c.tokens(scope, h), graph.AxisRange(0, c.VocabSize)), nil)
}

func (c MED) tokens(scope *model.Scope, g graph.GraphProvider) *Node {
	return nn.Param(scope.At("wte"), g, "weight", nn.Normal(0.02), c.VocabSize+2, c.Width)
}

func (c MED) positions(scope *model.Scope, g graph.GraphProvider) *Node {
	return nn.Param(scope.At("wpe"), g, "weight", nn.Normal(0.01), c.Context, c.Width)
}

func (c MED) drop(scope *model.Scope, x *Node) *Node {
	return nn.Dropout(scope, x, c.Dropout, scope.IsTraining(x.Graph()))
}

// speaking is the scope of the self-attention that reads word by word.
const speaking = "attn_speaking"

// never is a score whose exponential is 0.
const never = -1e9

// begin puts the mode's token in the place of the first of ids [N, T].
func (c MED) begin(mode Mode, ids *Node) *Node {
	if mode == Speaking {
		return ids
	}
	first := graph.AddScalar(graph.ZerosLike(graph.SliceAxis(ids, 1, graph.AxisRange(0, 1))), int32(c.VocabSize+int(mode)))
	return graph.Concatenate([]*Node{first, graph.SliceAxis(ids, 1, graph.AxisRangeToEnd(1))}, 1)
}

// hidden [N, 1, T, T] keeps tokens (rows) from those that are not there, and in speaking from those after them.
func hidden(mode Mode, lengths *Node, T int) *Node {
	g, N := lengths.Graph(), lengths.Shape().Dim(0)
	at := func(axis int) *Node { return graph.Iota(g, shapes.Make(dtypes.Int32, N, T, T), axis) }
	shut := graph.GreaterOrEqual(at(2), graph.BroadcastToDims(graph.Reshape(lengths, N, 1, 1), N, T, T))
	if mode == Speaking {
		shut = graph.LogicalOr(shut, graph.GreaterThan(at(2), at(1)))
	}
	return graph.InsertAxes(graph.MulScalar(graph.ConvertDType(shut, dtypes.Float32), never), 1)
}
