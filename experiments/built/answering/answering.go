package answering

import (
	"context"
	"fmt"

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
	Network       answering.Config        `json:"network"`        // the tower, words, answers and what is seen and heard are set by the study
	Pictures      int                     `json:"pictures"`       // of a batch, drawn anew for each
	Questions     int                     `json:"questions"`      // about each picture
	Train         experiments.TrainConfig `json:"train"`          // of each network that sees and hears
	BaselineSteps int                     `json:"baseline_steps"` // of each that does not
	TowerRate     float64                 `json:"tower_rate"`     // what the learning rate of a tower that is fine-tuned is multiplied by
	Tests         int                     `json:"tests"`          // scenes of each split; every question about them is asked
}

// Study is the experiment built/answering: questions about drawn scenes (Antol et al. 2015) answered on what a CLIP sees (Shen et al. 2022), against networks
// that see less or hear nothing.
//
//	glimpse train built/answering --seed 1    20 minutes on one core
//	glimpse train built/answering --quick     60 seconds
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
	c := Config{CLIP: scenesclip.Defaults(form), Network: answering.Default(), Pictures: 48, Questions: 6, BaselineSteps: 400, TowerRate: 1, Tests: 500,
		Train: experiments.TrainConfig{Steps: 2000, Optimizer: experiments.DefaultAdamW(), LogEvery: 20, Average: 0.99}}
	c.Train.Optimizer.WarmupSteps = 100
	if form == experiments.Quick {
		c.Pictures, c.BaselineSteps, c.Tests, c.Train.Steps, c.Train.Average = 32, 30, 60, 60, 0.9
		c.Train.Optimizer.WarmupSteps = 10
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	switch {
	case c.Pictures < 1 || c.Questions < 1:
		return fmt.Errorf("pictures, questions: expected at least 1 of each, found %d and %d", c.Pictures, c.Questions)
	case c.Tests < 6:
		return fmt.Errorf("tests: expected at least 6 scenes, which are shown, found %d", c.Tests)
	case c.BaselineSteps < 1:
		return fmt.Errorf("baseline_steps: expected at least 1, found %d", c.BaselineSteps)
	case !(c.TowerRate > 0):
		return fmt.Errorf("tower_rate: expected more than 0, found %g", c.TowerRate)
	}
	if err := c.Network.Check(); err != nil {
		return fmt.Errorf("network.%w", err)
	}
	return c.CLIP.Check()
}

// variant is a network of the study.
type variant struct {
	name  string
	sees  answering.Sight
	deaf  bool
	tower tower
}

// tower is what becomes of the image tower.
type tower int

const (
	frozen    tower = iota
	fineTuned       // trained further, from CLIP's weights
	fromNone        // trained from nothing: a control without CLIP
)

// The networks' names.
const (
	questionAlone = "question alone"
	pictureAlone  = "picture alone"
	pooled        = "pooled embedding"
	gridFrozen    = "grid, frozen"
	gridTuned     = "grid, fine-tuned"
	gridFresh     = "grid, without CLIP"
)

// variants are all networks, those first that know least. The one that is fine-tuned is the run's model.
func variants() []variant {
	return []variant{
		{questionAlone, answering.Nothing, false, frozen},
		{pictureAlone, answering.Grid, true, frozen},
		{pooled, answering.Pooled, false, frozen},
		{gridFrozen, answering.Grid, false, frozen},
		{gridTuned, answering.Grid, false, fineTuned},
		{gridFresh, answering.Grid, false, fromNone},
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
	for _, v := range variants() {
		m, err := train(ctx, env, cfg, eye, v)
		if err != nil {
			return report, nil, err
		}
		if err := report.measure(env, m, v.name, tests); err != nil {
			return report, nil, err
		}
		if v.tower == fineTuned {
			if err := m.Save(env.Run.Path("model")); err != nil {
				return report, nil, err
			}
			report.Kept = v.name
		}
		m.Close()
		m.Store.Finalize()
	}
	return report, nil, nil
}

// train trains a network on scenes that are each seen once.
func train(ctx context.Context, env *experiments.Env, cfg Config, eye *clip.Model, v variant) (*answering.Model, error) {
	if v.tower == fromNone {
		fresh, err := clip.New(eye.Config, eye.Tokenizer, env.Seed+1)
		if err != nil {
			return nil, err
		}
		eye = fresh
	}
	t := cfg.Train
	if v.deaf || v.sees == answering.Nothing {
		t.Steps = cfg.BaselineSteps
	}
	set, err := cfg.CLIP.Scenes(scenes.Train, uint64(env.Seed)+otherScenes, (t.Steps+1)*cfg.Pictures)
	if err != nil {
		return nil, err
	}
	c := cfg.Network
	c.Sees, c.Deaf, c.Answers, c.Words = v.sees, v.deaf, scenes.Answers(), vocabulary(set)
	m, err := answering.New(c, eye, env.Seed)
	if err != nil {
		return nil, err
	}
	task := experiments.Task{
		Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
			last := len(inputs) - 1
			loss, accuracy := answering.Loss(m.Forward(scope, inputs[:last]), inputs[last])
			return loss, []experiments.Metric{{Name: "accuracy", Value: accuracy}}
		},
		LR: func(path string) float64 {
			if experiments.IsVisual(path) && v.tower == fineTuned {
				return cfg.TowerRate
			}
			return 1
		},
	}
	if v.tower == frozen {
		if err := experiments.Freeze(m.Store, experiments.IsVisual); err != nil {
			return nil, err
		}
	}
	source, err := newSource(m, cfg, set, env.Seed)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	_, err = experiments.Fit(ctx, env, v.name, m.Store, task, source, t, func(map[string]float64) string { return "" })
	return m, err
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
