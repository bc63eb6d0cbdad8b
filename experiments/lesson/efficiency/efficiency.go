// Package efficiency is the lesson's question why CLIP's objective is contrastive.
package efficiency

import (
	"context"
	"fmt"
	"math"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of lesson/efficiency.
type Config struct {
	Products contrastive.ProductsConfig `json:"products"` // data, image tower, text transformer and training of all methods
	Each     int                        `json:"each"`     // most held-out pictures of a class
	First    int                        `json:"first"`    // step after which all are measured first; then after sqrt(2) times as many each time
}

// Report is what a run found out.
type Report struct {
	Data     string    `json:"data"`
	Training int       `json:"training"` // pictures
	HeldOut  int       `json:"held_out"`
	Classes  int       `json:"classes"`
	Words    int       `json:"words"` // of the vocabulary
	Trained  []Trained `json:"trained"`
}

// Trained is a method's training.
type Trained struct {
	Method  Method  `json:"method"`
	Work    Work    `json:"work"`
	Seconds float64 `json:"seconds"` // of all steps, without measuring
	Curve   []Point `json:"curve"`
}

// Point is a model after so many pictures, which count as often as they are seen.
type Point struct {
	Pictures int              `json:"pictures"`
	Right    map[Rule]float64 `json:"right"` // share of the held-out pictures
}

// Study is the experiment lesson/efficiency: the same image tower trained as a transformer language model, by predicting bags of words, and
// contrastively with bags of words and with a transformer (Radford et al. 2021, section 2.3 and figure 2).
//
//	glimpse train lesson/efficiency --seed 1    8 minutes on one core
//	glimpse train lesson/efficiency --quick     30 seconds, on Scenes
//
// Time, machine and scores are in docs/results/lesson-efficiency.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Name: "efficiency", Title: "Why contrastive is efficient", Asks: asks,
		Summary:  "one image tower trained as a language model, by bags of words, and contrastively: zero-shot accuracy by pictures and FLOPs",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	c := Config{Products: contrastive.ProductDefaults(form, kind), Each: 30, First: 16}
	p := &c.Products
	p.Train.EvalEvery, p.Train.Optimizer.Constant = 0, true
	if form == experiments.Quick {
		p.Train.Steps, c.Each, c.First = 64, 5, 4
		return c
	}
	p.BatchSize, p.Merges, p.Model.Text.ContextLength = 64, 1500, 16
	p.Model.Vision.Patch = 4
	p.Model.Vision.Stages = []clip.Stage{{Channels: 32, Blocks: 0}, {Channels: 64, Blocks: 1}, {Channels: 128, Blocks: 1}}
	p.Train.Steps, p.Train.Optimizer.WarmupSteps, p.Train.Optimizer.LR = 724, 16, 1e-3
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	p := c.Products
	switch {
	case c.Each < 1:
		return fmt.Errorf("each: expected at least 1 picture of a class, found %d", c.Each)
	case c.First < 1 || 2*c.First > p.Train.Steps:
		return fmt.Errorf("first: expected at least 1 and at most half of products.train.steps=%d, for a curve, found %d", p.Train.Steps, c.First)
	case p.Loss != clip.InfoNCELoss || !p.Mask:
		return fmt.Errorf("products: expected loss=%s and mask=true, found %s and %v; other losses are not compared here", clip.InfoNCELoss, p.Loss, p.Mask)
	case p.Init != "" || p.Freeze != "":
		return fmt.Errorf("products: expected fresh weights, found init=%q and freeze=%q", p.Init, p.Freeze)
	case !p.Final:
		return fmt.Errorf("products.final: expected true, because all curves are of held-out pictures, found false")
	case p.LayerDecay != 1:
		return fmt.Errorf("products.layer_decay: expected 1, one learning rate for all methods, found %g", p.LayerDecay)
	case p.Train.EvalEvery != 0 || p.Train.Patience != 0:
		return fmt.Errorf("products.train: expected eval_every=0 and patience=0, because measuring follows first, found %d and %d", p.Train.EvalEvery, p.Train.Patience)
	}
	if err := p.Check(); err != nil {
		return fmt.Errorf("products.%w", err)
	}
	return nil
}

// schedule are the steps after which all are measured: the first, sqrt(2) times as many each time, and the last.
func schedule(first, steps int) (at []int) {
	for i := 0; ; i++ {
		step := int(math.Round(float64(first) * math.Pow(2, float64(i)/2)))
		if step >= steps {
			return append(at, steps)
		}
		if len(at) == 0 || step > at[len(at)-1] {
			at = append(at, step)
		}
	}
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	p, err := contrastive.OpenTitled(ctx, env, cfg.Products)
	if err != nil {
		return report, nil, err
	}
	p.Config.Train.EvalAt = schedule(cfg.First, cfg.Products.Train.Steps)
	shaped, err := p.New(env)
	if err != nil {
		return report, nil, err
	}
	e, err := newExam(ctx, p, shaped, cfg.Each)
	if err != nil {
		return report, nil, err
	}
	report = Report{Data: cfg.Products.Data, Training: p.Train().Len(), HeldOut: len(e.labels), Classes: len(e.classes), Words: shaped.Tokenizer.VocabSize()}
	for _, method := range Methods() {
		t, bad, err := train(ctx, env, p, newNetwork(method, shaped, env.Seed), e)
		if err != nil {
			return report, nil, err
		}
		report.Trained, remarks = append(report.Trained, t), bad // the same for all
	}
	return report, remarks, report.addCurves(env.Run, cfg)
}

// train trains and measures a network.
func train(ctx context.Context, env *experiments.Env, p *contrastive.Titled, n *network, e *exam) (t Trained, bad []string, err error) {
	s, err := newScorer(env.Backend, n, e)
	if err != nil {
		return t, nil, err
	}
	defer s.close()
	task := experiments.Task{Loss: n.loss, After: n.after, Evaluate: func(context.Context) (map[string]float64, error) {
		found, err := s.measure()
		named := map[string]float64{}
		for rule, share := range found {
			named[rule.metric()] = share
		}
		return named, err
	}}
	trained, bad, err := p.FitOther(ctx, env, string(n.method), n.shaped, n.store, task)
	return Trained{Method: n.method, Work: workOf(n.method, n.shaped.Config, p.Config.BatchSize), Seconds: trained.Seconds}, bad, err
}

// metric is the name of what was measured by a rule, in the run's metrics.
func (r Rule) metric() string { return "zero_shot_" + string(r) }

// addCurves reads from the run's metrics how the methods fared: those of the trainings follow each other.
func (r *Report) addCurves(run *experiments.Run, cfg Config) error {
	lines, err := run.Metrics()
	if err != nil {
		return err
	}
	training, last := -1, math.Inf(1)
	for _, line := range lines {
		if line["step"] <= last {
			training++
		}
		last = line["step"]
		if training >= len(r.Trained) {
			return fmt.Errorf("expected the metrics of %d trainings, found more", len(r.Trained))
		}
		t := &r.Trained[training]
		if _, measured := line[t.Method.Rules()[0].metric()]; !measured {
			continue
		}
		point := Point{Pictures: int(line["step"]) * cfg.Products.BatchSize, Right: map[Rule]float64{}}
		for _, rule := range t.Method.Rules() {
			point.Right[rule] = line[rule.metric()]
		}
		t.Curve = append(t.Curve, point)
	}
	for _, t := range r.Trained {
		if want := len(schedule(cfg.First, cfg.Products.Train.Steps)); len(t.Curve) != want {
			return fmt.Errorf("expected %d points of the %s, found %d", want, t.Method, len(t.Curve))
		}
	}
	return nil
}

// right is what a method's accuracy is: that by its first rule.
func (t Trained) right(point int) float64 { return t.Curve[point].Right[t.Method.Rules()[0]] }

func figures(r Report) map[string]float64 {
	out := map[string]float64{"chance": 1 / float64(r.Classes)}
	for _, t := range r.Trained {
		name := t.Method.identifier()
		for rule, share := range t.Curve[len(t.Curve)-1].Right {
			out[name+"_"+string(rule)] = share
		}
		hits := int(math.Round(t.right(len(t.Curve)-1) * float64(r.HeldOut)))
		lesson.PutMean(out, name, stats.Mean(stats.NewProportion(hits, r.HeldOut)))
		out[name+"_gflops_a_picture"] = t.Work.Total() / 1e9
	}
	return out
}
