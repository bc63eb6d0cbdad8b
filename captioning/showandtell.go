package captioning

import (
	"fmt"

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
}

// ShowAndTellPaper has the sizes of Vinyals et al. 2015, section 4.3.1: 512 for the embeddings and the LSTM.
func ShowAndTellPaper(vocabSize, featureDim int) ShowAndTellConfig {
	return ShowAndTellConfig{VocabSize: vocabSize, EmbedDim: 512, Hidden: 512, FeatureDim: featureDim}
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
	ih, hh, bias := lstmParams(scope, g, cfg.EmbedDim, H)
	recurrent := newShared(hh)
	table := nn.Param(scope.At("embedding"), g, "weight", nn.Uniform(0.1), cfg.VocabSize, cfg.EmbedDim)
	picture := nn.Linear(scope.At("image_proj"), features, cfg.EmbedDim, true)
	inputs := graph.Concatenate([]*Node{picture, nn.Lookup(table, wordsRead(captions))}, 0) // [T N, E], the picture first
	sums := unstack(graph.Reshape(graph.Add(times(ih, inputs), bias), T, N, 4*H))

	zero := graph.Zeros(g, shapes.Make(dtypes.Float32, N, H))
	h0, c0 := lstmCell(sums[0], zero)
	h, c := h0, c0
	var hs []*Node
	for _, sum := range sums[1:] {
		h, c = lstmCell(graph.Add(sum, recurrent.times(h)), c)
		hs = append(hs, graph.InsertAxes(h, 1))
	}
	all := graph.Concatenate(hs, 1)
	said := nn.Dropout(scope, all, cfg.Dropout, scope.IsTraining(g))
	return ShowAndTellOutputs{Logits: nn.Linear(scope.At("out"), said, cfg.VocabSize, true), H: all, H0: h0, C0: c0}
}

// ShowAndTellLoss is the mean of -log p over all words (Vinyals et al. 2015, equation 13, over a batch): of the T words of
// captions [N, T], the first lengths [N] count, start and end included. DoublyStochastic is 0.
func ShowAndTellLoss(out ShowAndTellOutputs, captions, lengths *Node) Losses {
	nll, mask := wordLosses(out.Logits, captions, lengths)
	mean := graph.Div(graph.ReduceAllSum(nll), graph.MaxScalar(graph.ReduceAllSum(mask), 1))
	return Losses{Total: mean, CrossEntropy: mean, DoublyStochastic: graph.ZerosLike(mean),
		PerExample: graph.ReduceSum(nll, 1), Steps: graph.ReduceSum(mask, 1)}
}
