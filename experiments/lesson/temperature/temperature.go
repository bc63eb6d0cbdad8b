// Package temperature is the lesson's temperature laboratory.
package temperature

import (
	"context"
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of lesson/temperature.
type Config struct {
	Pairs contrastive.LiTConfig `json:"pairs"` // its temperature and learn_temperature are those of each training
	Taus  []float64             `json:"taus"`  // fixed temperatures that are compared
	Start float64               `json:"start"` // where learned ones begin
	Speed float64               `json:"speed"` // learning rate of a learned log(1/tau), as a multiple of the weights'
	Batch int                   `json:"batch"` // test pairs whose softmax is looked at
}

// Report is what a run found out: one training for each temperature, then the learned ones.
type Report struct {
	Trained []Trained `json:"trained"`
	Chance  float64   `json:"chance"` // recall@10 of guessing

	// Same is how the softmax of one model looks at each of the fixed temperatures: of the one whose temperature was learned under the clamp.
	Same []Sharpness `json:"same"`
}

// Trained is what became of one training.
type Trained struct {
	Name    string           `json:"name"`
	Fixed   float64          `json:"fixed,omitempty"` // tau, 0 for a learned one
	Clamped bool             `json:"clamped,omitempty"`
	Tau     float64          `json:"tau"`       // at the end
	Loss    float64          `json:"loss"`      // of the last batch, nats
	At1     stats.Proportion `json:"recall_1"`  // picture to text, test pictures
	At10    stats.Proportion `json:"recall_10"` //
	Sharp   Sharpness        `json:"sharpness"`
	Curve   []Point          `json:"curve,omitempty"` // of tau, of learned ones
}

// Point is a temperature at a step.
type Point struct {
	Step int     `json:"step"`
	Tau  float64 `json:"tau"`
}

// Study is the experiment lesson/temperature: fixed temperatures against learned ones, with and without the clamp of CLIP (Radford et al. 2021,
// section 2.5), for a text transformer that is trained against a locked SqueezeNet on photographs with captions.
//
//	glimpse train lesson/temperature --seed 1    15 minutes on one core
//	glimpse train lesson/temperature --quick     20 seconds, on Scenes
//
// Time, machine and scores are in docs/results/lesson-temperature.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Name: "temperature", Title: "The temperature laboratory", Asks: asks,
		Summary:  "fixed temperatures against learned ones: sharpness, hard negatives, retrieval, and where tau ends",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	c := Config{Pairs: contrastive.LiTDefaults(form, kind), Taus: []float64{0.005, 0.01, 0.03, 0.07, 0.2, 0.5, 1}, Start: 0.07, Speed: 30, Batch: 256}
	c.Pairs.Train.Steps, c.Pairs.Train.EvalEvery = 150, 0
	if form == experiments.Quick {
		c.Taus, c.Batch, c.Pairs.Train.Steps = []float64{0.01, 0.07, 0.5}, 64, 240
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	for i, tau := range c.Taus {
		if !(tau > 0 && tau <= 10) || i > 0 && tau <= c.Taus[i-1] {
			return fmt.Errorf("taus: expected rising temperatures above 0 and up to 10, found %v", c.Taus)
		}
	}
	if !(c.Start > 0 && c.Start <= 10) {
		return fmt.Errorf("start: expected a temperature above 0 and up to 10, found %g", c.Start)
	}
	switch {
	case len(c.Taus) < 2:
		return fmt.Errorf("taus: expected at least two temperatures to compare, found %d", len(c.Taus))
	case !(c.Speed > 0 && c.Speed <= 1000):
		return fmt.Errorf("speed: expected more than 0 and up to 1000, found %g", c.Speed)
	case c.Batch < 2:
		return fmt.Errorf("batch: expected at least 2 pairs, found %d", c.Batch)
	case c.Pairs.Loss != clip.InfoNCELoss:
		return fmt.Errorf("pairs.loss: expected %s, whose temperature this is about, found %s", clip.InfoNCELoss, c.Pairs.Loss)
	}
	return c.Pairs.Check()
}

// run trains one model after the other, all from the same weights and with the same batches.
func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	pairs, err := contrastive.OpenPairs(ctx, env, cfg.Pairs)
	if err != nil {
		return report, nil, err
	}
	for _, tau := range cfg.Taus {
		if err := report.train(ctx, env, cfg, pairs, Trained{Name: fmt.Sprintf("tau %g", tau), Fixed: tau}); err != nil {
			return report, nil, err
		}
	}
	for _, t := range []Trained{{Name: "learned, clamped", Clamped: true}, {Name: "learned, free"}} {
		if err := report.train(ctx, env, cfg, pairs, t); err != nil {
			return report, nil, err
		}
	}
	return report, nil, report.addCurves(env.Run)
}

// train trains and measures one model.
func (r *Report) train(ctx context.Context, env *experiments.Env, cfg Config, pairs *contrastive.Pairs, t Trained) error {
	m, err := pairs.New(env.Seed)
	if err != nil {
		return err
	}
	tau, how := t.Fixed, contrastive.Fitting{}
	if t.Fixed == 0 {
		tau = cfg.Start
		how.LR = func(path string) float64 {
			if path == "/logit_scale" {
				return cfg.Speed
			}
			return 1
		}
	}
	if t.Clamped {
		how.After = clip.ClampScale
	}
	if err := setScale(m.Store, tau, t.Fixed == 0); err != nil {
		return err
	}
	trained, err := pairs.Fit(ctx, env, t.Name, m, how)
	if err != nil {
		return err
	}
	t.Loss = trained.Last.Loss
	scale, err := m.Scale() // of the average of the weights, which is what is measured
	if err != nil {
		return err
	}
	t.Tau = 1 / scale
	e, err := pairs.EmbedTest(env.Backend.Backend, m)
	if err != nil {
		return err
	}
	found := e.Retrieve()
	t.At1, t.At10, r.Chance = found.ImageToText[1], found.ImageToText[10], min(10/float64(found.Images), 1)
	cosines := e.PairCosines(cfg.Batch)
	t.Sharp = sharpness(cosines, t.Tau)
	if t.Clamped {
		for _, tau := range cfg.Taus {
			r.Same = append(r.Same, sharpness(cosines, tau))
		}
	}
	r.Trained = append(r.Trained, t)
	return nil
}

// setScale gives a model its temperature, also one beyond the bounds that CLIP keeps it in.
func setScale(store *model.Store, tau float64, learned bool) error {
	v := store.GetVariable("/logit_scale")
	v.SetTrainable(learned)
	if err := v.SetValue(tensors.FromScalar(float32(-math.Log(tau)))); err != nil {
		return fmt.Errorf("cannot set the temperature: %w", err)
	}
	return nil
}

// addCurves reads from the run's metrics how the learned temperatures moved: those of the trainings follow each other.
func (r *Report) addCurves(run *experiments.Run) error {
	steps, err := run.Metrics()
	if err != nil {
		return err
	}
	var trainings [][]map[string]float64
	last := math.Inf(1)
	for _, step := range steps {
		if step["step"] <= last {
			trainings = append(trainings, nil)
		}
		last = step["step"]
		trainings[len(trainings)-1] = append(trainings[len(trainings)-1], step)
	}
	if len(trainings) != len(r.Trained) {
		return fmt.Errorf("expected the metrics of %d trainings, found those of %d", len(r.Trained), len(trainings))
	}
	for i := range r.Trained {
		if r.Trained[i].Fixed != 0 {
			continue
		}
		for _, step := range trainings[i] {
			r.Trained[i].Curve = append(r.Trained[i].Curve, Point{int(step["step"]), 1 / step["logit_scale"]})
		}
	}
	return nil
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{}
	for _, t := range r.Trained {
		name := fmt.Sprintf("tau_%g_", t.Fixed)
		if t.Fixed == 0 {
			name = map[bool]string{true: "clamped_", false: "free_"}[t.Clamped]
		}
		out[name+"final_tau"], out[name+"entropy"], out[name+"hardest"] = t.Tau, t.Sharp.Entropy, t.Sharp.Hardest
		lesson.PutMean(out, name+"recall_1", stats.Mean(t.At1))
		lesson.PutMean(out, name+"recall_10", stats.Mean(t.At10))
	}
	return out
}
