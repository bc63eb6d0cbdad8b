package answering

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip/answering"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
)

// source draws a fresh scene for every picture, and some of the questions about it.
type source struct {
	*datasets.Loader[example]
	m *answering.Model
}

type example struct {
	pixels []float32
	ids    []int32 // of all questions, one behind the other
	right  []int32 // indices of their answers
}

// newSource reads a set scene by scene, a batch for each step. After so many steps as relations says, questions about relations come first.
func newSource(m *answering.Model, cfg Config, set *scenes.Scenes, relations int, seed int64) (*source, error) {
	loader, err := datasets.NewLoader(set.Len(), datasets.LoaderConfig{BatchSize: cfg.Pictures, Seed: uint64(seed), DropLast: true},
		func(_ context.Context, i int, rng *rand.Rand) (e example, err error) {
			scene := set.Scene(i)
			if m.Config.Sees != answering.Nothing {
				if e.pixels, err = m.Preprocess(scene.Image()); err != nil {
					return e, err
				}
			}
			for _, q := range draw(scene, cfg.Questions, i/cfg.Pictures >= relations, rng) {
				ids, err := m.Config.Encode(q.Text)
				if err != nil {
					return e, err
				}
				e.ids, e.right = append(e.ids, ids...), append(e.right, int32(slices.Index(m.Config.Answers, q.Answer)))
			}
			return e, nil
		})
	return &source{loader, m}, err
}

func (s *source) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	batch, err := s.Loader.Next(ctx)
	if err != nil {
		return nil, err
	}
	var all example
	for _, e := range batch.Items {
		all.pixels, all.ids, all.right = append(all.pixels, e.pixels...), append(all.ids, e.ids...), append(all.right, e.right...)
	}
	n := len(batch.Items)
	return append(s.m.Config.Tensors(all.pixels, all.ids, n), tensors.FromFlatDataAndDimensions(all.right, n, len(all.right)/n)), nil
}

func (s *source) SavePosition() (json.RawMessage, error) { return s.Loader.SavePosition() }
func (s *source) RestorePosition(position json.RawMessage) error {
	return s.Loader.RestorePosition(position)
}

// Epoch is always 0: no scene is seen twice.
func (s *source) Epoch() int { return 0 }

// draw draws count questions about a scene. Where relations come first they are up to half of the questions, and as many as two questionings have.
func draw(scene scenes.Scene, count int, relations bool, rng *rand.Rand) (list []scenes.Question) {
	for len(list) < count {
		questions := scene.Ask(rng)
		if relations {
			questions = append(questions, scene.Ask(rng)...)
		}
		rng.Shuffle(len(questions), func(i, j int) { questions[i], questions[j] = questions[j], questions[i] })
		if relations {
			questions = relationsFirst(questions, count/2)
		}
		list = append(list, questions[:min(len(questions), count-len(list))]...)
	}
	return list
}

// relationsFirst puts so many questions about relations, at most, before all others, and what there is more of them behind.
func relationsFirst(questions []scenes.Question, most int) []scenes.Question {
	var relations, others []scenes.Question
	for _, q := range questions {
		if q.Kind == scenes.AskRelation {
			relations = append(relations, q)
		} else {
			others = append(others, q)
		}
	}
	most = min(most, len(relations))
	return slices.Concat(relations[:most], others, relations[most:])
}
