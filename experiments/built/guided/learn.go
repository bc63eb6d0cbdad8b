package guided

import (
	"context"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/captioned"
)

// learner is the model with what it learns from.
type learner struct {
	*diffusion.Guided
	cfg     Config
	windows *captioned.Windows
}

func newLearner(cfg Config, seed int64) (*learner, error) {
	windows, err := captioned.Draw(cfg.Model.Noise.Side, cfg.Model.CLIP.Text.ContextLength, seed, cfg.Pictures, nil)
	if err != nil {
		return nil, err
	}
	m, err := diffusion.NewGuided(cfg.Model, windows.Tokenizer, seed)
	return &learner{m, cfg, windows}, err
}

// learnNoise trains the network that tells the noise.
func (m *learner) learnNoise(ctx context.Context, env *experiments.Env) error {
	source, err := m.windows.Source(m.cfg.BatchSize, env.Seed, 1, m.Schedule.Steps())
	if err != nil {
		return err
	}
	defer source.Close()
	task := experiments.Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		x := m.Schedule.Noised(inputs[0], inputs[1], inputs[2])
		v := m.Config.Noise.V(scope.At(diffusion.NoiseScope), x, diffusion.AsFloat(inputs[2]))
		return m.Schedule.Loss(v, inputs[0], inputs[1], inputs[2]), nil
	}}
	_, err = experiments.Fit(ctx, env, "diffusion", m.Store, task, source, m.cfg.Train, func(map[string]float64) string { return "" })
	return err
}

// learnCLIP trains the guide, contrastively, on noised pictures and their captions.
func (m *learner) learnCLIP(ctx context.Context, env *experiments.Env) error {
	source, err := m.windows.Source(m.cfg.CLIPBatch, env.Seed+2, 0, m.Schedule.Steps()) // the clean picture too
	if err != nil {
		return err
	}
	defer source.Close()
	task := captioned.Comparing(m.Config.CLIP, m.Schedule)
	_, err = experiments.Fit(ctx, env, "clip of noise", m.Store, task, source, m.cfg.CLIPTrain, func(map[string]float64) string { return "" })
	return err
}
