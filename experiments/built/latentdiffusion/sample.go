package latentdiffusion

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/clip/latent"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/internal/progress"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Returned is what the autoencoder makes of new scenes of a split.
type Returned struct {
	Error  float64          `json:"error"`  // root of the mean square, in the 255 levels of a colour
	Before stats.Proportion `json:"before"` // scenes whose colour and shape the judge tells
	After  stats.Proportion `json:"after"`  // likewise of what comes back
}

// What the autoencoder is tested with, the same in every run: so many scenes of a split, or as many as the judge is tested with, if that is fewer.
const (
	testSeed = 7_000_041
	tested   = 200
)

// look has new scenes go through the autoencoder and back.
func (r *Report) look(env *experiments.Env, m *learner, j *judge.Judge) error {
	r.Returned = map[scenes.Split]Returned{}
	side := m.Config.Auto.Side
	for _, split := range []scenes.Split{scenes.Test, scenes.Unseen} {
		pictures, err := judge.Draw(side, split, testSeed, min(tested, m.cfg.Judge.Tested))
		if err != nil {
			return err
		}
		rng := rand.New(rand.NewPCG(testSeed, 3))
		var before []float32
		var labels []judge.Label
		for _, p := range pictures {
			before, labels = append(before, p.Window(rng)...), append(labels, p.Label)
		}
		after, err := m.back(env, before)
		if err != nil {
			return err
		}
		squares := 0.0
		for i, v := range before {
			d := float64(min(max(after[i], -1), 1) - v)
			squares += d * d
		}
		returned := Returned{Error: 127.5 * math.Sqrt(squares/float64(len(before)))}
		if returned.Before, _, err = j.True(before, labels); err != nil {
			return err
		}
		var verdicts []judge.Verdict
		if returned.After, verdicts, err = j.True(after, labels); err != nil {
			return err
		}
		r.Returned[split] = returned
		if split != scenes.Test {
			continue
		}
		if r.Before, err = judge.NewStrip(before, side, judge.Shown, nil, nil); err != nil {
			return err
		}
		if r.After, err = judge.NewStrip(after, side, judge.Shown, labels, verdicts); err != nil {
			return err
		}
	}
	return nil
}

// back is pictures made into latents and back.
func (m *learner) back(env *experiments.Env, pictures []float32) ([]float32, error) {
	z, err := m.Encode(env.Backend.Backend, pictures)
	if err != nil {
		return nil, err
	}
	return m.Decode(env.Backend.Backend, z)
}

// devNoise keeps the noise that the scale is chosen by from that of the samples that are counted.
const devNoise = 500_009

// sample makes pictures for all prompts at all scales, from the same noise, and has them judged. The scale is chosen by as many rounds of the seen pairs' prompts from other noise.
func (r *Report) sample(ctx context.Context, env *experiments.Env, m *learner, j *judge.Judge) error {
	sampler, err := m.Sampler(env.Backend.Backend, m.Config.Sampling)
	if err != nil {
		return err
	}
	defer sampler.Close()
	decoder, err := m.Decoder(env.Backend.Backend)
	if err != nil {
		return err
	}
	defer decoder.Close()
	bar := progress.New(env.Messages, "sampling", int64(2*len(m.cfg.Scales)*m.cfg.Rounds*m.Config.Sampling.Steps), progress.Options{})
	defer bar.Done()
	sweep := func(labels []judge.Label, rounds int, seed uint64) ([]judge.Scaled, []judge.Path, error) {
		words, err := m.Embed(env.Backend.Backend, judge.Prompts(labels))
		if err != nil {
			return nil, nil, err
		}
		defer words.FinalizeAll()
		return j.Sweep(ctx, judge.Sweep{Labels: labels, Scales: m.cfg.Scales, Rounds: rounds, Side: m.Config.Auto.Side, Make: maker(sampler, decoder, words, seed, len(labels), func() { bar.Add(1) })})
	}
	seen := slices.DeleteFunc(judge.Labels(), judge.Label.HeldOut)
	dev, _, err := sweep(seen, m.cfg.Rounds, uint64(env.Seed)+devNoise)
	if err != nil {
		return err
	}
	var paths []judge.Path
	if r.Scales, paths, err = sweep(judge.Asked(), m.cfg.Rounds, uint64(env.Seed)); err != nil {
		return err
	}
	best := 0
	for i, d := range dev {
		r.Scales[i].Dev = &d.Seen
		if d.Seen.Value > dev[best].Seen.Value {
			best = i
		}
	}
	r.Best = r.Scales[best].Scale
	return r.show(decoder, paths[best], m.Config.Auto.Side)
}

// maker makes pictures with a sampler of latents and a decoder.
func maker(sampler *diffusion.Sampler, decoder *latent.Coder, words *tensors.Tensor, seed uint64, n int, step func()) judge.Maker {
	return func(ctx context.Context, first int, scale float64, each func(int, []float32, []float32)) ([]float32, error) {
		made, err := sampler.Sample(ctx, seed, first, n, scale, []*tensors.Tensor{words}, func(t int, noised, guess []float32) {
			step()
			each(t, noised, guess)
		})
		if err != nil {
			return nil, err
		}
		return decoder.Map(made)
	}
}

// show decodes the latents that a picture was on its way.
func (r *Report) show(decoder *latent.Coder, path judge.Path, side int) (err error) {
	decoded := func(latents [][]float32) (all [][]float32) {
		if err != nil {
			return nil
		}
		var pictures []float32
		if pictures, err = decoder.Map(slices.Concat(latents...)); err != nil {
			return nil
		}
		for p := range slices.Chunk(pictures, 3*side*side) {
			all = append(all, p)
		}
		return all
	}
	noised, guess := decoded(path.Noised), decoded(path.Guess)
	if err != nil {
		return err
	}
	r.Way, r.Guess, r.WayAt, err = judge.Ways(noised, guess, path.At, side)
	return err
}
