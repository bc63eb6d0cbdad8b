package guided

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/internal/progress"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// sample makes pictures for all prompts at all scales, from the same noise, and has them judged.
func (r *Report) sample(ctx context.Context, env *experiments.Env, m *learner, j *judge.Judge) error {
	labels := judge.Asked()
	texts, err := m.Embed(env.Backend.Backend, judge.Prompts(labels))
	if err != nil {
		return err
	}
	defer texts.FinalizeAll()
	sampler, err := m.Sampler(env.Backend.Backend, m.Config.Sampling)
	if err != nil {
		return err
	}
	defer sampler.Close()
	bar := progress.New(env.Messages, "sampling", int64(len(m.cfg.Scales)*m.cfg.Rounds*m.Config.Sampling.Steps), progress.Options{})
	defer bar.Done()
	side := m.Config.Noise.Side
	var paths []judge.Path
	r.Scales, paths, err = j.Sweep(ctx, judge.Sweep{Labels: labels, Scales: m.cfg.Scales, Rounds: m.cfg.Rounds, Side: side,
		Make: func(ctx context.Context, first int, scale float64, each func(int, []float32, []float32)) ([]float32, error) {
			return sampler.Sample(ctx, uint64(env.Seed), first, len(labels), scale, []*tensors.Tensor{texts}, func(t int, noised, guess []float32) {
				bar.Add(1)
				each(t, noised, guess)
			})
		}})
	if err != nil {
		return err
	}
	best := paths[slices.Index(m.cfg.Scales, r.best().Scale)]
	r.Way, r.Guess, r.WayAt, err = judge.Ways(best.Noised, best.Guess, best.At, side)
	return err
}

// levels is the guide's accuracy at several steps of the noise, and the mean cosine of clean scenes and their prompts.
func (m *learner) levels(env *experiments.Env) (all []Level, clean float64, err error) {
	labels := judge.Labels()
	texts, err := m.Embed(env.Backend.Backend, judge.Prompts(labels))
	if err != nil {
		return nil, 0, err
	}
	defer texts.FinalizeAll()
	exec, err := model.NewExec(env.Backend.Backend, m.Store, func(scope *model.Scope, inputs []*graph.Node) *graph.Node {
		x := m.Schedule.Noised(inputs[0], inputs[1], inputs[2])
		image := m.Config.CLIP.EncodeImage(scope.At(diffusion.CLIPScope), x, diffusion.AsFloat(inputs[2]))
		return graph.DotGeneral(image, []int{1}, nil, inputs[3], []int{1}, nil)
	})
	if err != nil {
		return nil, 0, err
	}
	defer exec.Finalize()
	const tested = 200
	pictures, err := judge.Draw(m.Config.Noise.Side, scenes.Test, testSeed, tested)
	if err != nil {
		return nil, 0, err
	}
	rng := rand.New(rand.NewPCG(testSeed, 2))
	side, T := m.Config.Noise.Side, m.Schedule.Steps()
	for _, tenths := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9} {
		step := tenths * T / 10
		var values []float32
		noise, steps := make([]float32, tested*3*side*side), make([]int32, tested)
		for i := range pictures {
			values, steps[i] = append(values, pictures[i].Window(rng)...), int32(step)
		}
		for i := range noise {
			noise[i] = float32(rng.NormFloat64())
		}
		out, err := exec.Call1(tensors.FromFlatDataAndDimensions(values, tested, side, side, 3), tensors.FromFlatDataAndDimensions(noise, tested, side, side, 3), tensors.FromFlatDataAndDimensions(steps, tested), texts)
		if err != nil {
			return nil, 0, fmt.Errorf("cannot measure the guide: %w", err)
		}
		right := 0
		err = tensors.ConstFlatData(out, func(cosines []float32) {
			for i := range pictures {
				row := cosines[i*len(labels) : (i+1)*len(labels)]
				best := 0
				for k, v := range row {
					if v > row[best] {
						best = k
					}
				}
				if labels[best] == pictures[i].Label {
					right++
				}
				if step == 0 {
					clean += float64(row[slices.Index(labels, pictures[i].Label)]) / tested
				}
			}
		})
		out.FinalizeAll()
		if err != nil {
			return nil, 0, err
		}
		all = append(all, Level{step, m.Schedule.Left[step], stats.NewProportion(right, tested)})
	}
	return all, clean, nil
}

// testSeed is that of the scenes that the guide is tested with, the same in every run.
const testSeed = 7_000_031
