package scenesclip

import (
	"context"
	"encoding/json"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
)

// source draws a fresh scene for every example.
type source struct {
	*datasets.Loader[example]
	m *clip.Model
}

type example struct {
	pixels []float32
	ids    []int32
}

func newSource(m *clip.Model, cfg Config, set *scenes.Scenes, seed int64) (*source, error) {
	loader, err := datasets.NewLoader(set.Len(), datasets.LoaderConfig{BatchSize: cfg.BatchSize, Seed: uint64(seed), DropLast: true},
		func(_ context.Context, i int, rng *rand.Rand) (example, error) {
			scene := set.Scene(i)
			pixels, err := m.Preprocess(scene.Image())
			return example{pixels, m.Tokenizer.EncodeBatch([]string{cfg.Caption(scene, rng)}, m.Config.Text.ContextLength)}, err
		})
	return &source{loader, m}, err
}

func (s *source) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	batch, err := s.Loader.Next(ctx)
	if err != nil {
		return nil, err
	}
	var pixels []float32
	var ids []int32
	for _, e := range batch.Items {
		pixels, ids = append(pixels, e.pixels...), append(ids, e.ids...)
	}
	n, v := len(batch.Items), s.m.Config.Vision
	return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(pixels, n, v.Height, v.Width, 3), tensors.FromFlatDataAndDimensions(ids, n, s.m.Config.Text.ContextLength)}, nil
}

func (s *source) SavePosition() (json.RawMessage, error) { return s.Loader.SavePosition() }
func (s *source) RestorePosition(position json.RawMessage) error {
	return s.Loader.RestorePosition(position)
}

// Epoch is always 0: no scene is seen twice.
func (s *source) Epoch() int { return 0 }
