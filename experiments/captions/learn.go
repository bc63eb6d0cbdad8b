package captions

import (
	"context"
	"fmt"

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
		of := c.Model
		if of.Attention != captioning.AttentionHard {
			of.Hard = captioning.Hard{}
		}
		return make(b, of, vocabulary, encoder, seed)
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

// Scored are the scores on [Learned.Set].
func (l *Learned) Scored() *Scored {
	if l.Phase.OnHeldOut != nil {
		return l.Phase.OnHeldOut
	}
	return &l.Phase.OnDev
}

// Written is a caption of a picture of a data set, without what people say of it.
type Written struct {
	ID      string  `json:"id"`
	Caption string  `json:"caption"`
	CIDEr   float64 `json:"cider"`
}

// Written are some captions of the set, spread evenly over it, not chosen.
func (l *Learned) Written() (all []Written) {
	for _, e := range l.Scored().Examples {
		all = append(all, Written{e.ID, e.Caption, e.CIDEr})
	}
	return all
}

// CheckLearn refuses settings of captions/flickr8k that [Learn] has no use for.
func (c Config) CheckLearn() error {
	if c.Critical.Train.Steps != 0 || c.Start != "" || c.Scheduled.Decay != captioning.DecayNone || c.Train.Steps < 1 {
		return fmt.Errorf("captions: expected training by people's words alone, from fresh weights and reading the true words, for at least one step; " +
			"found critical.train.steps, start or scheduled set, or no steps")
	}
	if c.Model.Attention == captioning.AttentionHard {
		return fmt.Errorf("captions.model.attention: expected %s or %s, found %s, which captions/flickr8k trains", captioning.AttentionSoft, captioning.AttentionUniform, c.Model.Attention)
	}
	return c.Check()
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
