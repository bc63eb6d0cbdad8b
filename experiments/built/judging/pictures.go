package judging

import (
	"context"
	"fmt"
	"slices"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/guided"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/internal/progress"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Pictures is what comes of samples at a scale of guidance that are ranked by CLIP.
type Pictures struct {
	Scale float64       `json:"scale"`
	Picks []PicturePick `json:"picks"`
	First []judge.Strip `json:"first"` // one draw, and the best of all by CLIP, for the first prompts
}

// PicturePick is what a ranker's favourites come to, each out of N samples of a prompt.
type PicturePick struct {
	Ranker Ranker           `json:"ranker"`
	N      int              `json:"n"`
	Seen   stats.Proportion `json:"seen"`   // favourites that are what the prompt says, of pairs that training had
	Unseen stats.Proportion `json:"unseen"` // likewise of pairs that it never had
}

// rankPictures trains a diffusion model with its guide, samples at each scale and ranks the samples by what the guide says of them as clean pictures.
func (c Config) rankPictures(ctx context.Context, env *experiments.Env) (all []Pictures, err error) {
	j, err := judge.Train(ctx, env, c.Generator.Judge, c.Generator.Model.Noise.Side)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	m, err := guided.Learn(ctx, env, c.Generator)
	if err != nil {
		return nil, err
	}
	s, err := newStudio(m, j, env)
	if err != nil {
		return nil, err
	}
	defer s.close()
	rounds := c.Samples * c.Generator.Rounds
	bar := progress.New(env.Messages, "sampling", int64(len(c.Generator.Scales)*rounds), progress.Options{})
	defer bar.Done()
	for _, scale := range c.Generator.Scales {
		var made []round
		for k := range rounds {
			r, err := s.sample(ctx, scale, k)
			if err != nil {
				return nil, err
			}
			made = append(made, r)
			bar.Add(1)
		}
		p := Pictures{Scale: scale}
		for n := 1; n <= c.Samples; n *= 4 {
			for _, r := range []Ranker{ByDraw, ByCLIP, Oracle} {
				if (n == 1) == (r == ByDraw) {
					p.Picks = append(p.Picks, s.pick(made, n, r))
				}
			}
		}
		for _, r := range []Ranker{ByDraw, ByCLIP} {
			values, verdicts := s.favourites(made[:c.Samples], r)
			strip, err := judge.NewStrip(values, m.Config.Noise.Side, judge.Shown, s.labels, verdicts)
			if err != nil {
				return nil, err
			}
			p.First = append(p.First, strip)
		}
		all = append(all, p)
	}
	return all, nil
}

// studio makes pictures for all prompts, has them scored by the guide and told by the judge.
type studio struct {
	m       *diffusion.Guided
	j       *judge.Judge
	env     *experiments.Env
	labels  []judge.Label
	texts   *tensors.Tensor
	sampler *diffusion.Sampler
	score   *model.Exec
}

// round is a picture for each prompt.
type round struct {
	values   []float32
	verdicts []judge.Verdict
	cosines  []float32
}

func newStudio(m *diffusion.Guided, j *judge.Judge, env *experiments.Env) (s *studio, err error) {
	s = &studio{m: m, j: j, env: env, labels: judge.Labels()}
	var prompts []string
	for _, l := range s.labels {
		prompts = append(prompts, l.Prompt())
	}
	if s.texts, err = m.Embed(env.Backend.Backend, prompts); err != nil {
		return nil, err
	}
	if s.sampler, err = m.Sampler(env.Backend.Backend, m.Config.Sampling); err != nil {
		s.texts.FinalizeAll()
		return nil, err
	}
	s.score, err = model.NewExec(env.Backend.Backend, m.Store, func(scope *model.Scope, inputs []*graph.Node) *graph.Node {
		clean := graph.Zeros(inputs[0].Graph(), shapes.Make(inputs[0].DType(), inputs[0].Shape().Dim(0))) // step 0 of the noise
		return graph.ReduceSum(graph.Mul(m.Config.CLIP.EncodeImage(scope.At(diffusion.CLIPScope), inputs[0], clean), inputs[1]), 1)
	})
	if err != nil {
		s.texts.FinalizeAll()
		s.sampler.Close()
		return nil, err
	}
	return s, nil
}

func (s *studio) close() {
	s.texts.FinalizeAll()
	s.sampler.Close()
	s.score.Finalize()
}

// sample makes round k.
func (s *studio) sample(ctx context.Context, scale float64, k int) (r round, err error) {
	n, side := len(s.labels), s.m.Config.Noise.Side
	if r.values, err = s.sampler.Sample(ctx, uint64(s.env.Seed), k*n, n, scale, []*tensors.Tensor{s.texts}, nil); err != nil {
		return r, err
	}
	if r.verdicts, err = s.j.Look(r.values); err != nil {
		return r, err
	}
	out, err := s.score.Call1(tensors.FromFlatDataAndDimensions(append([]float32(nil), r.values...), n, side, side, 3), s.texts)
	if err != nil {
		return r, fmt.Errorf("cannot score pictures: %w", err)
	}
	r.cosines, err = tensors.CopyFlatData[float32](out)
	out.FinalizeAll()
	return r, err
}

// favourites are a ranker's pictures, one for each prompt out of all rounds.
func (s *studio) favourites(made []round, r Ranker) (values []float32, verdicts []judge.Verdict) {
	size := len(made[0].values) / len(s.labels)
	for i, label := range s.labels {
		at := 0
		for k := range made {
			if r == ByCLIP && made[k].cosines[i] > made[at].cosines[i] || r == Oracle && made[at].verdicts[i].Label != label && made[k].verdicts[i].Label == label {
				at = k
			}
		}
		values, verdicts = append(values, made[at].values[i*size:(i+1)*size]...), append(verdicts, made[at].verdicts[i])
	}
	return values, verdicts
}

// pick counts a ranker's favourites out of every n rounds.
func (s *studio) pick(made []round, n int, r Ranker) PicturePick {
	var count judge.Count
	for some := range slices.Chunk(made, n) {
		if len(some) == n {
			_, verdicts := s.favourites(some, r)
			count.Add(s.labels, verdicts)
		}
	}
	return PicturePick{Ranker: r, N: n, Seen: count.Seen(), Unseen: count.Unseen()}
}
