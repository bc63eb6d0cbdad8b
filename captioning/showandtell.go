package captioning

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// ShowAndTellConfig says which decoder of Vinyals et al., "Show and Tell" (2015), is built: an LSTM that sees the picture
// once, before the first word, and never again.
type ShowAndTellConfig struct {
	VocabSize  int     `json:"vocab_size"`  // V, the special words included
	EmbedDim   int     `json:"embed_dim"`   // E, of words and of the picture
	Hidden     int     `json:"hidden"`      // H, the LSTM's state
	FeatureDim int     `json:"feature_dim"` // F, numbers of the picture's feature vector
	Dropout    float64 `json:"dropout"`     // share of the LSTM's output that is left out while training
	MaxLen     int     `json:"max_len"`     // most words of a caption that is written, the end word included
}

// ShowAndTellPaper has the sizes of Vinyals et al. 2015, section 4.3.1: 512 for the embeddings and the LSTM. The longest
// caption is ours.
func ShowAndTellPaper(vocabSize, featureDim int) ShowAndTellConfig {
	return ShowAndTellConfig{VocabSize: vocabSize, EmbedDim: 512, Hidden: 512, FeatureDim: featureDim, MaxLen: 30}
}

// Validate returns an error that names the first field with a value that cannot be.
func (c ShowAndTellConfig) Validate() error {
	err := atLeast([]leastValue{{"vocab_size", c.VocabSize, int(End) + 1}, {"embed_dim", c.EmbedDim, 1}, {"hidden", c.Hidden, 1},
		{"feature_dim", c.FeatureDim, 1}, {"max_len", c.MaxLen, 1}})
	if err == nil && !(c.Dropout >= 0 && c.Dropout < 1) {
		err = fmt.Errorf("expected dropout to be from 0 to below 1, found %g", c.Dropout)
	}
	return err
}

// ShowAndTellOutputs are what the decoder computes.
type ShowAndTellOutputs struct {
	Logits *Node // [N, T-1, V] scores of every word
	H      *Node // [N, T-1, H] the LSTM's output after each word
	H0, C0 *Node // [N, H] its state after the picture
}

// DecodeShowAndTell reads the picture's features [N, F], mapped by image_proj, as the first input of the LSTM (Vinyals et
// al. 2015, equation 10), then the words of captions [N, T] (int32), each step saying what the next word is
// (equations 11 and 12). Variables: image_proj, embedding, lstm and out, named as in PyTorch.
func DecodeShowAndTell(scope *model.Scope, cfg ShowAndTellConfig, features, captions *Node) ShowAndTellOutputs {
	features.AssertRank(2)
	captions.AssertRank(2)
	g, N, T, H := features.Graph(), captions.Shape().Dimensions[0], captions.Shape().Dimensions[1], cfg.Hidden
	if d := features.Shape().Dimensions; d[0] != N || d[1] != cfg.FeatureDim || T < 2 {
		panic(fmt.Errorf("expected features [N, F=%d] and captions [N, T] of at least two words, found %s and %s",
			cfg.FeatureDim, features.Shape(), captions.Shape()))
	}
	t := newTeller(scope, cfg, g)
	inputs := graph.Concatenate([]*Node{t.project(features), t.embed(wordsRead(captions))}, 0) // [T N, E], the picture first
	// Each [4H, N]: columns, as the states are (steps.go).
	sums := nn.Split(graph.Add(times(t.ih, inputs), graph.InsertAxes(t.bias, 1)), 1, slices.Repeat([]int{N}, T)...)

	h0, c0 := lstmCell(sums[0], graph.Zeros(g, shapes.Make(dtypes.Float32, H, N)), 0)
	recurrent, h, c := newShared(t.hh), h0, c0
	var hs []*Node
	for _, sum := range sums[1:] {
		h, c = lstmCell(graph.Add(sum, recurrent.times(h)), c, 0)
		hs = append(hs, h)
	}
	all := stacked(hs)
	return ShowAndTellOutputs{Logits: t.logits(all), H: all, H0: columns(h0), C0: columns(c0)}
}

// teller holds the weights of Show and Tell as nodes of a graph.
type teller struct {
	cfg          ShowAndTellConfig
	scope        *model.Scope
	ih, hh, bias *Node // [4H, E], [4H, H], [4H]
	table        *Node // [V, E]
}

func newTeller(scope *model.Scope, cfg ShowAndTellConfig, g *graph.Graph) *teller {
	ih, hh, bias := lstmParams(scope, g, cfg.EmbedDim, cfg.Hidden)
	table := nn.Param(scope.At("embedding"), g, "weight", nn.Uniform(0.1), cfg.VocabSize, cfg.EmbedDim)
	return &teller{cfg: cfg, scope: scope, ih: ih, hh: hh, bias: bias, table: table}
}

// project makes an input [N, E] of pictures [N, F], embed of words [n].
func (t *teller) project(features *Node) *Node {
	return nn.Linear(t.scope.At("image_proj"), features, t.cfg.EmbedDim, true)
}

func (t *teller) embed(words *Node) *Node { return nn.Lookup(t.table, words) }

// inputs returns what x [n, E] adds to the LSTM's gates, the biases included: [n, 4H].
func (t *teller) inputs(x *Node) *Node { return graph.Add(times(x, t.ih), graph.InsertAxes(t.bias, 0)) }

// look is the LSTM's first step, which reads the picture in the state h = c = 0; step is every other.
func (t *teller) look(input *Node) (h, c *Node) {
	return lstmCell(input, graph.Zeros(input.Graph(), shapes.Make(dtypes.Float32, input.Shape().Dim(0), t.cfg.Hidden)), 1)
}

func (t *teller) step(input, h, c *Node) (nextH, nextC *Node) {
	return lstmCell(graph.Add(input, times(h, t.hh)), c, 1)
}

// logits returns the words' scores [..., V] in the states h [..., H].
func (t *teller) logits(h *Node) *Node {
	said := nn.Dropout(t.scope, h, t.cfg.Dropout, t.scope.IsTraining(h.Graph()))
	return nn.Linear(t.scope.At("out"), said, t.cfg.VocabSize, true)
}

// ShowAndTellLoss is the mean of -log p over all words (Vinyals et al. 2015, equation 13, over a batch): of the T words of
// captions [N, T], the first lengths [N] count, start and end included. DoublyStochastic is 0.
func ShowAndTellLoss(out ShowAndTellOutputs, captions, lengths *Node) Losses {
	nll, _, mask := wordLosses(out.Logits, captions, lengths, 0)
	mean := graph.Div(graph.ReduceAllSum(nll), graph.MaxScalar(graph.ReduceAllSum(mask), 1))
	return Losses{Total: mean, CrossEntropy: mean, DoublyStochastic: graph.ZerosLike(mean),
		PerExample: graph.ReduceSum(nll, 1), Steps: graph.ReduceSum(mask, 1)}
}
