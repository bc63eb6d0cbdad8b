// Package noise is the lesson's question what wrong captions do, and whether CLIP can weed them out.
package noise

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of lesson/noise.
type Config struct {
	Pairs  contrastive.LiTConfig `json:"pairs"`
	Noise  []float64             `json:"noise"`  // shares of the training pictures that have other pictures' captions
	Filter float64               `json:"filter"` // the one of them that is filtered
	Keep   []float64             `json:"keep"`   // shares of its pairs that are kept, those with the highest scores
}

// Report is what a run found out.
type Report struct {
	Noise    []Trained `json:"noise"`
	Filtered []Trained `json:"filtered"` // trained anew on what was kept
	AUC      float64   `json:"auc"`      // of the scores that pairs are kept by: probability that a right pair's is above a wrong one's
	Chance   float64   `json:"chance"`   // recall@10 of guessing
}

// Trained is a training on noisy or filtered pairs.
type Trained struct {
	Noise    float64          `json:"noise"`    // share of wrong captions before filtering
	Kept     float64          `json:"kept"`     // share of the pairs that were kept
	Wrong    float64          `json:"wrong"`    // share of wrong captions among them
	Pictures int              `json:"pictures"` // trained on
	At1      stats.Proportion `json:"recall_1"`
	At10     stats.Proportion `json:"recall_10"`
}

// Study is the experiment lesson/noise: captions shuffled among a share of the training photographs, and pairs filtered by the score of a model that
// was trained on them, as web-scale data sets are (Schuhmann et al. 2021, arXiv 2111.02114).
//
//	glimpse train lesson/noise --seed 1    15 minutes on one core
//	glimpse train lesson/noise --quick     20 seconds, on Scenes
//
// Time, machine and scores are in docs/results/lesson-noise.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Name: "noise", Title: "Wrong captions, and filtering them out", Asks: asks,
		Summary:  "captions shuffled for a share of the pairs, and pairs filtered by CLIP score: recall against what is kept",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	c := Config{Pairs: contrastive.LiTDefaults(form, kind), Noise: []float64{0, 0.2, 0.4, 0.6, 0.8}, Filter: 0.4, Keep: []float64{0.8, 0.6, 0.4}}
	c.Pairs.Train.Steps, c.Pairs.Train.EvalEvery = 150, 0
	if form == experiments.Quick {
		c.Noise, c.Keep = []float64{0, 0.4, 0.8}, []float64{0.6}
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	for i, s := range c.Noise {
		if !(s >= 0 && s <= 1) || i > 0 && s <= c.Noise[i-1] {
			return fmt.Errorf("noise: expected rising shares from 0 to 1, found %v", c.Noise)
		}
	}
	for i, s := range c.Keep {
		if !(s > 0 && s <= 1) || i > 0 && s >= c.Keep[i-1] {
			return fmt.Errorf("keep: expected falling shares above 0 and up to 1, found %v", c.Keep)
		}
	}
	switch {
	case len(c.Noise) == 0 || len(c.Keep) == 0:
		return fmt.Errorf("expected at least one share of noise and one to keep, found %d and %d", len(c.Noise), len(c.Keep))
	case !slices.Contains(c.Noise, c.Filter) || c.Filter == 0 || c.Filter == 1:
		return fmt.Errorf("filter: expected one of noise=%v that has right and wrong pairs, found %g", c.Noise, c.Filter)
	}
	return c.Pairs.Check()
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	clean, err := contrastive.OpenPairs(ctx, env, cfg.Pairs)
	if err != nil {
		return report, nil, err
	}
	everything := make([]int, clean.Training())
	for i := range everything {
		everything[i] = i
	}
	for _, share := range cfg.Noise {
		of := shuffled(len(everything), share, rand.New(rand.NewPCG(uint64(env.Seed), 77)))
		noisy, err := clean.Retold(everything, of)
		if err != nil {
			return report, nil, err
		}
		t, m, err := report.train(ctx, env, noisy, fmt.Sprintf("%.0f%% wrong", 100*share), Trained{Noise: share, Kept: 1, Wrong: wrong(everything, of)})
		if err != nil {
			return report, nil, err
		}
		report.Noise = append(report.Noise, t)
		if share == cfg.Filter {
			if err := report.filter(ctx, env, cfg, clean, noisy, m, of); err != nil {
				return report, nil, err
			}
		}
	}
	return report, nil, nil
}

// shuffled gives a share of n pictures each other's captions, in a ring, so that each of them has another's.
func shuffled(n int, share float64, rng *rand.Rand) []int {
	of := make([]int, n)
	for i := range of {
		of[i] = i
	}
	moved := rng.Perm(n)[:int(share*float64(n)+0.5)]
	if len(moved) < 2 {
		return of
	}
	for k, i := range moved {
		of[i] = moved[(k+1)%len(moved)]
	}
	return of
}

// wrong is the share of the pictures with another's captions.
func wrong(pictures, of []int) float64 {
	n := 0
	for _, i := range pictures {
		if of[i] != i {
			n++
		}
	}
	return float64(n) / float64(max(len(pictures), 1))
}

// train trains and measures a model.
func (r *Report) train(ctx context.Context, env *experiments.Env, pairs *contrastive.Pairs, name string, t Trained) (Trained, *clip.LiT, error) {
	m, err := pairs.New(env.Seed)
	if err != nil {
		return t, nil, err
	}
	if _, err := pairs.Fit(ctx, env, name, m, contrastive.Fitting{After: clip.ClampScale}); err != nil {
		return t, nil, err
	}
	e, err := pairs.EmbedTest(env.Backend.Backend, m)
	if err != nil {
		return t, nil, err
	}
	found := e.Retrieve()
	t.Pictures, t.At1, t.At10, r.Chance = pairs.Training(), found.ImageToText[1], found.ImageToText[10], min(10/float64(found.Images), 1)
	return t, m, nil
}

// filter keeps the pairs that a model likes most, which learned from all of them, the wrong ones too, and trains new models on those.
func (r *Report) filter(ctx context.Context, env *experiments.Env, cfg Config, clean, noisy *contrastive.Pairs, m *clip.LiT, of []int) error {
	e, err := noisy.EmbedTraining(env.Backend.Backend, m)
	if err != nil {
		return err
	}
	scores := scoresOf(e)
	right := make([]bool, len(of))
	for i := range of {
		right[i] = of[i] == i
	}
	r.AUC = stats.Rank(scores, right).AUC()
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	for _, share := range cfg.Keep {
		keep := slices.Sorted(slices.Values(order[:int(share*float64(len(order))+0.5)]))
		if len(keep) < cfg.Pairs.BatchSize {
			return fmt.Errorf("keep: expected at least a batch of %d pairs to be left, found %d", cfg.Pairs.BatchSize, len(keep))
		}
		kept, err := clean.Retold(keep, of)
		if err != nil {
			return err
		}
		t, _, err := r.train(ctx, env, kept, fmt.Sprintf("%.0f%% kept", 100*share), Trained{Noise: cfg.Filter, Kept: float64(len(keep)) / float64(len(order)), Wrong: wrong(keep, of)})
		if err != nil {
			return err
		}
		r.Filtered = append(r.Filtered, t)
	}
	return nil
}

// scoresOf are the CLIP scores of pictures: the mean cosine with their captions.
func scoresOf(e *evaluate.Embedded) []float64 {
	scores, counts := make([]float64, len(e.Images)), make([]float64, len(e.Images))
	for text, owner := range e.Owner {
		for d, v := range e.Texts[text] {
			scores[owner] += float64(v) * float64(e.Images[owner][d])
		}
		counts[owner]++
	}
	for i := range scores {
		scores[i] /= max(counts[i], 1)
	}
	return scores
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{"auc": r.AUC}
	for _, t := range r.Noise {
		lesson.PutMean(out, fmt.Sprintf("noise_%g_recall_10", t.Noise), stats.Mean(t.At10))
	}
	for _, t := range r.Filtered {
		name := fmt.Sprintf("kept_%.3g_", t.Kept)
		out[name+"wrong"] = t.Wrong
		lesson.PutMean(out, name+"recall_10", stats.Mean(t.At10))
	}
	return out
}
