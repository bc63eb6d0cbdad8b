package contrastive

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/progress"
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

func (s *pairSource) Waited() time.Duration { return s.loader.Waited() }
func (s *pairSource) Epoch() int            { return s.epoch }
func (s *pairSource) close()                { s.loader.Close() }

// fit trains, shows how it goes and records it, and leaves the averaged weights in store.
func fit(ctx context.Context, env *experiments.Env, name string, store *model.Store, task experiments.Task, source experiments.Source, cfg experiments.TrainConfig) (experiments.Trained, error) {
	cfg.Seed = env.Seed
	bar := progress.New(env.Messages, name+": training", int64(cfg.Steps), progress.Options{})
	defer bar.Done()
	dev := ""
	trained, err := experiments.Train(ctx, env.Backend, store, task, source, cfg, func(s experiments.Step) error {
		if v, ok := s.Scalars[devTop1]; ok {
			dev = fmt.Sprintf(", dev accuracy %.1f%%", 100*v)
		} else if v, ok := s.Scalars[devRecall(10)]; ok {
			dev = fmt.Sprintf(", dev recall@1 %.1f%%, @10 %.1f%%", 100*s.Scalars[devRecall(1)], 100*v)
		}
		bar.Describe(fmt.Sprintf("%s: loss %.2f%s", name, s.Loss, dev))
		bar.Set(int64(s.Step))
		if cfg.Records(s) {
			return env.Run.Record(s)
		}
		return nil
	})
	if err != nil {
		return trained, err
	}
	return trained, experiments.UseAverage(store)
}
