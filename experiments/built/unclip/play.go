package unclip

import (
	"context"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
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
	p := player{learner: m, judge: j, of: all, seed: noiseSeed(env, testSeed), scale: r.Ways[len(r.Ways)-1].Scale} // of embeddings of pictures
	return p.play(ctx, env, r)
}

// player makes pictures of the embeddings of pictures.
type player struct {
	*learner
	judge   *judge.Judge
	of      real
	seed    uint64
	scale   float64
	decoder *diffusion.Sampler
}

func (p *player) play(ctx context.Context, env *experiments.Env, r *Report) error {
	for _, same := range []bool{false, true} {
		sampling := p.Config.Sampling
		if same {
			sampling.Eta = 0 // the first noise is all the noise there is
		}
		decoder, err := p.Decoder(env.Backend.Backend, sampling)
		if err != nil {
			return err
		}
		defer decoder.Close()
		p.decoder = decoder
		if same {
			r.Interpolations, err = strips(ctx, [][2]int{{0, 1}, {2, 3}, {0, played}, {played, played + 1}}, p.between)
		} else {
			r.Variations, err = strips(ctx, []int{0, 1, played, played + 1}, p.vary)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// strips makes a strip of each of all.
func strips[T any](ctx context.Context, all []T, strip func(context.Context, T) (judge.Strip, error)) (made []judge.Strip, err error) {
	for _, of := range all {
		s, err := strip(ctx, of)
		if err != nil {
			return nil, err
		}
		made = append(made, s)
	}
	return made, nil
}

// picture is new picture i.
func (p *player) picture(i int) []float32 {
	size := len(p.of.values) / len(p.of.labels)
	return slices.Clone(p.of.values[i*size : (i+1)*size])
}

// vary is a picture and, behind it, what the decoder makes of its embedding with other noise each time.
func (p *player) vary(ctx context.Context, i int) (judge.Strip, error) {
	labels := slices.Repeat([]judge.Label{p.of.labels[i]}, judge.Shown)
	made, err := p.decode(ctx, slices.Repeat(p.of.embeddings[i], judge.Shown-1), judge.Shown-1)
	if err != nil {
		return judge.Strip{}, err
	}
	return p.strip(append(p.picture(i), made...), labels)
}

// between goes from one picture's embedding to another's, with the same noise all the way: the first picture, what is made between, the second picture.
func (p *player) between(ctx context.Context, ends [2]int) (judge.Strip, error) {
	const steps = judge.Shown - 2
	values := p.picture(ends[0])
	for k := range steps {
		z := unclip.Slerp(p.of.embeddings[ends[0]], p.of.embeddings[ends[1]], float64(k)/(steps-1))
		made, err := p.decode(ctx, z, 1)
		if err != nil {
			return judge.Strip{}, err
		}
		values = append(values, made...)
	}
	return p.strip(append(values, p.picture(ends[1])...), nil)
}

// decode makes n pictures of as many embeddings, of other noise each.
func (p *player) decode(ctx context.Context, embeddings []float32, n int) ([]float32, error) {
	z := tensors.FromFlatDataAndDimensions(embeddings, n, p.Config.CLIP.EmbedDim)
	defer z.FinalizeAll()
	return p.decoder.Sample(ctx, p.seed, 0, n, p.scale, []*tensors.Tensor{z}, nil)
}

// strip keeps pictures with what the judge sees in them.
func (p *player) strip(values []float32, labels []judge.Label) (judge.Strip, error) {
	verdicts, err := p.judge.Look(values)
	if err != nil {
		return judge.Strip{}, err
	}
	strip, err := judge.NewStrip(values, p.Config.Decoder.Side, judge.Shown, labels, verdicts)
	if labels == nil {
		for _, v := range verdicts {
			strip.Found = append(strip.Found, v.String())
		}
	}
	return strip, err
}
