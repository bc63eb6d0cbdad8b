// Package zeroshot is the lesson's question what zero-shot classification is worth beside training on labels.
package zeroshot

import (
	"context"
	"fmt"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of lesson/zero-shot.
type Config struct {
	Products   contrastive.ProductsConfig `json:"products"` // the CLIP from scratch
	Shots      []int                      `json:"shots"`    // labelled pictures a class of the few-shot probes
	Draws      int                        `json:"draws"`    // of those pictures
	Supervised experiments.TrainConfig    `json:"supervised"`
}

// Report is what a run found out.
type Report struct {
	Data       string           `json:"data"`
	Classes    int              `json:"classes"`
	Titles     int              `json:"titles"`   // pictures with titles that CLIP is trained on
	Labelled   int              `json:"labelled"` // of them, those of the classes: what is trained on labels
	HeldOut    int              `json:"held_out"`
	Chance     float64          `json:"chance"`
	Majority   float64          `json:"majority"`
	ZeroShot   stats.Proportion `json:"zero_shot"`
	ByTitles   stats.Proportion `json:"by_titles"`
	Probe      stats.Proportion `json:"probe"`
	Supervised stats.Proportion `json:"supervised"`
	Shots      []Shot           `json:"shots"`
	Weights    Weights          `json:"weights"`
}

// Shot is a probe on a few labelled pictures a class; the interval is over draws of them.
type Shot struct {
	Shots int        `json:"shots"`
	Top1  stats.Mean `json:"top1"`
	Short int        `json:"short"` // classes that have fewer training pictures
}

// Weights are how many weights the image towers have.
type Weights struct {
	CLIP       int64 `json:"clip"`
	Supervised int64 `json:"supervised"`
}

// Study is the experiment lesson/zero-shot: zero-shot classification, linear probes on all and on a few labels (Radford et al. 2021, sections
// 3.1.5 and 3.2), and the same image tower trained on labels.
//
//	glimpse train lesson/zero-shot --seed 1    15 minutes on one core
//	glimpse train lesson/zero-shot --quick     30 seconds, on Scenes
//
// Time, machine and scores are in docs/results/lesson-zero-shot.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Name: "zero-shot", Title: "Zero-shot against training on labels", Asks: asks,
		Summary:  "zero-shot, linear probes on all and on 1 to 16 labels a class, and the same tower trained on labels; the lesson's table with sources",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	c := Config{Products: contrastive.ProductDefaults(form, kind), Shots: []int{1, 2, 4, 8, 16}, Draws: 5}
	c.Products.Train.Steps, c.Products.Train.EvalEvery = 500, 0
	if form == experiments.Quick {
		c.Products.Train.Steps, c.Shots, c.Draws = 150, []int{1, 2, 4, 8}, 3
	}
	c.Supervised = c.Products.Train
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	for i, shots := range c.Shots {
		if shots < 1 || i > 0 && shots <= c.Shots[i-1] {
			return fmt.Errorf("shots: expected rising numbers of at least 1, found %v", c.Shots)
		}
	}
	switch {
	case len(c.Shots) == 0:
		return fmt.Errorf("shots: expected at least one number of labelled pictures a class, found none")
	case c.Draws < 2:
		return fmt.Errorf("draws: expected at least 2, for an interval, found %d", c.Draws)
	}
	if err := c.Products.Check(); err != nil {
		return fmt.Errorf("products.%w", err)
	}
	return nil
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	p, err := contrastive.OpenTitled(ctx, env, cfg.Products)
	if err != nil {
		return report, nil, err
	}
	m, err := p.New(env)
	if err != nil {
		return report, nil, err
	}
	if _, remarks, err = p.Fit(ctx, env, "CLIP on titles", m, nil); err != nil {
		return report, nil, err
	}
	report.Data, report.Titles = cfg.Products.Data, p.Train().Len()
	if err := report.measureCLIP(ctx, env, cfg, p, m); err != nil {
		return report, nil, err
	}
	return report, remarks, report.supervise(ctx, env, cfg, p)
}

// measureCLIP measures what the trained model does without labels, and with more and more of them on top of its features.
func (r *Report) measureCLIP(ctx context.Context, env *experiments.Env, cfg Config, p *contrastive.Titled, m *clip.Model) error {
	found, err := p.Evaluate(ctx, env, m, p.HeldOut())
	if err != nil {
		return err
	}
	z := found.ZeroShot
	r.Classes, r.HeldOut, r.Chance, r.Majority = len(z.Classes), z.Top1.N, z.Chance, z.Majority
	r.ZeroShot, r.ByTitles, r.Weights.CLIP = z.Top1, found.ByTitles.Top1, m.Config.Counts().Image
	train, err := evaluate.EmbedImages(ctx, env.Backend.Backend, m, p.Train(), nil)
	if err != nil {
		return err
	}
	test, err := evaluate.EmbedImages(ctx, env.Backend.Backend, m, p.HeldOut(), nil)
	if err != nil {
		return err
	}
	env.Say("lesson/zero-shot: fitting linear probes")
	probe, err := evaluate.LinearProbe(ctx, train, test, p.Class, evaluate.ProbeConfig{Least: 1, Shots: cfg.Shots, Draws: cfg.Draws, Seed: uint64(env.Seed)}, nil)
	if err != nil {
		return err
	}
	if len(probe.Classes) != r.Classes {
		return fmt.Errorf("expected at least 2 training pictures of each of %d classes, found %d such classes; give more pictures (limit)", r.Classes, len(probe.Classes))
	}
	r.Probe = probe.Top1
	for _, s := range probe.Shots {
		r.Shots = append(r.Shots, Shot{s.Shots, s.Top1, s.Short})
	}
	return nil
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{"chance": r.Chance, "majority": r.Majority}
	for name, p := range map[string]stats.Proportion{"zero_shot": r.ZeroShot, "by_titles": r.ByTitles, "probe": r.Probe, "supervised": r.Supervised} {
		lesson.PutMean(out, name, stats.Mean(p))
	}
	for _, s := range r.Shots {
		lesson.PutMean(out, fmt.Sprintf("shots_%d", s.Shots), s.Top1)
	}
	return out
}
