// Package attending is the lesson's attention in figures.
package attending

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/experiments/pointing"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of lesson/attention.
type Config struct {
	Scores    []float64       `json:"scores"`    // of the worked example
	Factors   []float64       `json:"factors"`   // that the scores are multiplied by
	Widths    []int           `json:"widths"`    // of queries and keys
	Places    []int           `json:"places"`    // that hard attention chooses among
	Captioner pointing.Config `json:"captioner"` // its attention is that of each training
	Objects   []int           `json:"objects"`   // in the test scenes
}

// Report is what a run found out.
type Report struct {
	Sharp    []Sharp     `json:"sharp"`
	Widths   []Wide      `json:"widths"`
	Hard     []Estimate  `json:"hard"`
	Captions []Captioner `json:"captions"`
}

// Captioner is a captioner with an attention of its own, and how often it is right.
type Captioner struct {
	Attention captioning.Attention `json:"attention"`
	Told      []pointing.Told      `json:"told"`
}

// Study is the experiment lesson/attention: what a softmax does to scores, what it costs to choose a place instead of weighing all, and whether a
// captioner needs attention the more, the more there is to see.
//
//	glimpse train lesson/attention --seed 1    10 minutes on one core
//	glimpse train lesson/attention --quick     20 seconds
//
// Time, machine and scores are in docs/results/lesson-attention.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Name: "attention", Title: "Attention: sharp or soft, hard, or none", Asks: asks,
		Summary:  "the softmax of scores, soft against hard attention's gradient, and captions with and without attention",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	c := Config{
		Scores: []float64{2.1, 0.5, 0.8, -0.3}, Factors: []float64{0.25, 0.5, 1, 2, 4, 8},
		Widths: []int{4, 16, 64, 256, 1024}, Places: []int{4, 16, 49, 196},
		Captioner: pointing.Defaults(form, kind), Objects: []int{2, 3, 4},
	}
	c.Captioner.Drawing.MinObjects, c.Captioner.Drawing.MaxObjects = 2, 4
	c.Captioner.Train.Steps, c.Captioner.Train.EvalEvery, c.Captioner.HeldOut = 2500, 0, 500
	if form == experiments.Quick {
		c.Captioner.Drawing.MinObjects, c.Captioner.Drawing.MaxObjects, c.Objects = 1, 1, []int{1}
		c.Captioner.Train.Steps, c.Captioner.HeldOut = 300, 200
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	switch {
	case len(c.Scores) < 2 || len(c.Factors) == 0 || len(c.Widths) == 0 || len(c.Places) == 0 || len(c.Objects) == 0:
		return fmt.Errorf("expected at least two scores, and at least one of factors, widths, places and objects, found %d, %d, %d, %d and %d",
			len(c.Scores), len(c.Factors), len(c.Widths), len(c.Places), len(c.Objects))
	case c.Captioner.HeldOut < 1:
		return fmt.Errorf("captioner.held_out: expected at least 1 scene for each number of objects, found %d", c.Captioner.HeldOut)
	}
	for _, f := range c.Factors {
		if !(f > 0) {
			return fmt.Errorf("factors: expected more than 0, found %g", f)
		}
	}
	for _, n := range append(c.Widths, c.Places...) {
		if n < 2 || n > 1<<14 {
			return fmt.Errorf("widths, places: expected 2 to %d, found %d", 1<<14, n)
		}
	}
	for _, n := range c.Objects {
		if d := c.Captioner.Drawing; n < d.MinObjects || n > d.MaxObjects {
			return fmt.Errorf("objects: expected numbers that are trained on, %d to %d, found %d", d.MinObjects, d.MaxObjects, n)
		}
	}
	return nil
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	rng := rand.New(rand.NewPCG(uint64(env.Seed), 9))
	report.Sharp = sharpen(cfg.Scores, cfg.Factors)
	report.Widths = widths(rng, 49, cfg.Widths)
	for _, places := range cfg.Places {
		report.Hard = append(report.Hard, estimate(rng, places))
	}
	for _, kind := range []captioning.Attention{captioning.AttentionSoft, captioning.AttentionUniform} {
		c := cfg.Captioner
		c.Model.Attention = kind
		told, err := pointing.Truth(ctx, env, string(kind)+" attention", c, cfg.Objects)
		if err != nil {
			return report, nil, err
		}
		report.Captions = append(report.Captions, Captioner{kind, told})
	}
	return report, nil, nil
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{}
	for _, s := range r.Sharp {
		out[fmt.Sprintf("entropy_%g", s.Factor)] = s.Entropy
	}
	for _, w := range r.Widths {
		out[fmt.Sprintf("largest_%d", w.Width)], out[fmt.Sprintf("largest_scaled_%d", w.Width)] = w.Plain, w.Scaled
	}
	for _, e := range r.Hard {
		name := fmt.Sprintf("places_%d_", e.Places)
		out[name+"deviation"], out[name+"deviation_baseline"], out[name+"soft_cosine"] = e.Plain, e.Baseline, e.Soft
	}
	for _, c := range r.Captions {
		for _, t := range c.Told {
			lesson.PutMean(out, fmt.Sprintf("%s_%d_true", c.Attention, t.Objects), stats.Mean(t.True))
		}
	}
	return out
}
