package contrastive

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/datasets"
)

// pair is a picture with one of its texts, ready for a batch.
type pair struct {
	image []float32
	ids   []int32
	text  string // that the ids are of, for sources that ask for it
}

// pairSource yields batches of pairs: two tensors.
type pairSource struct {
	loader *datasets.Loader[pair]
	dims   []int // of a picture
	length int   // of a text
	epoch  int
}

func newPairSource(n, batch int, seed int64, dims []int, length int, load func(ctx context.Context, i int, rng *rand.Rand) (pair, error)) (*pairSource, error) {
	loader, err := datasets.NewLoader(n, datasets.LoaderConfig{BatchSize: batch, Seed: uint64(seed), Shuffle: true, DropLast: true}, load)
	return &pairSource{loader: loader, dims: dims, length: length}, err
}

func (s *pairSource) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	batch, err := s.next(ctx)
	if err != nil {
		return nil, err
	}
	return s.tensors(batch.Items), nil
}

func (s *pairSource) next(ctx context.Context) (datasets.Batch[pair], error) {
	batch, err := s.loader.Next(ctx)
	s.epoch = batch.Epoch
	return batch, err
}

func (s *pairSource) tensors(items []pair) []*tensors.Tensor {
	var images []float32
	var ids []int32
	for _, item := range items {
		images, ids = append(images, item.image...), append(ids, item.ids...)
	}
	return []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(images, append([]int{len(items)}, s.dims...)...),
		tensors.FromFlatDataAndDimensions(ids, len(items), s.length),
	}
}

// bad names the examples that could not be loaded, each once.
func (s *pairSource) bad() (problems []string) {
	for _, b := range s.loader.Bad() {
		problems = append(problems, b.Err.Error())
	}
	return problems
}

// SavePosition says where the source is, and RestorePosition goes back there.
func (s *pairSource) SavePosition() (json.RawMessage, error) { return s.loader.SavePosition() }

// RestorePosition goes to a place that SavePosition gave.
func (s *pairSource) RestorePosition(position json.RawMessage) error {
	return s.loader.RestorePosition(position)
}

func (s *pairSource) Waited() time.Duration { return s.loader.Waited() }
func (s *pairSource) Epoch() int            { return s.epoch }
func (s *pairSource) close()                { s.loader.Close() }

// inWords are the figures on dev pictures for the progress bar.
func inWords(found map[string]float64) string {
	if v, ok := found[devTop1]; ok {
		return fmt.Sprintf("dev accuracy %.1f%%", 100*v)
	}
	return fmt.Sprintf("dev recall@1 %.1f%%, @10 %.1f%%", 100*found[devRecall(1)], 100*found[devRecall(10)])
}
