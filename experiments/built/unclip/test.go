package unclip

import (
	"context"
	"math/rand/v2"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/unclip"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Seeds of the scenes that nothing is trained on: those that are tested with, the same in every run, and those by which a scale is chosen.
const (
	testSeed = 7_000_041
	devSeed  = 6_000_041
)

// real are windows of new scenes with their embeddings.
type real struct {
	labels     []judge.Label
	values     []float32 // [n, side, side, 3]
	embeddings [][]float32
}

// real draws so many new scenes of a split.
func (m *learner) real(env *experiments.Env, split scenes.Split, seed uint64, count int) (r real, err error) {
	pictures, err := judge.Draw(m.Config.Decoder.Side, split, seed, count)
	if err != nil {
		return r, err
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	for _, p := range pictures {
		r.labels, r.values = append(r.labels, p.Label), append(r.values, p.Window(rng)...)
	}
	flat, err := m.EmbedPictures(env.Backend.Backend, r.values)
	r.embeddings = rows(flat, m.Config.CLIP.EmbedDim)
	return r, err
}

// rows cuts vectors of d numbers out of a long one.
func rows(flat []float32, d int) (all [][]float32) {
	for i := 0; i+d <= len(flat); i += d {
		all = append(all, flat[i:i+d])
	}
	return all
}

// test measures CLIP and the prior with new scenes.
func (r *Report) test(ctx context.Context, env *experiments.Env, m *learner) error {
	prior, err := m.PriorSampler(env.Backend.Backend)
	if err != nil {
		return err
	}
	defer prior.Close()
	prompts, err := m.EmbedTexts(env.Backend.Backend, judge.Prompts(judge.Labels()))
	if err != nil {
		return err
	}
	d := m.Config.CLIP.EmbedDim
	of := map[judge.Label][]float32{}
	for i, text := range rows(prompts, d) {
		of[judge.Labels()[i]] = text
	}
	r.CLIP, r.Prior = map[scenes.Split]stats.Proportion{}, map[scenes.Split]Nearness{}
	for _, split := range []scenes.Split{scenes.Test, scenes.Unseen} {
		new, err := m.real(env, split, testSeed, m.cfg.Tested)
		if err != nil {
			return err
		}
		var asked []float32
		for _, l := range new.labels {
			asked = append(asked, of[l]...)
		}
		made, err := prior.Sample(ctx, uint64(env.Seed), 0, asked)
		if err != nil {
			return err
		}
		r.CLIP[split] = found(new, rows(prompts, d))
		r.Prior[split] = near(new, rows(asked, d), rows(made, d))
	}
	return nil
}

// found is the share of scenes whose prompt is the likeliest of all.
func found(new real, prompts [][]float32) stats.Proportion {
	scores := make([][]float32, len(new.labels))
	for i, z := range new.embeddings {
		for _, text := range prompts {
			scores[i] = append(scores[i], float32(unclip.Dot(z, text)))
		}
	}
	right := 0
	for i, k := range clip.Predicted(scores) {
		if judge.Labels()[k] == new.labels[i] {
			right++
		}
	}
	return stats.NewProportion(right, len(new.labels))
}

// near are the mean cosines of scenes' embeddings and those of their prompts, of the prior's, and of other scenes of the pair.
func near(new real, asked, made [][]float32) (n Nearness) {
	others := 0
	for i, z := range new.embeddings {
		n.Text += unclip.Dot(z, asked[i]) / float64(len(asked))
		n.Prior += unclip.Dot(z, made[i]) / float64(len(made))
		for k := range i {
			if new.labels[k] == new.labels[i] {
				n.Other, others = n.Other+unclip.Dot(z, new.embeddings[k]), others+1
			}
		}
	}
	n.Other /= float64(max(others, 1))
	return n
}
