package guided

import (
	"context"
	"fmt"
	"slices"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of built/guided.
type Config struct {
	Model     diffusion.GuidedConfig  `json:"model"`    // vocab_size is set from the vocabulary, and scale from what is found
	Pictures  int                     `json:"pictures"` // scenes to train on; windows are cut from them anew each time
	BatchSize int                     `json:"batch_size"`
	Train     experiments.TrainConfig `json:"train"` // of the network that tells the noise
	CLIPBatch int                     `json:"clip_batch"`
	CLIPTrain experiments.TrainConfig `json:"clip_train"`
	Judge     judge.Config            `json:"judge"`
	Scales    []float64               `json:"scales"` // of guidance, rising from 0, which is none
	Climb     ClimbConfig             `json:"climb"`
	Rounds    int                     `json:"rounds"` // how often each prompt is asked at each scale; prompts of unseen pairs three times as often
}

// Report is what a run found out.
type Report struct {
	Judge  map[scenes.Split]stats.Proportion `json:"judge"`  // accuracy of the classifier that counts, of new scenes
	Levels []Level                           `json:"levels"` // what the guide makes of noise
	Scales []judge.Scaled                    `json:"scales"`
	Way    judge.Strip                       `json:"way"`   // the first picture at the best scale on its way from noise
	Guess  judge.Strip                       `json:"guess"` // what is guessed of the clean one meanwhile
	WayAt  []int                             `json:"way_at"`

	Climbed []Climbed `json:"climbed"` // pixels that climb the similarity, with no diffusion model
	Clean   float64   `json:"clean"`   // mean cosine of clean scenes and their prompts
}

// Level is the guide's accuracy at a step of the noise.
type Level struct {
	Step  int              `json:"step"`
	Left  float64          `json:"left"`  // alpha-bar
	Right stats.Proportion `json:"right"` // pictures whose prompt is the likeliest of all 48
}

// Study is the experiment built/guided: a diffusion model of pictures that knows no text, guided by a CLIP that was trained on noised
// pictures (Dhariwal and Nichol 2021, arXiv 2105.05233; Nichol et al. 2022, arXiv 2112.10741).
//
//	glimpse train built/guided --seed 1
//	glimpse train built/guided --quick     25 seconds on two cores
//
// Time, machine and scores are in docs/results/built-guided.md.
func Study() lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Series: "built", Name: "guided", Title: "Pictures out of noise, guided by CLIP", Asks: asks,
		Summary:  "a diffusion model that knows no text, guided by a CLIP of noised pictures: share of samples true to the prompt",
		Defaults: defaults, Run: run, Metrics: figures, Tell: tell,
	})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	training := func(steps int, lr, average float64) experiments.TrainConfig {
		t := experiments.TrainConfig{Steps: steps, Optimizer: experiments.DefaultAdamW(), LogEvery: 20, Average: average}
		t.Optimizer.LR = lr
		return t
	}
	c := Config{Model: diffusion.DefaultGuided(), Pictures: 8000, BatchSize: 32, Train: training(4000, 2e-3, 0.995),
		CLIPBatch: 64, CLIPTrain: training(2000, 2e-3, 0.995), Judge: judge.Default(form), Scales: []float64{0, 1, 3, 10, 30}, Rounds: 3,
		Climb: ClimbConfig{Steps: 60, Rate: 0.05, Cutouts: []int{0, 4}}}
	if form == experiments.Quick {
		c.Pictures, c.Train.Steps, c.Train.Average, c.CLIPTrain.Steps, c.CLIPTrain.Average = 1500, 200, 0.95, 60, 0.9
		if kind == backend.Go { // which takes several times as long for a step
			c.Train.Steps = 60
		}
		c.BatchSize, c.CLIPBatch, c.Model.Noise.Channels, c.Model.CLIP.Image.Channels = 32, 32, []int{32, 64}, []int{32, 64}
		c.Model.Sampling.Steps, c.Scales, c.Rounds, c.Climb.Steps = 10, []float64{0, 10}, 1, 10
	}
	return c
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	if err := c.Model.Check(); err != nil {
		return err
	}
	if err := c.Judge.Check(); err != nil {
		return err
	}
	if err := judge.CheckScales(c.Scales); err != nil {
		return err
	}
	switch {
	case c.Rounds < 1 || c.BatchSize < 2 || c.CLIPBatch < 2 || c.Pictures < max(c.BatchSize, c.CLIPBatch):
		return fmt.Errorf("expected at least 1 round, batches of at least 2 and at least a batch of pictures, found rounds=%d, batch_size=%d, clip_batch=%d and pictures=%d", c.Rounds, c.BatchSize, c.CLIPBatch, c.Pictures)
	case c.Climb.Steps < 1 || !(c.Climb.Rate > 0) || len(c.Climb.Cutouts) == 0 || slices.Min(c.Climb.Cutouts) < 0:
		return fmt.Errorf("climb: expected at least a step, a rate above 0 and numbers of cutouts from 0 on, found %+v", c.Climb)
	case c.Model.Noise.Depth != 3 || 2*c.Model.Noise.Side < scenes.MinSize:
		return fmt.Errorf("model.noise: expected a side of at least %d pixels and a depth of 3, found %d and %d", scenes.MinSize/2, c.Model.Noise.Side, c.Model.Noise.Depth)
	}
	return nil
}

func run(ctx context.Context, env *experiments.Env, cfg Config) (report Report, remarks []string, err error) {
	m, err := newLearner(cfg, env.Seed)
	if err != nil {
		return report, nil, err
	}
	j, err := judge.Train(ctx, env, cfg.Judge, cfg.Model.Noise.Side)
	if err != nil {
		return report, nil, err
	}
	defer j.Close()
	if report.Judge, err = j.Accuracies(); err != nil {
		return report, nil, err
	}
	if err := m.learnCLIP(ctx, env); err != nil {
		return report, nil, err
	}
	if report.Levels, report.Clean, err = m.levels(env); err != nil {
		return report, nil, err
	}
	if err := report.climb(ctx, env, m, j); err != nil {
		return report, nil, err
	}
	if err := m.learnNoise(ctx, env); err != nil {
		return report, nil, err
	}
	if err := report.sample(ctx, env, m, j); err != nil {
		return report, nil, err
	}
	m.Config.Scale = report.best().Scale
	return report, nil, m.Save(env.Run.Path("model"))
}

// best is the scale with the largest share of true samples of seen pairs.
func (r Report) best() judge.Scaled {
	best := r.Scales[0]
	for _, s := range r.Scales {
		if s.Seen.Value > best.Seen.Value {
			best = s
		}
	}
	return best
}
