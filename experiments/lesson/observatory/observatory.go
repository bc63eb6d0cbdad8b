// Package observatory is the lesson's look at embeddings in training: maps of them, the gap between pictures and texts, and what closing it does.
package observatory

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of lesson/observatory.
type Config struct {
	Products     contrastive.ProductsConfig `json:"products"`     // the CLIP from scratch that is watched
	Pairs        contrastive.LiTConfig      `json:"pairs"`        // photographs: a second model whose gap is measured
	Moments      []int                      `json:"moments"`      // steps after which the products are looked at, besides before the first
	Shown        int                        `json:"shown"`        // held-out pairs that are mapped
	Joined       int                        `json:"joined"`       // of them, those that a line joins
	Neighbours   int                        `json:"neighbours"`   // nearest ones that a map should keep
	Perplexities []float64                  `json:"perplexities"` // of t-SNE; the first for all that is drawn, the others for classes
	Starts       int                        `json:"starts"`       // maps by each method that begins at random
	Drawn        int                        `json:"drawn"`        // held-out pictures that are drawn in maps of classes, which are of all
	Fresh        int                        `json:"fresh"`        // models with fresh weights whose cones are compared
	Lambdas      []float64                  `json:"lambdas"`      // by which the modalities are moved along the gap
	Taus         []float64                  `json:"taus"`         // temperatures of the loss after that, besides the model's own
	Batch        int                        `json:"batch"`        // pairs that the loss and the linear classifier are of
}

// Report is what a run found out.
type Report struct {
	Products    Watched   `json:"products"`
	Photographs Watched   `json:"photographs"`
	Cones       Cones     `json:"cones"`
	Classes     ClassMaps `json:"classes"`
}

// Study is the experiment lesson/observatory: PCA, t-SNE and UMAP of the embeddings of held-out pairs while a CLIP learns, with how well each keeps
// neighbours; the gap between the modalities (Liang et al. 2022, arXiv 2203.02053), and the loss, retrieval and zero-shot classification when it is
// widened or closed; and how far distances between classes in a map can be believed.
//
//	glimpse train lesson/observatory --seed 1    10 minutes on one core
//	glimpse train lesson/observatory --quick     a minute, on Scenes
//
// Time, machine and scores are in docs/results/lesson-observatory.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Name: "observatory", Title: "An observatory of embeddings", Asks: asks,
		Summary:  "PCA, t-SNE and UMAP of pictures and texts in training, the modality gap, and what closing it does",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	c := Config{Products: contrastive.ProductDefaults(form, kind), Pairs: contrastive.LiTDefaults(form, kind),
		Moments: []int{20, 80, 240}, Shown: 100, Joined: 16, Neighbours: 10, Perplexities: []float64{30, 5, 100}, Starts: 5, Drawn: 300, Fresh: 6, Batch: 512,
		Lambdas: []float64{-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1}, Taus: []float64{0.01, 0.5}}
	c.Products.Train.Steps, c.Products.Train.EvalEvery, c.Products.Train.Average = 240, 0, 0
	c.Pairs.Train.Steps, c.Pairs.Train.EvalEvery, c.Pairs.Train.Average = 120, 0, 0
	if form == experiments.Quick {
		c.Moments, c.Shown, c.Perplexities, c.Starts, c.Drawn, c.Batch = []int{10, 60}, 60, []float64{20}, 2, 100, 100
		c.Products.Train.Steps, c.Pairs.Train.Steps = 60, 100
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	if err := c.checkMoments(); err != nil {
		return err
	}
	for i, lambda := range c.Lambdas {
		if !(math.Abs(lambda) <= 2) || i > 0 && lambda <= c.Lambdas[i-1] {
			return fmt.Errorf("lambdas: expected rising numbers from -2 to 2, found %v", c.Lambdas)
		}
	}
	for _, tau := range c.Taus {
		if !(tau >= 0.001 && tau <= 10) {
			return fmt.Errorf("taus: expected temperatures from 0.001 to 10, found %v", c.Taus)
		}
	}
	for _, perplexity := range c.Perplexities {
		if !(perplexity >= 2 && perplexity <= 1000) {
			return fmt.Errorf("perplexities: expected numbers from 2 to 1000, found %v", c.Perplexities)
		}
	}
	switch {
	case len(c.Perplexities) == 0:
		return fmt.Errorf("perplexities: expected at least one, found none")
	case !slices.Contains(c.Lambdas, 0) || !slices.Contains(c.Lambdas, 0.5):
		return fmt.Errorf("lambdas: expected 0, which moves nothing, and 0.5, which closes the gap, among them, found %v", c.Lambdas)
	case c.Joined < 1 || c.Shown <= c.Joined:
		return fmt.Errorf("joined: expected 1 or more and fewer than shown=%d pairs, found %d", c.Shown, c.Joined)
	case c.Neighbours < 1 || c.Neighbours >= c.Shown:
		return fmt.Errorf("neighbours: expected 1 or more and fewer than shown=%d, half of the points, found %d", c.Shown, c.Neighbours)
	case c.Starts < 2:
		return fmt.Errorf("starts: expected at least 2 maps, which are compared, found %d", c.Starts)
	case c.Drawn < 1:
		return fmt.Errorf("drawn: expected at least 1 picture, found %d", c.Drawn)
	case c.Fresh < 4 || c.Fresh%2 != 0:
		return fmt.Errorf("fresh: expected at least two couples of models, an even number, found %d", c.Fresh)
	case c.Batch < 20:
		return fmt.Errorf("batch: expected at least 20 pairs, found %d", c.Batch)
	}
	if err := c.Products.Check(); err != nil {
		return fmt.Errorf("products.%w", err)
	}
	if err := c.Pairs.Check(); err != nil {
		return fmt.Errorf("pairs.%w", err)
	}
	return nil
}

func (c Config) checkMoments() error {
	t := c.Products.Train
	if t.LogEvery < 1 {
		return fmt.Errorf("products.train.log_every: expected at least 1, found %d", t.LogEvery)
	}
	for i, step := range c.Moments {
		if step < 1 || step > t.Steps || i > 0 && step <= c.Moments[i-1] {
			return fmt.Errorf("moments: expected steps from 1 to products.train.steps, %d, each later than the one before, found %v", t.Steps, c.Moments)
		}
		if step != t.Steps && step%t.LogEvery != 0 {
			return fmt.Errorf("moments: expected steps that are recorded, multiples of products.train.log_every=%d, found %d", t.LogEvery, step)
		}
	}
	switch {
	case len(c.Moments) == 0 || c.Moments[len(c.Moments)-1] != t.Steps:
		return fmt.Errorf("moments: expected the last to be the last step, %d, found %v", t.Steps, c.Moments)
	case c.Products.Init != "" || c.Products.Freeze != "":
		return fmt.Errorf("products: expected fresh weights, which are watched from the start, found init=%q and freeze=%q", c.Products.Init, c.Products.Freeze)
	case t.Average != 0 || c.Pairs.Train.Average != 0:
		return fmt.Errorf("train.average: expected 0, because the weights are looked at while they are trained, found %g for products and %g for pairs", t.Average, c.Pairs.Train.Average)
	case c.Products.Loss != clip.InfoNCELoss || c.Pairs.Loss != clip.InfoNCELoss:
		return fmt.Errorf("loss: expected %s for both, found %s for products and %s for pairs", clip.InfoNCELoss, c.Products.Loss, c.Pairs.Loss)
	}
	return nil
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	remarks, err = report.products(ctx, env, cfg)
	if err != nil {
		return report, remarks, err
	}
	if err := report.photographs(ctx, env, cfg); err != nil {
		return report, remarks, err
	}
	curves, err := gapsInTraining(env.Run)
	if err != nil {
		return report, remarks, err
	}
	if len(curves) != 2 {
		return report, remarks, fmt.Errorf("expected the metrics of 2 trainings, found those of %d", len(curves))
	}
	report.Products.Curve, report.Photographs.Curve = curves[0], curves[1]
	return report, remarks, nil
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{}
	for name, w := range map[string]Watched{"products_": r.Products, "photographs_": r.Photographs} {
		for _, m := range w.Moments {
			out[fmt.Sprintf("%sstep_%d_gap", name, m.Step)] = m.Gap.Length
		}
		lesson.PutMean(out, name+"closed_recall_10", w.Shifted.Closed.At10)
		for _, s := range w.Shifted.Shifts {
			at := fmt.Sprintf("%slambda_%g_", name, s.Lambda)
			out[at+"gap"], out[at+"loss"] = s.Gap, s.Losses[0]
			lesson.PutMean(out, at+"recall_10", stats.Mean(s.At10))
		}
	}
	for _, m := range r.Classes.Maps {
		lesson.PutMean(out, m.Key+"_distance_rank_correlation", m.Distances)
	}
	return out
}
