package unclip

import (
	"context"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip/unclip"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
)

// Played is how many pictures are varied, and how many pairs of pictures are gone between.
const played = 4

// play makes variations of new pictures, and pictures between two of them: the first ones, half of them of unseen pairs.
func (r *Report) play(ctx context.Context, env *experiments.Env, m *learner, j *judge.Judge) error {
	var all real
	for _, split := range []scenes.Split{scenes.Test, scenes.Unseen} {
		new, err := m.real(env, split, testSeed, played)
		if err != nil {
			return err
		}
		all.labels, all.values, all.embeddings = append(all.labels, new.labels...), append(all.values, new.values...), append(all.embeddings, new.embeddings...)
	}
	scale := r.Ways[len(r.Ways)-1].Scale // of embeddings of pictures
	for _, i := range []int{0, 1, played, played + 1} {
		strip, err := m.vary(ctx, env, j, all, i, scale)
		if err != nil {
			return err
		}
		r.Variations = append(r.Variations, strip)
	}
	for _, ends := range [][2]int{{0, 1}, {2, 3}, {0, played}, {played, played + 1}} {
		strip, err := m.between(ctx, env, j, all, ends, scale)
		if err != nil {
			return err
		}
		r.Interpolations = append(r.Interpolations, strip)
	}
	return nil
}

// vary is a picture and, behind it, what the decoder makes of its embedding with other noise each time.
func (m *learner) vary(ctx context.Context, env *experiments.Env, j *judge.Judge, of real, i int, scale float64) (judge.Strip, error) {
	var labels []judge.Label
	var given []float32
	for range judge.Shown {
		labels, given = append(labels, of.labels[i]), append(given, of.embeddings[i]...)
	}
	made, err := m.decode(ctx, env, given[len(of.embeddings[i]):], scale, m.Config.Sampling.Eta, false)
	if err != nil {
		return judge.Strip{}, err
	}
	size := len(of.values) / len(of.labels)
	return m.strip(j, append(append([]float32(nil), of.values[i*size:(i+1)*size]...), made...), labels)
}

// between goes from one picture's embedding to another's, with the same noise all the way: the first picture, what is made between, the second picture.
func (m *learner) between(ctx context.Context, env *experiments.Env, j *judge.Judge, of real, ends [2]int, scale float64) (judge.Strip, error) {
	const steps = judge.Shown - 2
	var given []float32
	for k := range steps {
		given = append(given, unclip.Slerp(of.embeddings[ends[0]], of.embeddings[ends[1]], float64(k)/(steps-1))...)
	}
	made, err := m.decode(ctx, env, given, scale, 0, true)
	if err != nil {
		return judge.Strip{}, err
	}
	size := len(of.values) / len(of.labels)
	values := append(append([]float32(nil), of.values[ends[0]*size:(ends[0]+1)*size]...), made...)
	return m.strip(j, append(values, of.values[ends[1]*size:(ends[1]+1)*size]...), nil)
}

// decode makes pictures of embeddings [n*D], each of its own noise or all of the same.
func (m *learner) decode(ctx context.Context, env *experiments.Env, given []float32, scale, eta float64, same bool) (made []float32, err error) {
	sampling := m.Config.Sampling
	sampling.Eta = eta
	decoder, err := m.Decoder(env.Backend.Backend, sampling)
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	d := m.Config.CLIP.EmbedDim
	batch := len(given) / d
	if same {
		batch = 1
	}
	for ; len(given) > 0; given = given[batch*d:] {
		z := tensors.FromFlatDataAndDimensions(given[:batch*d], batch, d)
		more, err := decoder.Sample(ctx, testSeed+1000*uint64(env.Seed), 0, batch, scale, []*tensors.Tensor{z}, nil)
		z.FinalizeAll()
		if err != nil {
			return nil, err
		}
		made = append(made, more...)
	}
	return made, nil
}

// strip keeps pictures with what the judge sees in them.
func (m *learner) strip(j *judge.Judge, values []float32, labels []judge.Label) (judge.Strip, error) {
	verdicts, err := j.Look(values)
	if err != nil {
		return judge.Strip{}, err
	}
	strip, err := judge.NewStrip(values, m.Config.Decoder.Side, judge.Shown, labels, verdicts)
	if labels == nil {
		for _, v := range verdicts {
			strip.Found = append(strip.Found, v.String())
		}
	}
	return strip, err
}
