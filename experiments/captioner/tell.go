package captioner

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// NewShowAndTell makes a captioner that is Show and Tell's: its decoder sees the picture once, before the first word, as the
// mean over all places of what the encoder sees. Of the configuration it takes embed_dim, hidden, dropout and max_len.
func NewShowAndTell(b *backend.Backend, cfg captioning.Config, vocabulary *captioning.Vocabulary, encoder *Encoder, seed int64) (*Model, error) {
	cfg.Attention, cfg.Gate, cfg.DeepOutput, cfg.Lambda, cfg.Hard = captioning.AttentionUniform, captioning.GateNone, false, 0, captioning.Hard{}
	c, err := New(b, cfg, vocabulary, encoder, seed)
	if err != nil {
		return nil, err
	}
	c.Tells = true
	return c, c.telling().Validate()
}

// telling is the configuration of Show and Tell's decoder.
func (c *Model) telling() captioning.ShowAndTellConfig {
	return captioning.ShowAndTellConfig{VocabSize: c.Config.VocabSize, EmbedDim: c.Config.EmbedDim, Hidden: c.Config.Hidden,
		FeatureDim: c.Config.FeatureDim, Dropout: c.Config.Dropout, MaxLen: c.Config.MaxLen}
}

// Looks says whether the decoder has attention weights, one for each place and word. Without attention they are all the same; Show and Tell and
// language models and BLIP have none that could be drawn, nor has an ensemble whose members do not all look, at the same places.
func (c *Model) Looks() bool { return !c.Tells && c.Language == nil && c.BLIP == nil && !c.apart }

// decoder is a decoder as it is asked for captions, with the shapes of its weights by their names.
type decoder interface {
	captioning.Decoder
	WeightShapes() map[string][]int
}

// decoder is the model's.
func (c *Model) decoder() decoder {
	if c.Language != nil {
		return *c.Language
	}
	if c.BLIP != nil {
		return *c.BLIP
	}
	if c.Tells {
		return c.telling()
	}
	return c.Config
}

// tellLosses is [Model.losses] for Show and Tell.
func (c *Model) tellLosses(scope *model.Scope, features, captions, lengths *graph.Node, said func(logits *graph.Node) *graph.Node) captioning.Losses {
	out := captioning.DecodeShowAndTell(scope, c.telling(), graph.ReduceMean(features, 1), captions)
	out.Logits = said(out.Logits)
	return captioning.ShowAndTellLoss(out, captions, lengths)
}

// meanOfPlaces are the means [n, D] over the places of features [n, L, D].
func (c *Model) meanOfPlaces(features []float32) []float32 {
	L, D := c.Config.Locations, c.Config.FeatureDim
	out := make([]float32, len(features)/L)
	for i, v := range features {
		out[i/(L*D)*D+i%D] += v / float32(L)
	}
	return out
}
