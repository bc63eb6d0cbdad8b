package guided

import (
	"context"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
)

// learner is the model with what it learns from.
type learner struct {
	*diffusion.Guided
	cfg      Config
	pictures []judge.Picture
}

func newLearner(cfg Config, seed int64) (*learner, error) {
	pictures, err := judge.Draw(cfg.Model.Noise.Side, scenes.Train, uint64(seed), cfg.Pictures)
	if err != nil {
		return nil, err
	}
	var corpus []string
	for _, p := range pictures[:min(500, len(pictures))] {
		corpus = append(corpus, p.Scene.Captions()...)
	}
	for _, l := range judge.Labels() {
		corpus = append(corpus, l.Prompt())
	}
	tokenizer, err := clip.TrainTokenizer(corpus, 200)
	if err != nil {
		return nil, err
	}
	m, err := diffusion.NewGuided(cfg.Model, tokenizer, seed)
	return &learner{m, cfg, pictures}, err
}

// example is a window of a picture with its noise.
type example struct {
	values, noise []float32
	step          int32
	ids           []int32
	label         judge.Label
}

// source draws windows, noise and steps of the noise, from least on.
func (m *learner) source(batch int, seed int64, least int) (*judge.Source[example], error) {
	side := m.Config.Noise.Side
	return judge.NewSource(len(m.pictures), batch, seed, func(i int, rng *rand.Rand) example {
		p := m.pictures[i]
		e := example{values: p.Window(rng), noise: make([]float32, 3*side*side), step: int32(least + rng.IntN(m.Schedule.Steps()+1-least)), label: p.Label}
		for k := range e.noise {
			e.noise[k] = float32(rng.NormFloat64())
		}
		caption := p.Label.Prompt() // half of the captions name colour and shape and nothing else; the others may leave out either
		if rng.IntN(2) == 0 {
			caption = p.Scene.Caption(rng)
		}
		e.ids = m.Tokenizer.EncodeBatch([]string{caption}, m.Config.CLIP.Text.ContextLength)
		return e
	}, func(items []example) []*tensors.Tensor {
		var values, noise []float32
		var steps, ids, labels []int32
		for _, e := range items {
			values, noise, steps, ids = append(values, e.values...), append(noise, e.noise...), append(steps, e.step), append(ids, e.ids...)
			labels = append(labels, int32(e.label.Colour*len(scenes.Shapes())+e.label.Shape))
		}
		n := len(items)
		return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(values, n, side, side, 3), tensors.FromFlatDataAndDimensions(noise, n, side, side, 3),
			tensors.FromFlatDataAndDimensions(steps, n), tensors.FromFlatDataAndDimensions(ids, n, m.Config.CLIP.Text.ContextLength), tensors.FromFlatDataAndDimensions(labels, n)}
	})
}

// learnNoise trains the network that tells the noise.
func (m *learner) learnNoise(ctx context.Context, env *experiments.Env) error {
	source, err := m.source(m.cfg.BatchSize, env.Seed, 1)
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
	source, err := m.source(m.cfg.CLIPBatch, env.Seed+2, 0) // the clean picture too
	if err != nil {
		return err
	}
	defer source.Close()
	task := experiments.Task{
		Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
			scope = scope.At(diffusion.CLIPScope)
			image := m.Config.CLIP.EncodeImage(scope, m.Schedule.Noised(inputs[0], inputs[1], inputs[2]), diffusion.AsFloat(inputs[2]))
			n := inputs[4].Shape().Dim(0)
			same := graph.Equal(graph.Reshape(inputs[4], n, 1), graph.Reshape(inputs[4], 1, n)) // what another picture's text says is true, too
			loss, scale := clip.CompareMasked(scope, image, m.Config.CLIP.EncodeText(scope, inputs[3]), graph.ConvertDType(same, image.DType()))
			return loss, []experiments.Metric{{Name: "scale", Value: scale}}
		},
		After: func(scope *model.Scope, g *graph.Graph) { clip.ClampScale(scope.At(diffusion.CLIPScope), g) },
	}
	_, err = experiments.Fit(ctx, env, "clip of noise", m.Store, task, source, m.cfg.CLIPTrain, func(map[string]float64) string { return "" })
	return err
}
