package unclip

import (
	"context"
	"fmt"
	"math"

	"github.com/glimpse-ml/glimpse/clip/unclip"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of built/unclip.
type Config struct {
	Model      unclip.Config           `json:"model"`    // vocab_size is set from the vocabulary, and scale from what is found
	Pictures   int                     `json:"pictures"` // scenes to train on
	Windows    int                     `json:"windows"`  // on each, with an embedding and a caption's embedding, for prior and decoder
	CLIPBatch  int                     `json:"clip_batch"`
	CLIPTrain  experiments.TrainConfig `json:"clip_train"`
	PriorBatch int                     `json:"prior_batch"`
	PriorTrain experiments.TrainConfig `json:"prior_train"`
	BatchSize  int                     `json:"batch_size"`
	Train      experiments.TrainConfig `json:"train"` // of the decoder
	Judge      judge.Config            `json:"judge"`
	Scales     []float64               `json:"scales"` // of the decoder's guidance, rising; 1 is none
	Tried      int                     `json:"tried"`  // rounds at each scale to choose one by, of other noise than those that are counted
	Rounds     int                     `json:"rounds"` // how often each prompt is asked at the scale that was chosen; prompts of unseen pairs three times as often
	Tested     int                     `json:"tested"` // pictures of each split that CLIP and the prior are tested with
}

// Report is what a run found out.
type Report struct {
	Judge map[scenes.Split]stats.Proportion `json:"judge"` // accuracy of the classifier that counts, of new scenes
	CLIP  map[scenes.Split]stats.Proportion `json:"clip"`  // new scenes whose prompt is the likeliest of all 48
	Prior map[scenes.Split]Nearness         `json:"prior"` // how near to a new scene's embedding one comes without seeing it
	Ways  []Way                             `json:"ways"`

	Variations     []judge.Strip `json:"variations"`     // a picture, and what the decoder makes of its embedding
	Interpolations []judge.Strip `json:"interpolations"` // from one picture to another
}

// Nearness are mean cosines of new scenes' embeddings.
type Nearness struct {
	Text  float64 `json:"text"`  // and their prompts' embeddings
	Prior float64 `json:"prior"` // and what the prior makes of those
	Other float64 `json:"other"` // and those of other scenes of the same colour and shape
}

// Study is the experiment built/unclip: pictures of a text by way of CLIP's space (Ramesh et al. 2022, arXiv 2204.06125).
//
//	glimpse train built/unclip --seed 1
//	glimpse train built/unclip --quick     40 seconds on two cores
//
// Time, machine and scores are in docs/results/built-unclip.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Series: "built", Name: "unclip", Title: "Pictures by way of CLIP's space", Asks: asks,
		Summary:  "a prior from a text's CLIP embedding to a picture's, and a decoder from there to pixels: share of samples true to the prompt",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	training := func(steps int, lr, average float64) experiments.TrainConfig {
		t := experiments.TrainConfig{Steps: steps, Optimizer: experiments.DefaultAdamW(), LogEvery: 20, Average: average}
		t.Optimizer.LR = lr
		return t
	}
	c := Config{Model: unclip.Default(), Pictures: 8000, Windows: 2, CLIPBatch: 64, CLIPTrain: training(700, 2e-3, 0.99),
		PriorBatch: 128, PriorTrain: training(1500, 1e-3, 0.99), BatchSize: 32, Train: training(3000, 2e-3, 0.995),
		Judge: judge.Default(form), Scales: []float64{1, 2, 3, 5, 8}, Tried: 1, Rounds: 3, Tested: 300}
	if form == experiments.Quick {
		c.Pictures, c.Windows, c.CLIPTrain.Steps, c.PriorTrain.Steps, c.Train.Steps, c.Tested = 1500, 1, 60, 100, 200, 100
		if kind == backend.Go { // which takes several times as long for a step
			c.Train.Steps = 60
		}
		for _, t := range []*experiments.TrainConfig{&c.CLIPTrain, &c.PriorTrain, &c.Train} {
			t.Average = 0.95
		}
		c.CLIPBatch, c.PriorBatch, c.Model.Decoder.Channels, c.Model.CLIP.Image.Channels = 32, 64, []int{32, 64}, []int{32, 64}
		c.Model.Prior.Width, c.Model.Prior.Layers, c.Model.Prior.Sampling.Steps = 64, 2, 10
		c.Model.Sampling.Steps, c.Scales, c.Rounds = 10, []float64{1, 3}, 1
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	for _, err := range []error{c.Model.Check(), c.Judge.Check()} {
		if err != nil {
			return err
		}
	}
	last := -1.0
	for _, s := range c.Scales {
		if !(s > last) || math.IsInf(s, 1) {
			return fmt.Errorf("scales: expected rising ones from 0 on, found %v", c.Scales)
		}
		last = s
	}
	switch {
	case len(c.Scales) == 0:
		return fmt.Errorf("scales: expected at least one, found none")
	case min(c.Tried, c.Rounds, c.Windows) < 1 || c.Tested < 2:
		return fmt.Errorf("expected at least 1 round to choose by and to count, 1 window and 2 pictures to test with, found tried=%d, rounds=%d, windows=%d and tested=%d", c.Tried, c.Rounds, c.Windows, c.Tested)
	case min(c.BatchSize, c.CLIPBatch, c.PriorBatch) < 2 || c.Pictures < max(c.BatchSize, c.CLIPBatch) || c.Pictures*c.Windows < c.PriorBatch:
		return fmt.Errorf("expected batches of at least 2 and at least a batch of pictures, found batch_size=%d, clip_batch=%d, prior_batch=%d and pictures=%d with windows=%d",
			c.BatchSize, c.CLIPBatch, c.PriorBatch, c.Pictures, c.Windows)
	case c.Model.Decoder.Depth != 3 || 2*c.Model.Decoder.Side < scenes.MinSize:
		return fmt.Errorf("model.decoder: expected a side of at least %d pixels and a depth of 3, found %d and %d", scenes.MinSize/2, c.Model.Decoder.Side, c.Model.Decoder.Depth)
	}
	return nil
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	m, err := newLearner(cfg, env)
	if err != nil {
		return report, nil, err
	}
	j, err := judge.Train(ctx, env, cfg.Judge, cfg.Model.Decoder.Side)
	if err != nil {
		return report, nil, err
	}
	defer j.Close()
	if report.Judge, err = j.Accuracies(); err != nil {
		return report, nil, err
	}
	if err := m.learn(ctx, env); err != nil {
		return report, nil, err
	}
	if err := report.test(ctx, env, m); err != nil {
		return report, nil, err
	}
	if err := report.compare(ctx, env, m, j); err != nil {
		return report, nil, err
	}
	if err := report.play(ctx, env, m, j); err != nil {
		return report, nil, err
	}
	m.Config.Scale = report.Ways[0].Scale
	return report, nil, m.Save(env.Run.Path("model"))
}
