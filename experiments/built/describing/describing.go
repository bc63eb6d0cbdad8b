// Package describing is the question whether a language model with a picture in front of its words describes it better than Show, Attend and Tell.
package describing

import (
	"context"
	"fmt"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/experiments/captions"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of built/captioning.
type Config struct {
	Captions captions.Config           `json:"captions"` // data, encoder and Show, Attend and Tell; its critical is not used
	Language captioning.LanguageConfig `json:"language"` // of every language model but for the bridge
	LR       float64                   `json:"lr"`       // of the language models; Show, Attend and Tell has that of captions.train
	Bridges  []captioning.Bridge       `json:"bridges"`
}

// Report is what a run found out.
type Report struct {
	Words    int   `json:"words"`    // in the vocabulary
	Pictures int   `json:"pictures"` // that the captions were scored on
	Decoders []One `json:"decoders"` // Show, Attend and Tell first
}

// One is a decoder and what its captions come to.
type One struct {
	Bridge    captioning.Bridge     `json:"bridge"`    // "" for Show, Attend and Tell
	Weights   int                   `json:"weights"`   // numbers that are trained
	Seconds   float64               `json:"seconds"`   // of training, by the clock
	Intervals map[string]stats.Mean `json:"intervals"` // 95% over pictures, a bootstrap
	OnDev     float64               `json:"dev_cider"`
	Examples  []captions.Written    `json:"examples"` // spread evenly over the pictures, not chosen
}

// Study is the experiment built/captioning: ClipCap's two mapping networks (Mokady et al. 2021), LLaVA's projection (Liu et al. 2023) and Flamingo's gated
// cross-attention (Alayrac et al. 2022) with a small GPT-2, beside Show, Attend and Tell (Xu et al. 2015), on the same photographs, with the same
// frozen encoder and for equally many steps.
//
//	glimpse train built/captioning --seed 1
//	glimpse train built/captioning --quick     20 seconds on two cores, on Scenes
//
// Time, machine and scores are in docs/results/built-captioning.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Series: "built", Name: "captioning", Title: "Language models that see: captions", Asks: asks,
		Summary:  "ClipCap, LLaVA's and Flamingo's way into a small GPT-2, beside Show, Attend and Tell: BLEU, ROUGE-L, CIDEr of captions",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	c := Config{Captions: captions.Defaults(form, kind), Language: captioning.SmallLanguage(""), LR: 1e-3, Bridges: captioning.Bridges()}
	c.Captions.Critical.Train.Steps, c.Captions.Model.Hard = 0, captioning.Hard{}
	c.Captions.Train.Steps, c.Captions.Train.EvalEvery, c.Captions.Examples = 1200, 0, 6
	c.Language.MaxLen, c.Language.LabelSmoothing = c.Captions.Model.MaxLen, c.Captions.Model.LabelSmoothing
	c.Language.Language.Dropout = 0.2
	if form == experiments.Quick {
		c.Captions.Train.Steps, c.Captions.Examples, c.Captions.Train.Optimizer.LR = 60, 3, 5e-3
		c.Language.Length, c.Language.Layers, c.LR = 4, 1, 3e-3
		c.Language.Language.Width, c.Language.Language.Layers, c.Language.Language.Heads = 64, 2, 4
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	if len(c.Bridges) == 0 {
		return fmt.Errorf("bridges: expected at least one of %q, found none", captioning.Bridges())
	}
	for _, bridge := range c.Bridges {
		if err := c.of(bridge).Fit(100, 49, 512).Validate(); err != nil {
			return fmt.Errorf("language: %w", err)
		}
	}
	switch m := c.Captions.Model; {
	case c.Language.MaxLen != m.MaxLen || c.Language.LabelSmoothing != m.LabelSmoothing:
		return fmt.Errorf("language: expected max_len and label_smoothing of captions.model, %d and %g, found %d and %g", m.MaxLen, m.LabelSmoothing, c.Language.MaxLen, c.Language.LabelSmoothing)
	case !(c.LR > 0):
		return fmt.Errorf("lr: expected more than 0, found %g", c.LR)
	}
	return c.Captions.CheckLearn()
}

// of is the language model with a bridge.
func (c Config) of(bridge captioning.Bridge) captioning.LanguageConfig {
	l := c.Language
	l.Bridge = bridge
	return l
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	for _, bridge := range append([]captioning.Bridge{""}, cfg.Bridges...) {
		captionsOf, make, name := cfg.Captions, captions.Maker(nil), nameOf(bridge)
		if bridge != "" {
			captionsOf.Train.Optimizer.LR = cfg.LR
			make = func(b *backend.Backend, vocabulary *captioning.Vocabulary, encoder *captioner.Encoder, seed int64) (*captioner.Model, error) {
				return captioner.NewLanguage(b, cfg.of(bridge), vocabulary, encoder, seed)
			}
		}
		learned, err := captions.Learn(ctx, env, captionsOf, name, make)
		if err != nil {
			return report, remarks, fmt.Errorf("%s: %w", name, err)
		}
		if bridge == "" {
			remarks = learned.Remarks // of the data: the same for all
		}
		one, err := report.take(bridge, learned)
		if err == nil {
			err = learned.Model.Save(env.Run.Path(folderOf(bridge)))
		}
		learned.Model.Close()
		if err != nil {
			return report, remarks, err
		}
		report.Decoders = append(report.Decoders, one)
	}
	return report, remarks, nil
}

// take reads off what a training came to.
func (r *Report) take(bridge captioning.Bridge, l *captions.Learned) (One, error) {
	one := One{Bridge: bridge, Weights: l.Model.Weights(), Seconds: l.Phase.Trained.Seconds, Intervals: l.Scored().Interval, OnDev: l.Phase.OnDev.Scores.CIDEr,
		Examples: l.Written()}
	cider, ok := one.Intervals[cider]
	if !ok {
		return one, fmt.Errorf("expected a CIDEr-D among the scores, found %v", one.Intervals)
	}
	r.Words, r.Pictures = l.Model.Vocabulary.Len(), cider.N
	return one, nil
}

// folderOf is where a decoder's captioner is kept, for `glimpse caption --model RUN/FOLDER`.
func folderOf(bridge captioning.Bridge) string {
	if bridge == "" {
		return "show-attend-and-tell"
	}
	return string(bridge)
}

// nameOf is what a decoder is called.
func nameOf(bridge captioning.Bridge) string {
	switch bridge {
	case "":
		return "Show, Attend and Tell"
	case captioning.BridgeMLP:
		return "ClipCap, MLP"
	case captioning.BridgeTransformer:
		return "ClipCap, transformer"
	case captioning.BridgeLinear:
		return "LLaVA's projection"
	}
	return "Flamingo's cross-attention"
}

// The scores, as package metrics names them.
const (
	bleu1 = "Bleu_1"
	bleu4 = "Bleu_4"
	rouge = "ROUGE_L"
	cider = "CIDEr"
)

// figures are the metrics of a run.
func figures(r Report) map[string]float64 {
	m := map[string]float64{}
	for _, d := range r.Decoders {
		for _, score := range []string{bleu1, bleu4, rouge, cider} {
			lesson.PutMean(m, folderOf(d.Bridge)+"_"+score, d.Intervals[score])
		}
	}
	return m
}
