package unclip

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/clip/unclip"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/internal/progress"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// The ways to the embedding that the decoder is given for a prompt.
const (
	ByPrior   = "prior"   // made out of the text's embedding by the prior
	ByText    = "text"    // the text's embedding itself, as if it were a picture's (section 5.1)
	ByPicture = "picture" // that of a new picture of the pair
)

// Way is how samples come out by one of them.
type Way struct {
	Name   string           `json:"name"`
	Tried  []Tried          `json:"tried"`  // by these the scale is chosen
	Scale  float64          `json:"scale"`  // that was chosen
	Seen   stats.Proportion `json:"seen"`   // samples that are what the prompt says, colour and shape, of pairs that training had
	Unseen stats.Proportion `json:"unseen"` // likewise of pairs that it never had
	Colour stats.Proportion `json:"colour"` // samples whose colour is right, all prompts
	Shape  stats.Proportion `json:"shape"`  // samples whose shape is right
	Sure   float64          `json:"sure"`   // mean of how sure the judge is of what it sees
	First  judge.Strip      `json:"first"`  // the first samples
}

// Tried is a scale of the decoder's guidance.
type Tried struct {
	Scale  float64          `json:"scale"`
	Seen   stats.Proportion `json:"seen"`
	Unseen stats.Proportion `json:"unseen"`
}

// ways has what it takes to make samples.
type ways struct {
	m       *learner
	judge   *judge.Judge
	labels  []judge.Label
	texts   []float32 // their prompts' embeddings [n*D]
	prior   *unclip.PriorSampler
	decoder *diffusion.Sampler
	bar     *progress.Bar
}

// compare makes and counts samples by all ways.
func (r *Report) compare(ctx context.Context, env *experiments.Env, m *learner, j *judge.Judge) (err error) {
	w := ways{m: m, judge: j, labels: judge.Asked()}
	if w.texts, err = m.EmbedTexts(env.Backend.Backend, judge.Prompts(w.labels)); err != nil {
		return err
	}
	if w.prior, err = m.PriorSampler(env.Backend.Backend); err != nil {
		return err
	}
	defer w.prior.Close()
	if w.decoder, err = m.Decoder(env.Backend.Backend, m.Config.Sampling); err != nil {
		return err
	}
	defer w.decoder.Close()
	names := []string{ByPrior, ByText, ByPicture}
	w.bar = progress.New(env.Messages, "sampling", int64(len(names)*(len(m.cfg.Scales)*m.cfg.Tried+m.cfg.Rounds)), progress.Options{})
	defer w.bar.Done()
	for _, name := range names {
		way, err := w.measure(ctx, env, name)
		if err != nil {
			return err
		}
		r.Ways = append(r.Ways, way)
	}
	return nil
}

// measure chooses a scale, and counts at it the samples of other noise.
func (w ways) measure(ctx context.Context, env *experiments.Env, name string) (way Way, err error) {
	way.Name, way.Scale = name, w.m.cfg.Scales[0]
	given, err := w.embeddings(ctx, env, name, devSeed, w.m.cfg.Tried)
	if err != nil {
		return way, err
	}
	best := -1.0
	for _, scale := range w.m.cfg.Scales {
		count, _, err := w.rounds(ctx, given, scale, noiseSeed(env, devSeed))
		if err != nil {
			return way, err
		}
		way.Tried = append(way.Tried, Tried{scale, count.Seen(), count.Unseen()})
		if count.Seen().Value > best { // what unseen pairs say has no part in it
			best, way.Scale = count.Seen().Value, scale
		}
	}
	if given, err = w.embeddings(ctx, env, name, testSeed, w.m.cfg.Rounds); err != nil {
		return way, err
	}
	count, first, err := w.rounds(ctx, given, way.Scale, noiseSeed(env, testSeed))
	way.Seen, way.Unseen, way.Colour, way.Shape, way.Sure, way.First = count.Seen(), count.Unseen(), count.Colour(), count.Shape(), count.Sure(), first
	return way, err
}

// noiseSeed is that of the noise of samples that are chosen by, or counted.
func noiseSeed(env *experiments.Env, from uint64) uint64 { return from + 1000*uint64(env.Seed) }

// rounds makes samples of given embeddings [rounds*n*D] and counts those that are what the labels say.
func (w ways) rounds(ctx context.Context, embeddings []float32, scale float64, seed uint64) (count judge.Count, first judge.Strip, err error) {
	side, d, n := w.m.Config.Decoder.Side, w.m.Config.CLIP.EmbedDim, len(w.labels)
	for round := range len(embeddings) / (n * d) {
		given := tensors.FromFlatDataAndDimensions(embeddings[round*n*d:(round+1)*n*d], n, d)
		made, err := w.decoder.Sample(ctx, seed, round*n, n, scale, []*tensors.Tensor{given}, nil)
		given.FinalizeAll()
		if err != nil {
			return count, first, err
		}
		verdicts, err := w.judge.Look(made)
		if err != nil {
			return count, first, err
		}
		count.Add(w.labels, verdicts)
		if round == 0 {
			if first, err = judge.NewStrip(made, side, judge.Shown, w.labels, verdicts); err != nil {
				return count, first, err
			}
		}
		w.bar.Add(1)
	}
	return count, first, nil
}

// embeddings are what the decoder is given for so many rounds: [rounds*n*D]. They depend on from and the run's seed.
func (w ways) embeddings(ctx context.Context, env *experiments.Env, name string, from uint64, rounds int) (all []float32, err error) {
	n := len(w.labels)
	switch name {
	case ByPrior:
		for round := range rounds {
			made, err := w.prior.Sample(ctx, noiseSeed(env, from), round*n, w.texts)
			if err != nil {
				return nil, err
			}
			all = append(all, made...)
		}
	case ByText:
		for range rounds {
			all = append(all, w.texts...)
		}
	case ByPicture:
		return w.pictures(env, from, rounds)
	}
	return all, nil
}

// pictures are the embeddings of new pictures of all labels, another picture each time.
func (w ways) pictures(env *experiments.Env, from uint64, rounds int) (all []float32, err error) {
	of := map[judge.Label][][]float32{}
	for _, split := range []scenes.Split{scenes.Test, scenes.Unseen} {
		count := 20 * 40 * rounds // of 40 pairs that are seen; some turn up less often than others
		if split == scenes.Unseen {
			count = 20 * 8 * rounds
		}
		new, err := w.m.real(env, split, from, count)
		if err != nil {
			return nil, err
		}
		for i, l := range new.labels {
			of[l] = append(of[l], new.embeddings[i])
		}
	}
	for range rounds {
		for _, l := range w.labels {
			if len(of[l]) == 0 {
				return nil, fmt.Errorf("expected more new pictures of %s than were drawn", l)
			}
			all = append(all, of[l][0]...)
			of[l] = of[l][1:]
		}
	}
	return all, nil
}
