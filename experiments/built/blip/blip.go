// Package blip is the question what BLIP's three heads bring to each other.
package blip

import (
	"context"
	"fmt"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/experiments/captions"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of built/blip.
type Config struct {
	Captions captions.Config       `json:"captions"` // data and encoder; of its model max_len and label_smoothing alone count
	BLIP     captioning.BLIPConfig `json:"blip"`
	LR       float64               `json:"lr"`
	Rerank   int                   `json:"rerank"` // k, candidates of the contrastive head that the matching head puts in order
}

// Report is what a run found out.
type Report struct {
	Words    int                `json:"words"`    // in the vocabulary
	Pictures int                `json:"pictures"` // that were held out
	Alone    Way                `json:"alone"`    // trained to say captions, and nothing else
	Three    Way                `json:"three"`    // trained with all three losses
	Contrast evaluate.Retrieval `json:"contrast"` // among the held-out pictures and their captions, by the contrastive head
	Matched  evaluate.Retrieval `json:"matched"`  // where the matching head puts its first k in order
	Picked   Scores             `json:"picked"`   // of the captions of each beam, the one that the matching head likes best
	Accuracy float64            `json:"accuracy"` // share of the training's pairs that matching is right about, in the last tenth of the steps
}

// Way is a way of training, and what the captions come to: the likeliest of each beam.
type Way struct {
	Weights  int                `json:"weights"` // numbers that are trained
	Seconds  float64            `json:"seconds"` // of training, by the clock
	Scores   Scores             `json:"scores"`
	Examples []captions.Written `json:"examples"` // spread evenly over the pictures, not chosen
}

// Scores are captions' scores by name, with 95% intervals over pictures, a bootstrap.
type Scores map[string]stats.Mean

// Study is the experiment built/blip: the text transformer of BLIP (Li et al. 2022) on a frozen encoder's places, trained to say captions alone and with the
// contrastive and the matching loss beside, on the photographs of built/captioning and for as many steps.
//
//	glimpse train built/blip --seed 1
//	glimpse train built/blip --quick     35 seconds on one core, on Scenes
//
// Time, machine and scores are in docs/results/built-blip.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Series: "built", Name: "blip", Title: "One text transformer with three heads", Asks: asks,
		Summary:  "BLIP's contrastive, matching and captioning heads: captions with and without the others, retrieval with and without matching",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	c := Config{Captions: captions.Defaults(form, kind), BLIP: captioning.SmallBLIP(), LR: 1e-3, Rerank: 16}
	c.Captions.Critical.Train.Steps, c.Captions.Model.Hard = 0, captioning.Hard{}
	c.Captions.Train.Steps, c.Captions.Train.EvalEvery, c.Captions.Examples = 1200, 0, 6
	c.BLIP.MaxLen, c.BLIP.LabelSmoothing = c.Captions.Model.MaxLen, c.Captions.Model.LabelSmoothing
	if form == experiments.Quick {
		c.Captions.Train.Steps, c.Captions.Examples, c.LR = 200, 3, 3e-3
		c.BLIP.Text.Width, c.BLIP.Text.Heads = 64, 4
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	if err := c.BLIP.Fit(100, 49, 512).Validate(); err != nil {
		return fmt.Errorf("blip: %w", err)
	}
	switch m := c.Captions.Model; {
	case c.BLIP.ITC == 0 || c.BLIP.ITM == 0:
		return fmt.Errorf("blip: expected itc_weight and itm_weight above 0, found %g and %g; the captions alone are trained anyway, beside", c.BLIP.ITC, c.BLIP.ITM)
	case c.BLIP.MaxLen != m.MaxLen || c.BLIP.LabelSmoothing != m.LabelSmoothing:
		return fmt.Errorf("blip: expected max_len and label_smoothing of captions.model, %d and %g, found %d and %g", m.MaxLen, m.LabelSmoothing, c.BLIP.MaxLen, c.BLIP.LabelSmoothing)
	case c.Captions.BatchSize < 2:
		return fmt.Errorf("captions.batch_size: expected at least 2 pictures, which lend each other wrong texts, found %d", c.Captions.BatchSize)
	case !(c.LR > 0):
		return fmt.Errorf("lr: expected more than 0, found %g", c.LR)
	case c.Rerank < 1:
		return fmt.Errorf("rerank: expected at least 1, found %d", c.Rerank)
	}
	return c.Captions.CheckLearn()
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	alone := cfg.BLIP
	alone.ITC, alone.ITM = 0, 0
	learned, err := learn(ctx, env, cfg, alone, "words alone")
	if err != nil {
		return report, nil, err
	}
	remarks, report.Words, report.Pictures = learned.Remarks, learned.Model.Vocabulary.Len(), len(learned.Set.Examples)
	report.Alone = wayOf(learned)
	err = learned.Model.Save(env.Run.Path("words-alone"))
	learned.Model.Close()
	if err != nil {
		return report, remarks, err
	}
	three, err := learn(ctx, env, cfg, cfg.BLIP, "three heads")
	if err != nil {
		return report, remarks, err
	}
	defer three.Model.Close()
	report.Three = wayOf(three)
	if err := three.Model.Save(env.Run.Path("three-heads")); err != nil {
		return report, remarks, err
	}
	if report.Accuracy, err = accuracy(env); err != nil {
		return report, remarks, err
	}
	if err := report.retrieve(ctx, env, cfg, three); err != nil {
		return report, remarks, err
	}
	report.Picked, err = pick(ctx, env, cfg, three)
	return report, remarks, err
}

// accuracy is that of matching at the end of training, by the run's metrics: the mean over the last tenth of the steps they hold.
func accuracy(env *experiments.Env) (float64, error) {
	steps, err := env.Run.Metrics()
	if err != nil {
		return 0, err
	}
	var right []float64
	for _, step := range steps {
		if share, ok := step[matching]; ok {
			right = append(right, share)
		}
	}
	if len(right) == 0 {
		return 0, fmt.Errorf("expected %s among the run's metrics, found none", matching)
	}
	return stats.NewMean(right[len(right)-(len(right)+9)/10:]).Value, nil
}

// matching is the metric that training records.
const matching = "itm_accuracy"

// learn trains a model with the heads that have weights.
func learn(ctx context.Context, env *experiments.Env, cfg Config, of captioning.BLIPConfig, name string) (*captions.Learned, error) {
	settings := cfg.Captions
	settings.Train.Optimizer.LR = cfg.LR
	learned, err := captions.Learn(ctx, env, settings, name,
		func(b *backend.Backend, vocabulary *captioning.Vocabulary, encoder *captioner.Encoder, seed int64) (*captioner.Model, error) {
			return captioner.NewBLIP(b, of, vocabulary, encoder, seed)
		})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return learned, nil
}

// wayOf reads off what a training came to.
func wayOf(l *captions.Learned) Way {
	return Way{Weights: l.Model.Weights(), Seconds: l.Phase.Trained.Seconds, Scores: l.Scored().Interval, Examples: l.Written()}
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
	for name, scores := range map[string]Scores{"alone": r.Alone.Scores, "three": r.Three.Scores, "picked": r.Picked} {
		for _, score := range []string{bleu1, bleu4, rouge, cider} {
			lesson.PutMean(m, name+"_"+score, scores[score])
		}
	}
	for name, found := range map[string]evaluate.Retrieval{"contrast": r.Contrast, "matched": r.Matched} {
		for _, k := range evaluate.RecallAt() {
			lesson.PutMean(m, fmt.Sprintf("%s_image_to_text_recall@%d", name, k), stats.Mean(found.ImageToText[k]))
			lesson.PutMean(m, fmt.Sprintf("%s_text_to_image_recall@%d", name, k), stats.Mean(found.TextToImage[k]))
		}
	}
	return m
}
