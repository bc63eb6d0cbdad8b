package captioner

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/features"
	"github.com/glimpse-ml/glimpse/internal/parallel"
	"github.com/glimpse-ml/glimpse/internal/progress"
)

// inputSet returns a function to the graph's input of every picture of a data set in a view, and the pictures that could not be
// read (their inputs are nil). Frozen features are computed once and cached on disk.
func (e *Encoder) inputSet(ctx context.Context, env *experiments.Env, set datasets.Dataset, view View) (func(i int) []float32, []error, error) {
	if e.frozen != nil {
		return e.frozenSet(ctx, env, set, view)
	}
	begun, few := time.Now(), env.Few(set.Len())
	pictures, errs := parallel.Map(ctx, few, func(i int) (*picture.RGB, error) { // bytes take a quarter of the memory of numbers
		img, err := set.At(i).Open()
		if err != nil {
			return nil, err
		}
		return e.prepareView(img, i, view)
	})
	env.Foresee("reading the pictures of "+set.Name(), few, set.Len(), time.Since(begun))
	for i := few; i < set.Len(); i++ { // in a dry run, the others stand for those that were not read
		errs = append(errs, errs[i%few])
	}
	return func(i int) []float32 { return e.net.pixels(pictures[i%few]) }, errs, ctx.Err()
}

// preparation says how a picture becomes a row of frozen features.
func (e *Encoder) preparation(view View) string {
	filter := "bilinear"
	if e.filter() == picture.Bicubic {
		filter = "bicubic"
	}
	text := fmt.Sprintf("squashed to %d, %s", e.size, filter) + view.preparation()
	if e.pool > 0 {
		text += fmt.Sprintf(", averaged to %d places on a side", e.pool)
	}
	return text
}

// chunk is how many pictures are decoded and encoded together: several batches, so that both cores are busy.
const chunk = 64

func (e *Encoder) frozenSet(ctx context.Context, env *experiments.Env, set datasets.Dataset, view View) (func(i int) []float32, []error, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, nil, fmt.Errorf("expected a cache folder of yours to keep features in: %w; set HOME or XDG_CACHE_HOME", err)
	}
	errs := make([]error, set.Len())
	keep := features.Cache{Dir: filepath.Join(cache, "glimpse", "features"), Message: func(s string) { env.Say("captioner: %s", s) }}
	key := features.Key{Data: set.Fingerprint(), Encoder: e.frozen.Fingerprint(), Preparation: e.preparation(view)}
	if env.Rehearsing() && !keep.Has(key, set.Len(), []int{e.Grid * e.Grid, e.Channels}) {
		return e.few(ctx, env, set, view)
	}
	matrix, err := keep.Get(ctx, key, set.Len(), []int{e.Grid * e.Grid, e.Channels}, func(ctx context.Context, emit func(int, []float32) error) error {
		bar := progress.New(env.Messages, "captioner: features of "+set.Name(), int64(set.Len()), progress.Options{})
		defer bar.Done()
		return e.encodeAll(ctx, set, view, func(i int, row []float32) error {
			bar.Add(1)
			return emit(i, row)
		})
	})
	if err != nil {
		return nil, nil, err
	}
	for i := range errs { // a picture that could not be read has a row of NaN, in the cache too
		if row := matrix.Row(i); row[0] != row[0] {
			_, errs[i] = set.At(i).Open()
			if errs[i] == nil {
				errs[i] = fmt.Errorf("%s: its features are missing from the cache %s; delete that file", set.At(i).ID, matrix.Path())
			}
		}
	}
	return matrix.Row, errs, nil
}

// few is [Encoder.frozenSet] in a dry run: the features of a few pictures stand for those of all, and nothing is kept.
func (e *Encoder) few(ctx context.Context, env *experiments.Env, set datasets.Dataset, view View) (func(i int) []float32, []error, error) {
	begun, few := time.Now(), env.Few(set.Len())
	var rows [][]float32
	err := e.encodeAll(ctx, datasets.Limit(set, few), view, func(_ int, row []float32) error {
		if row[0] == row[0] { // could be read
			rows = append(rows, row)
		}
		return nil
	})
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("none of the first %d pictures of %s can be read", few, set.Name())
	}
	if err != nil {
		return nil, nil, err
	}
	env.Foresee("features of "+set.Name(), few, set.Len(), time.Since(begun))
	return func(i int) []float32 { return rows[i%len(rows)] }, make([]error, set.Len()), nil
}

// encodeAll computes the features of every picture. Decoding the next chunk goes on while one is computed.
func (e *Encoder) encodeAll(ctx context.Context, set datasets.Dataset, view View, emit func(i int, row []float32) error) error {
	loader, err := datasets.NewLoader(set.Len(), datasets.LoaderConfig{BatchSize: chunk, Epochs: 1}, func(_ context.Context, i int, _ *rand.Rand) (prepared, error) {
		img, err := set.At(i).Open()
		if err != nil {
			return prepared{i, nil}, nil
		}
		rgb, err := e.prepareView(img, i, view)
		return prepared{i, rgb}, err
	})
	if err != nil {
		return err
	}
	defer loader.Close()
	for done := 0; done < set.Len(); {
		batch, err := loader.Next(ctx)
		if err != nil {
			return err
		}
		var whole []prepared
		for _, p := range batch.Items {
			if p.rgb != nil {
				whole = append(whole, p)
			} else if err := emit(p.index, missing(e.Grid*e.Grid*e.Channels)); err != nil {
				return err
			}
		}
		done += len(batch.Items)
		var pictures []*picture.RGB
		for _, p := range whole {
			pictures = append(pictures, p.rgb)
		}
		rows, err := e.frozenFeatures(pictures)
		if err != nil {
			return err
		}
		for i, row := range rows {
			if err := emit(whole[i].index, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepared is a picture ready to be encoded, or none when it could not be read.
type prepared struct {
	index int
	rgb   *picture.RGB
}

// missing is the row of a picture that could not be read.
func missing(n int) []float32 {
	row := make([]float32, n)
	for i := range row {
		row[i] = float32(math.NaN())
	}
	return row
}
