package pointing

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Config is the configuration of the experiment captions/scenes.
type Config struct {
	Drawing   Drawing                 `json:"drawing"`
	Dev       int                     `json:"dev"`        // scenes on which every choice is made
	HeldOut   int                     `json:"held_out"`   // test scenes, looked at once, at the end; 0 while choosing settings
	CNN       captioning.CNNConfig    `json:"cnn"`        // trained with the decoder
	Model     captioning.Config       `json:"model"`      // vocab_size, feature_dim and locations follow from data and network
	BatchSize int                     `json:"batch_size"` // scenes, with one caption each, drawn anew for every batch
	Train     experiments.TrainConfig `json:"train"`
	Beam      int                     `json:"beam"`
	Saliency  bool                    `json:"saliency"` // whether the gradient's map is measured beside the attention
	Examples  int                     `json:"examples"` // captions for the report, right ones and wrong ones
}

// Experiment is the experiment captions/scenes: Show, Attend and Tell on drawn scenes, with a network trained from
// scratch, and whether what it says is true and its attention looks there.
//
//	glimpse train captions/scenes --seed 1                              half an hour on one quiet core
//	glimpse train captions/scenes --set model.attention=hard            likewise, or uniform
//	glimpse train captions/scenes --quick                               seconds
func Experiment() experiments.Experiment {
	return experiments.New("captions/scenes", "Show, Attend and Tell on drawn scenes: are its captions true, and does its attention look at what they name?", Defaults, train)
}

// Defaults are the experiment's settings.
func Defaults(form experiments.Form, _ backend.Kind) Config {
	c := Config{
		Drawing: Drawing{MinObjects: 2, MaxObjects: 2, Noise: 0.02, Relations: true, InOrder: true},
		Dev:     500, HeldOut: 2000,
		CNN:   captioning.CNNConfig{Size: 96, Channels: []int{16, 32, 64}, Refine: []int{0, 1, 1}, Groups: 8, Places: true},
		Model: captioning.Small(0), BatchSize: 32,
		Train: experiments.TrainConfig{Steps: 8000, Optimizer: experiments.DefaultAdamW(), LogEvery: 20, EvalEvery: 2000, Average: 0.995},
		Beam:  5, Saliency: true, Examples: 6,
	}
	c.Model.EmbedDim, c.Model.Hidden, c.Model.AttentionDim, c.Model.DeepOutput, c.Model.Lambda, c.Model.Dropout, c.Model.MaxLen = 96, 192, 48, true, 0, 0, 16
	c.Model.Hard = captioning.PaperHard()
	c.Train.Optimizer.LR, c.Train.Optimizer.WarmupSteps, c.Train.Optimizer.WeightDecay = 2e-3, 100, 0.01
	if form == experiments.Quick { // one object a scene: colours and the beginning of shapes are learnt in this time
		c.Drawing.MinObjects, c.Drawing.MaxObjects, c.Drawing.Relations, c.Drawing.InOrder = 1, 1, false, false
		c.Dev, c.HeldOut, c.Beam, c.Examples = 60, 300, 2, 2
		c.CNN.Size, c.CNN.Channels, c.CNN.Refine = 32, []int{32, 48}, []int{0, 1}
		c.Model.EmbedDim, c.Model.Hidden, c.Model.AttentionDim, c.Model.MaxLen = 32, 64, 32, 10
		c.Train.Steps, c.Train.EvalEvery, c.Train.Optimizer.WarmupSteps, c.Train.Optimizer.LR, c.Train.Average = 300, 150, 20, 3e-3, 0.9
	}
	return c
}

func train(ctx context.Context, env *experiments.Env, cfg Config) (experiments.Result, error) {
	var result experiments.Result
	c, err := open(env, cfg)
	if err != nil {
		return result, err
	}
	defer c.Close()
	dev, err := cfg.Drawing.open(cfg.CNN.Size, scenes.Test, devSeed, max(cfg.Dev, 1))
	if err != nil {
		return result, err
	}
	report := &Report{Training: cfg.Train.Steps * cfg.BatchSize, Attention: cfg.Model.Attention, Grid: c.Encoder.Grid}
	before, _ := env.Usage()
	cut := 0
	if report.Trained, cut, err = foretell(ctx, env, "foretelling words", cfg, c, dev); err != nil {
		return result, err
	}
	if cut > 0 {
		result.Remarks = append(result.Remarks, fmt.Sprintf("%d captions were trained on up to their word %d alone, because they are longer (model.max_len counts their end too)", cut, cfg.Model.MaxLen))
	}
	after, _ := env.Usage()
	report.Processor = after - before
	if err := c.Save(env.Run.Path("model")); err != nil {
		return result, err
	}
	if report.OnDev, err = scoreSet(ctx, env, cfg, c, dev); err != nil {
		return result, err
	}
	if cfg.HeldOut > 0 {
		if err := report.hold(ctx, env, cfg, c); err != nil {
			return result, err
		}
	}
	measured, peak := env.Usage()
	report.Measuring, report.Peak = measured-after, peak
	if err := draw(env.Run, cfg, report); err != nil {
		return result, err
	}
	result.Metrics = report.metrics()
	return result, env.Run.WriteJSON(ReportFile, report)
}

// hold measures on test scenes.
func (r *Report) hold(ctx context.Context, env *experiments.Env, cfg Config, c *captioner.Model) error {
	test, err := cfg.Drawing.open(cfg.CNN.Size, scenes.Test, testSeed, cfg.HeldOut)
	if err != nil {
		return err
	}
	found, err := scoreSet(ctx, env, cfg, c, test)
	r.OnHeldOut = &found
	return err
}

// open makes a captioner with fresh weights.
func open(env *experiments.Env, cfg Config) (*captioner.Model, error) {
	encoder, err := captioner.CNNEncoder(cfg.CNN)
	if err != nil {
		return nil, err
	}
	c, err := captioner.New(env.Backend, cfg.Model, vocabulary(), encoder, env.Seed)
	if err != nil {
		return nil, err
	}
	c.Data = "scenes"
	return c, nil
}

// foretell trains the network and the decoder to foretell the words of true captions, and says how many were longer than the model
// allows.
func foretell(ctx context.Context, env *experiments.Env, name string, cfg Config, c *captioner.Model, dev *scenes.Scenes) (trained experiments.Trained, cut int, err error) {
	set, err := cfg.Drawing.open(cfg.CNN.Size, scenes.Train, uint64(env.Seed), (cfg.Train.Steps+1)*cfg.BatchSize)
	if err != nil {
		return trained, 0, err
	}
	source, err := newEndless(c, cfg.Drawing, set, cfg.BatchSize, env.Seed)
	if err != nil {
		return trained, 0, err
	}
	defer source.Close()
	task := experiments.Task{
		Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
			losses := c.Losses(scope, inputs)
			return losses.Total, []experiments.Metric{{Name: "cross_entropy", Value: losses.CrossEntropy}}
		},
		Evaluate: func(ctx context.Context) (map[string]float64, error) {
			written, err := write(ctx, c, dev, captioning.BeamOptions{K: 1})
			if err != nil {
				return nil, err
			}
			return onDev(written), nil
		},
	}
	trained, err = experiments.Fit(ctx, env, name, c.Store, task, source, cfg.Train, inWords)
	return trained, source.cut, err
}

const (
	devTrue  = "dev_true"
	devShare = "dev_share"
	devRatio = "dev_ratio"
)

// inWords are the figures on dev scenes for the progress bar.
func inWords(found map[string]float64) string {
	return fmt.Sprintf("%.1f%% true, %.0f%% of the attention in the box, %.1f x uniform", 100*found[devTrue], 100*found[devShare], found[devRatio])
}
