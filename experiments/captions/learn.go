package captions

import (
	"context"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Maker makes a captioner with fresh weights for a vocabulary and an encoder.
type Maker func(b *backend.Backend, vocabulary *captioning.Vocabulary, encoder *captioner.Encoder, seed int64) (*captioner.Model, error)

// decoder makes the captioner that the configuration names.
func (c Config) decoder() Maker {
	make := captioner.New
	if c.Decoder == tell {
		make = captioner.NewShowAndTell
	}
	return func(b *backend.Backend, vocabulary *captioning.Vocabulary, encoder *captioner.Encoder, seed int64) (*captioner.Model, error) {
		return make(b, c.Model, vocabulary, encoder, seed)
	}
}

// Defaults is the configuration of captions/flickr8k in a form.
func Defaults(form experiments.Form, kind backend.Kind) Config { return defaults(form, kind) }

// Learned is a captioner that [Learn] has trained.
type Learned struct {
	Model   *captioner.Model // to be closed
	Phase   *Phase
	Set     *captioner.Set // that the captions are scored on: test pictures in a final run, else dev pictures
	Remarks []string
}

// Learn trains a captioner of another make, or of the configuration's own where make is nil, as captions/flickr8k trains its own, without self-critical
// training behind it, and scores its captions: so that another decoder can be set beside Show, Attend and Tell. The name tells its training from
// others of the run.
func Learn(ctx context.Context, env *experiments.Env, cfg Config, name string, make Maker) (*Learned, error) {
	if make == nil {
		make = cfg.decoder()
	}
	var result experiments.Result
	c, data, err := prepare(ctx, env, cfg, make, &result)
	if err != nil {
		return nil, err
	}
	phase, err := foretell(ctx, env, cfg, name, c, data, nil)
	if err == nil {
		err = phase.score(ctx, env, cfg, c, data)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	set := data.dev
	if cfg.Final {
		set = data.test
	}
	return &Learned{Model: c, Phase: phase, Set: set, Remarks: result.Remarks}, nil
}
