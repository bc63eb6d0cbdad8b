package judge

import (
	"context"
	"encoding/json"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/datasets"
)

// Source yields batches of what is drawn from so many pictures, each epoch anew.
type Source[T any] struct {
	*datasets.Loader[T]
	pack func(items []T) []*tensors.Tensor
}

// NewSource makes a source: load makes an example of picture i, pack the tensors of a batch.
func NewSource[T any](n, batch int, seed int64, load func(i int, rng *rand.Rand) T, pack func(items []T) []*tensors.Tensor) (*Source[T], error) {
	loader, err := datasets.NewLoader(n, datasets.LoaderConfig{BatchSize: batch, Seed: uint64(seed), Shuffle: true, DropLast: true},
		func(_ context.Context, i int, rng *rand.Rand) (T, error) { return load(i, rng), nil })
	return &Source[T]{loader, pack}, err
}

// Next is the next batch.
func (s *Source[T]) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	batch, err := s.Loader.Next(ctx)
	if err != nil {
		return nil, err
	}
	return s.pack(batch.Items), nil
}

// SavePosition is for training that is resumed.
func (s *Source[T]) SavePosition() (json.RawMessage, error) { return s.Loader.SavePosition() }

// RestorePosition goes back to a saved position.
func (s *Source[T]) RestorePosition(position json.RawMessage) error {
	return s.Loader.RestorePosition(position)
}

// Epoch is how often all pictures were seen.
func (s *Source[T]) Epoch() int { return s.Position().Epoch }
