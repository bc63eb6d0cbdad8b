package captioner

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// NewLanguage makes a captioner whose decoder is a language model with a bridge from the picture to it. What the configuration leaves to data and
// encoder (sizes of vocabulary, features and context) is set from them.
func NewLanguage(b *backend.Backend, cfg captioning.LanguageConfig, vocabulary *captioning.Vocabulary, encoder *Encoder, seed int64) (*Model, error) {
	fit := cfg.Fit(vocabulary.Len(), encoder.Grid*encoder.Grid, encoder.Channels)
	if err := fit.Validate(); err != nil {
		return nil, err
	}
	c, err := New(b, ofAnyMake(cfg.MaxLen), vocabulary, encoder, seed)
	if err != nil {
		return nil, err
	}
	c.Language = &fit
	return c, nil
}

// ofAnyMake is what a captioner's files hold of a decoder that is no LSTM.
func ofAnyMake(maxLen int) captioning.Config {
	like := captioning.Small(0)
	like.Attention, like.Gate, like.Lambda, like.MaxLen = captioning.AttentionUniform, captioning.GateNone, 0, maxLen
	return like
}

// languageLosses is [Model.losses] for a language model.
func (c *Model) languageLosses(scope *model.Scope, features, captions, lengths *graph.Node, said func(logits *graph.Node) *graph.Node) captioning.Losses {
	logits := captioning.DecodeLanguage(scope, *c.Language, features, captions)
	return captioning.LanguageLoss(*c.Language, said(logits), captions, lengths)
}

// Weights is how many numbers the captioner has learned, its encoder's included where that is trained with it.
func (c *Model) Weights() (n int) {
	for v := range c.Store.IterVariables() {
		if isWeight(v.Path()) {
			n += v.Shape().Size()
		}
	}
	return n
}
