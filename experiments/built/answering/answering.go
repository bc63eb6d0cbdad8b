package answering

import (
	"context"
	"fmt"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/answering"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/scenesclip"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Config is the configuration of built/answering.
type Config struct {
	CLIP          scenesclip.Config       `json:"clip"`
	MaxObjects    int                     `json:"max_objects"`    // most objects in a scene that is asked about; CLIP is trained on scenes of its own
	Network       answering.Config        `json:"network"`        // the tower, words, answers and what is seen and heard are set by the study
	Pictures      int                     `json:"pictures"`       // of a batch, drawn anew for each
	Questions     int                     `json:"questions"`      // about each picture
	Train         experiments.TrainConfig `json:"train"`          // of each network that sees and hears, on a frozen tower
	BaselineSteps int                     `json:"baseline_steps"` // of each that does not
	TuneSteps     int                     `json:"tune_steps"`     // of the network on the grid after that, when its tower learns too
	TuneRate      float64                 `json:"tune_rate"`      // what the learning rate is multiplied by then
	Relations     int                     `json:"relations"`      // steps of each training after which questions about relations come first; 0 in the last, fine-tuned one
	Tests         int                     `json:"tests"`          // scenes of each split; every question about them is asked
}

// Study is the experiment built/answering: questions about drawn scenes (Antol et al. 2015) answered on what a CLIP sees (Shen et al. 2022), against networks
// that see less or hear nothing.
//
//	glimpse train built/answering --seed 1
//	glimpse train built/answering --quick     25 seconds on two cores
//
// Time, machine and scores are in docs/results/built-answering.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Series: "built", Name: "answering", Title: "Answering questions about pictures", Asks: asks,
		Summary:  "questions about drawn scenes, answered on CLIP's grid or its pooled embedding, against the question alone and the picture alone",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, _ backend.Kind) Config {
	c := Config{CLIP: scenesclip.Defaults(form), Network: answering.Default(), Pictures: 24, Questions: 8, BaselineSteps: 2000, TuneSteps: 4000, TuneRate: 0.5, Relations: 1000, Tests: 500,
		Train: experiments.TrainConfig{Steps: 3000, Optimizer: experiments.DefaultAdamW(), LogEvery: 20, Average: 0.99}}
	c.CLIP.MaxObjects, c.CLIP.Full, c.MaxObjects = 1, 0.8, 3
	if form == experiments.Full {
		c.CLIP.Train.Steps = 1500
	}
	c.Train.Optimizer.LR, c.Train.Optimizer.Beta2, c.Train.Optimizer.WarmupSteps = 2e-3, 0.98, 100
	if form == experiments.Quick {
		c.BaselineSteps, c.Tests, c.Train.Steps, c.TuneSteps, c.Train.Average, c.Relations = 40, 60, 40, 40, 0.9, 20
		c.Train.Optimizer.WarmupSteps = 10
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	switch {
	case c.Pictures < 1 || c.Questions < 1:
		return fmt.Errorf("pictures, questions: expected at least 1 of each, found %d and %d", c.Pictures, c.Questions)
	case c.MaxObjects < 1 || c.MaxObjects > scenes.MostObjects:
		return fmt.Errorf("max_objects: expected 1 to %d, found %d", scenes.MostObjects, c.MaxObjects)
	case c.Tests < 6:
		return fmt.Errorf("tests: expected at least 6 scenes, which are shown, found %d", c.Tests)
	case c.BaselineSteps < 1 || c.TuneSteps < 1:
		return fmt.Errorf("baseline_steps, tune_steps: expected at least 1 of each, found %d and %d", c.BaselineSteps, c.TuneSteps)
	case c.Relations < 0:
		return fmt.Errorf("relations: expected 0 steps or more, found %d", c.Relations)
	case !(c.TuneRate > 0):
		return fmt.Errorf("tune_rate: expected more than 0, found %g", c.TuneRate)
	}
	if err := c.Network.Check(); err != nil {
		return fmt.Errorf("network.%w", err)
	}
	return c.CLIP.Check()
}

// scenes are scenes that are asked about.
func (c Config) scenes(split scenes.Split, seed uint64, count int) (*scenes.Scenes, error) {
	drawn := c.CLIP
	drawn.MaxObjects = c.MaxObjects
	return drawn.Scenes(split, seed, count)
}

// variant is a network of the study.
type variant struct {
	name string
	sees answering.Sight
	deaf bool
	tune bool // it goes on from the network before it, and its tower learns too; the others' stays as CLIP left it
}

// The networks' names.
const (
	questionAlone = "question alone"
	pictureAlone  = "picture alone"
	pooled        = "pooled embedding"
	gridFrozen    = "grid, frozen"
	gridTuned     = "grid, fine-tuned"
)

// variants are all networks, those first that know least. The last is the run's model.
func variants() []variant {
	return []variant{
		{questionAlone, answering.Nothing, false, false},
		{pictureAlone, answering.Grid, true, false},
		{pooled, answering.Pooled, false, false},
		{gridFrozen, answering.Grid, false, false},
		{gridTuned, answering.Grid, false, true},
	}
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	eye, err := scenesclip.Train(ctx, env, cfg.CLIP)
	if err != nil {
		return report, nil, err
	}
	defer eye.Close()
	tests, err := readTests(cfg)
	if err != nil {
		return report, nil, err
	}
	var m *answering.Model
	for _, v := range variants() {
		if v.tune {
			thaw(m.Store)
		} else if m, err = fresh(env, cfg, eye, v); err != nil {
			return report, nil, err
		}
		if err = train(ctx, env, cfg, m, v); err == nil {
			err = report.measure(env, m, v.name, tests)
		}
		m.Close()
		if err != nil {
			return report, nil, err
		}
	}
	report.Kept = gridTuned
	return report, nil, m.Save(env.Run.Path("model"))
}

// fresh is an untrained network on CLIP's tower, which is frozen.
func fresh(env *experiments.Env, cfg Config, eye *clip.Model, v variant) (*answering.Model, error) {
	c := cfg.Network
	c.Sees, c.Deaf, c.Answers = v.sees, v.deaf, scenes.Answers()
	set, err := cfg.scenes(scenes.Train, uint64(env.Seed)+otherScenes, 2000)
	if err != nil {
		return nil, err
	}
	c.Words = vocabulary(set)
	m, err := answering.New(c, eye, env.Seed)
	if err != nil {
		return nil, err
	}
	return m, experiments.Freeze(m.Store, experiments.IsVisual)
}

// thaw lets the tower learn.
func thaw(store *model.Store) {
	for v := range store.IterVariables() {
		if experiments.IsVisual(v.Path()) && !strings.Contains(v.Path(), "/running_") {
			v.SetTrainable(true)
		}
	}
}

// train trains a network on scenes that are each seen once.
func train(ctx context.Context, env *experiments.Env, cfg Config, m *answering.Model, v variant) error {
	t, seed, relations := cfg.Train, uint64(env.Seed)+otherScenes, cfg.Relations
	switch {
	case v.tune:
		t.Steps, seed, relations = cfg.TuneSteps, seed+otherScenes, 0
		t.Optimizer.LR *= cfg.TuneRate
	case v.deaf || v.sees == answering.Nothing:
		t.Steps = cfg.BaselineSteps
	}
	set, err := cfg.scenes(scenes.Train, seed, (t.Steps+1)*cfg.Pictures)
	if err != nil {
		return err
	}
	source, err := newSource(m, cfg, set, relations, env.Seed)
	if err != nil {
		return err
	}
	defer source.Close()
	task := experiments.Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		last := len(inputs) - 1
		loss, accuracy := answering.Loss(m.Forward(scope, inputs[:last]), inputs[last])
		return loss, []experiments.Metric{{Name: "accuracy", Value: accuracy}}
	}}
	_, err = experiments.Fit(ctx, env, v.name, m.Store, task, source, t, func(map[string]float64) string { return "" })
	return err
}

// otherScenes keeps the scenes with questions from being those with captions.
const otherScenes = 1_000_003

// vocabulary is every word of captions and questions.
func vocabulary(set *scenes.Scenes) []string {
	texts := scenes.Words()
	for i := range min(2000, set.Len()) {
		for _, q := range set.Scene(i).Questions() {
			texts = append(texts, q.Text)
		}
	}
	return answering.Vocabulary(texts)
}
