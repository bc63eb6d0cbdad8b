package segmentation

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/segmenting"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/scenesclip"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Config is the configuration of built/segmentation.
type Config struct {
	CLIP     scenesclip.Config       `json:"clip"`
	Decoder  segmenting.Config       `json:"decoder"`  // the CLIP and the threshold are set by the study
	Pictures int                     `json:"pictures"` // of a batch, drawn anew for each
	Phrases  int                     `json:"phrases"`  // about each picture
	Absent   float64                 `json:"absent"`   // share of the phrases that nothing in their picture fits
	Examples int                     `json:"examples"` // scenes from whose objects example pictures are drawn
	Train    experiments.TrainConfig `json:"train"`    // of the decoder
	Tests    int                     `json:"tests"`    // scenes of each split
	Dev      int                     `json:"dev"`      // scenes on which the thresholds are chosen
}

// Study is the experiment built/segmentation: masks of what a text names or an example picture shows, by a decoder on a frozen CLIP (Lüddecke and
// Ecker 2022, arXiv 2112.10003), against CLIP's places without training.
//
//	glimpse train built/segmentation --seed 1
//	glimpse train built/segmentation --quick     30 seconds on two cores
//
// Time, machine and scores are in docs/results/built-segmentation.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Series: "built", Name: "segmentation", Title: "Masks of what a text names", Asks: asks,
		Summary:  "a decoder on a frozen CLIP that masks what a text names or an example shows: intersection over union by phrase",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, _ backend.Kind) Config {
	c := Config{CLIP: scenesclip.Defaults(form), Decoder: segmenting.Default(), Pictures: 12, Phrases: 4, Absent: 0.3, Examples: 1500, Tests: 300, Dev: 100,
		Train: experiments.TrainConfig{Steps: 900, Optimizer: experiments.DefaultAdamW(), LogEvery: 20, Average: 0.99}}
	c.CLIP.MaxObjects = 3
	c.Train.Optimizer.LR, c.Train.Optimizer.WarmupSteps = 2e-3, 50
	if form == experiments.Quick {
		c.Examples, c.Tests, c.Dev, c.Pictures, c.Train.Steps, c.Train.Average = 300, 30, 20, 6, 60, 0.9
		c.Train.Optimizer.WarmupSteps = 10
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	switch {
	case c.Pictures < 1 || c.Phrases < 1:
		return fmt.Errorf("pictures, phrases: expected at least 1 of each, found %d and %d", c.Pictures, c.Phrases)
	case !(c.Absent >= 0 && c.Absent < 1):
		return fmt.Errorf("absent: expected a share from 0 to below 1, found %g", c.Absent)
	case c.Tests < shownScenes || c.Dev < 1:
		return fmt.Errorf("tests, dev: expected at least %d scenes, which are shown, and 1, found %d and %d", shownScenes, c.Tests, c.Dev)
	case c.Examples < fewestExamples:
		return fmt.Errorf("examples: expected at least %d scenes, so that every pair of colour and shape is among them, found %d", fewestExamples, c.Examples)
	}
	if err := c.Decoder.Check(); err != nil {
		return fmt.Errorf("decoder.%w", err)
	}
	return c.CLIP.Check()
}

// fewestExamples scenes have every pair that is asked for but for one time in 10,000.
const fewestExamples = 300

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	eye, err := scenesclip.Train(ctx, env, cfg.CLIP)
	if err != nil {
		return report, nil, err
	}
	defer eye.Close()
	m, err := learn(ctx, env, cfg, eye)
	if err != nil {
		return report, nil, err
	}
	defer m.Close()
	if report, err = measure(ctx, env, cfg, m); err != nil {
		return report, nil, err
	}
	return report, nil, m.Save(env.Run.Path("model"))
}

// learn trains a decoder on scenes that are each seen once.
func learn(ctx context.Context, env *experiments.Env, cfg Config, eye *clip.Model) (*segmenting.Model, error) {
	m, err := segmenting.New(cfg.Decoder, eye, env.Seed)
	if err != nil {
		return nil, err
	}
	l, err := newLearner(env, cfg, m)
	if err != nil {
		return nil, err
	}
	source, err := l.source(env.Seed)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	task := experiments.Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		logits := segmenting.Segment(scope, m.Config, inputs[0], conditions(scope, m.Config.CLIP, inputs[1], inputs[2], inputs[3]))
		crossEntropy, dice := segmenting.Loss(logits, inputs[4])
		loss := graph.Add(crossEntropy, graph.MulScalar(dice, cfg.Decoder.Dice))
		iou := segmenting.IoU(logits, inputs[4])
		return loss, []experiments.Metric{{Name: "cross_entropy", Value: crossEntropy}, {Name: "dice", Value: dice}, {Name: "iou", Value: iou}}
	}}
	_, err = experiments.Fit(ctx, env, "decoder", m.Store, task, source, cfg.Train, func(map[string]float64) string { return "" })
	return m, err
}

// conditions are texts [N, Q, E] mixed with what the CLIP says of example pictures [N, H, W, 3] by share [N, Q, 1].
func conditions(scope *model.Scope, cfg clip.Config, texts, examples, share *graph.Node) *graph.Node {
	seen := clip.Normalize(clip.EncodeImage(scope, cfg.Vision, cfg.EmbedDim, examples))
	seen = graph.StopGradient(graph.BroadcastToDims(graph.ExpandAxes(seen, 1), texts.Shape().Dimensions...))
	return segmenting.Mix(texts, seen, share)
}

// otherScenes keeps the scenes with masks from being those with captions.
const otherScenes = 2_000_003

func newLearner(env *experiments.Env, cfg Config, m *segmenting.Model) (*learner, error) {
	l := &learner{cfg: cfg, m: m, texts: map[string][]float32{}}
	seed := uint64(env.Seed) + otherScenes
	var err error
	if l.set, err = cfg.CLIP.Scenes(scenes.Train, seed, (cfg.Train.Steps+1)*cfg.Pictures); err != nil {
		return nil, err
	}
	if l.bank, err = newBank(cfg, scenes.Train, seed+otherScenes); err != nil {
		return nil, err
	}
	var wordings []string
	for _, p := range every() {
		if !p.heldOut() {
			wordings = append(wordings, p.wordings()...)
		}
	}
	embedded, err := m.Texts(env.Backend.Backend, wordings)
	for i, e := range embedded {
		l.texts[wordings[i]] = e
	}
	return l, err
}
