package unclip

import (
	"context"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/clip/unclip"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/captioned"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
)

// learner is the model with what it learns from.
type learner struct {
	*unclip.Model
	cfg     Config
	windows *captioned.Windows
	pairs   []pair
}

// pair is a window with what CLIP makes of it and of its caption: unit vectors [D].
type pair struct{ values, image, text []float32 }

func newLearner(cfg Config, env *experiments.Env) (*learner, error) {
	windows, err := captioned.Draw(cfg.Model.Decoder.Side, cfg.Model.CLIP.Text.ContextLength, env.Seed, cfg.Pictures, nil)
	if err != nil {
		return nil, err
	}
	m, err := unclip.New(cfg.Model, windows.Tokenizer, env.Seed)
	return &learner{Model: m, cfg: cfg, windows: windows}, err
}

// learn trains CLIP, then prior and decoder, each by itself, on what it says.
func (m *learner) learn(ctx context.Context, env *experiments.Env) error {
	source, err := m.windows.Source(m.cfg.CLIPBatch, env.Seed+2, 0, 0) // clean pictures
	if err != nil {
		return err
	}
	defer source.Close()
	task := captioned.Comparing(m.Config.CLIP, m.Schedule)
	if _, err := experiments.Fit(ctx, env, "clip", m.Store, task, source, m.cfg.CLIPTrain, quiet); err != nil {
		return err
	}
	if err := m.embed(env); err != nil {
		return err
	}
	if err := m.learnPrior(ctx, env); err != nil {
		return err
	}
	return m.learnDecoder(ctx, env)
}

func quiet(map[string]float64) string { return "" }

// embed cuts the windows that prior and decoder learn from. CLIP is frozen from here on: what it makes of them is computed once.
func (m *learner) embed(env *experiments.Env) error {
	rng := rand.New(rand.NewPCG(uint64(env.Seed), 21))
	var values []float32
	var captions []int32
	for i := range m.cfg.Pictures * m.cfg.Windows {
		e := m.windows.Example(i%m.cfg.Pictures, rng, 0, 0)
		values, captions = append(values, e.Values...), append(captions, e.IDs...)
	}
	images, err := m.EmbedPictures(env.Backend.Backend, values)
	if err != nil {
		return err
	}
	texts, err := m.EmbedIDs(env.Backend.Backend, captions)
	if err != nil {
		return err
	}
	d, size := m.Config.CLIP.EmbedDim, len(values)/(m.cfg.Pictures*m.cfg.Windows)
	for i := range m.cfg.Pictures * m.cfg.Windows {
		m.pairs = append(m.pairs, pair{values[i*size : (i+1)*size], images[i*d : (i+1)*d], texts[i*d : (i+1)*d]})
	}
	return nil
}

// noised is a pair with noise, a step of it, and whether the network is told what to go by.
type noised struct {
	pair
	noise []float32
	step  int32
	told  float32
}

// source draws pairs with noise of so many numbers, and packs what of a pair is noised and what is told: batches of x [N, dims...], what is told [N, D], noise [N, dims...],
// steps [N] and 1 or 0 for told or not [N, 1].
func (m *learner) source(batch int, seed int64, steps int, dims []int, of func(pair) (x, told []float32)) (*judge.Source[noised], error) {
	size := 1
	for _, d := range dims {
		size *= d
	}
	return judge.NewSource(len(m.pairs), batch, seed, func(i int, rng *rand.Rand) noised {
		e := noised{pair: m.pairs[i], step: int32(1 + rng.IntN(steps)), noise: captioned.Noise(rng, size)}
		if rng.Float64() >= unclip.Untold {
			e.told = 1
		}
		return e
	}, func(items []noised) []*tensors.Tensor {
		var values, given, noise, told []float32
		var steps []int32
		for _, e := range items {
			x, y := of(e.pair)
			values, given, noise, steps, told = append(values, x...), append(given, y...), append(noise, e.noise...), append(steps, e.step), append(told, e.told)
		}
		n := len(items)
		all := append([]int{n}, dims...)
		return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(values, all...), tensors.FromFlatDataAndDimensions(given, n, len(given)/n),
			tensors.FromFlatDataAndDimensions(noise, all...), tensors.FromFlatDataAndDimensions(steps, n), tensors.FromFlatDataAndDimensions(told, n, 1)}
	})
}

// learnPrior trains the prior to make a picture's embedding out of its caption's.
func (m *learner) learnPrior(ctx context.Context, env *experiments.Env) error {
	p := m.Config.Prior
	schedule, err := diffusion.NewSchedule(p.Schedule.Name, p.Schedule.Steps)
	if err != nil {
		return err
	}
	source, err := m.source(m.cfg.PriorBatch, env.Seed+3, schedule.Steps(), []int{m.Config.CLIP.EmbedDim}, func(e pair) (x, told []float32) { return e.image, e.text })
	if err != nil {
		return err
	}
	defer source.Close()
	task := experiments.Task{Loss: func(scope *model.Scope, in []*graph.Node) (*graph.Node, []experiments.Metric) {
		return p.Loss(scope, schedule, in[0], in[1], in[2], in[3], in[4]), nil
	}}
	_, err = experiments.Fit(ctx, env, "prior", m.Store, task, source, m.cfg.PriorTrain, quiet)
	return err
}

// learnDecoder trains the decoder to make windows out of their embeddings.
func (m *learner) learnDecoder(ctx context.Context, env *experiments.Env) error {
	side := m.Config.Decoder.Side
	source, err := m.source(m.cfg.BatchSize, env.Seed, m.Schedule.Steps(), []int{side, side, 3}, func(e pair) (x, told []float32) { return e.values, e.image })
	if err != nil {
		return err
	}
	defer source.Close()
	task := experiments.Task{Loss: func(scope *model.Scope, in []*graph.Node) (*graph.Node, []experiments.Metric) {
		return unclip.DecoderLoss(scope, m.Config.Decoder, m.Schedule, in[0], in[1], in[2], in[3], in[4]), nil
	}}
	_, err = experiments.Fit(ctx, env, "decoder", m.Store, task, source, m.cfg.Train, quiet)
	return err
}
