package contrastive

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning/squeezenet"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/features"
	"github.com/glimpse-ml/glimpse/internal/parallel"
	"github.com/glimpse-ml/glimpse/internal/progress"
)

// squeezeNetWeights is the file of weights in the data set squeezenet.
const squeezeNetWeights = "squeezenet1_0.safetensors"

// tower is a locked picture tower: it says a row of numbers about every picture of a data set, or of their mirror images.
type tower interface {
	inputs() int
	rows(ctx context.Context, env *experiments.Env, set datasets.Dataset, mirrored bool) ([][]float32, error)
	close()
}

// openTower opens a tower by its name.
func openTower(env *experiments.Env, name string, size int) (tower, error) {
	switch name {
	case "squeezenet":
		return openLocked(env, size)
	case "thumbnail":
		return thumbnail(size), nil
	}
	return nil, fmt.Errorf("tower: expected squeezenet or thumbnail, found %q", name)
}

// thumbnail is a tower for tests, which needs no weights: the picture itself, squashed to so many pixels on a side.
type thumbnail int

func (t thumbnail) inputs() int { return 3 * int(t) * int(t) }

func (t thumbnail) rows(ctx context.Context, _ *experiments.Env, set datasets.Dataset, mirrored bool) ([][]float32, error) {
	rows, errs := parallel.Map(ctx, set.Len(), func(i int) ([]float32, error) {
		s, err := look(set, i, int(t), mirrored)
		row := make([]float32, len(s.pix))
		for j, v := range s.pix {
			row[j] = float32(v)
		}
		return row, err
	})
	return rows, errors.Join(append(errs, ctx.Err())...)
}

func (thumbnail) close() {}

// locked is SqueezeNet with ImageNet's weights, of which nothing is trained. What it says about a picture is computed once
// and kept on disk.
type locked struct {
	size      int
	extractor *squeezenet.Extractor
	classify  *model.Exec
	cache     features.Cache
}

func openLocked(env *experiments.Env, size int) (*locked, error) {
	dir, err := datasets.Find("squeezenet")
	if err != nil {
		return nil, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("expected a cache folder of yours to keep features in: %w; set HOME or XDG_CACHE_HOME", err)
	}
	b, path := env.Backend.Backend, filepath.Join(dir, squeezeNetWeights)
	t := &locked{size: size, cache: features.Cache{Dir: filepath.Join(cache, "glimpse", "features"), Message: func(s string) { env.Say("clip/lit: %s", s) }}}
	if t.extractor, err = squeezenet.NewExtractor(b, path, size, 0); err != nil {
		return nil, err
	}
	if t.classify, err = newClassifier(b, path); err != nil {
		t.extractor.Close()
		return nil, err
	}
	return t, nil
}

// newClassifier compiles the last layer of SqueezeNet, which the extractor leaves out: grids to the scores of the classes.
func newClassifier(b compute.Backend, path string) (*model.Exec, error) {
	store := model.NewStore()
	if err := squeezenet.Load(store.RootScope(), path); err != nil {
		return nil, err
	}
	store.WithVariableAsConst(true)
	return model.NewExec(b, store, func(scope *model.Scope, grid *graph.Node) *graph.Node {
		return squeezenet.Classify(scope, grid, true)
	})
}

func (t *locked) close() {
	t.extractor.Close()
	t.classify.Finalize()
}

// rowWidth is the length of a picture's row: the means and the maxima of the grid's channels, and the classes' scores.
const rowWidth = 2*squeezenet.Channels + squeezenet.Classes

func (t *locked) inputs() int { return rowWidth }

// rows are those of the cache. A picture that cannot be read is an error: the sets that are compared must be whole.
func (t *locked) rows(ctx context.Context, env *experiments.Env, set datasets.Dataset, mirrored bool) ([][]float32, error) {
	preparation := fmt.Sprintf("squashed to %d, bilinear", t.size)
	if mirrored {
		preparation += ", mirrored"
	}
	key := features.Key{Data: set.Fingerprint(), Encoder: t.extractor.Fingerprint() + " mean, max, classes", Preparation: preparation}
	if env.Rehearsing() && !t.cache.Has(key, set.Len(), []int{rowWidth}) {
		return t.few(ctx, env, set, mirrored)
	}
	matrix, err := t.cache.Get(ctx, key, set.Len(), []int{rowWidth}, func(ctx context.Context, emit func(int, []float32) error) error {
		bar := progress.New(env.Messages, "clip/lit: features of "+set.Name(), int64(set.Len()), progress.Options{})
		defer bar.Done()
		return t.encode(ctx, set, mirrored, func(i int, row []float32) error {
			bar.Add(1)
			return emit(i, row)
		})
	})
	if err != nil {
		return nil, err
	}
	rows := make([][]float32, matrix.Rows())
	for i := range rows {
		rows[i] = matrix.Row(i)
	}
	return rows, matrix.Close()
}

// few are the rows in a dry run: those of a few pictures stand for all, and nothing is kept.
func (t *locked) few(ctx context.Context, env *experiments.Env, set datasets.Dataset, mirrored bool) ([][]float32, error) {
	begun, few := time.Now(), env.Few(set.Len())
	rows := make([][]float32, set.Len())
	err := t.encode(ctx, datasets.Limit(set, few), mirrored, func(i int, row []float32) error {
		for ; i < len(rows); i += few {
			rows[i] = row
		}
		return nil
	})
	env.Foresee("features of "+set.Name(), few, set.Len(), time.Since(begun))
	return rows, err
}

// seen is a picture ready to be encoded.
type seen struct {
	index int
	pix   []uint8
}

// look prepares picture i for a tower that sees size x size pixels.
func look(set datasets.Dataset, i, size int, mirrored bool) (seen, error) {
	img, err := set.At(i).Open()
	if err != nil {
		return seen{}, err
	}
	rgb, err := picture.ResizeCrop(img, size, size, image.Rect(0, 0, size, size), picture.Bilinear)
	if err != nil {
		return seen{}, fmt.Errorf("%s: %w", set.At(i).ID, err)
	}
	if mirrored {
		rgb = picture.FlipHorizontal(rgb)
	}
	return seen{i, rgb.Pix}, nil
}

// chunk is how many pictures are decoded and encoded together.
const chunk = 64

func (t *locked) encode(ctx context.Context, set datasets.Dataset, mirrored bool, emit func(i int, row []float32) error) error {
	loader, err := datasets.NewLoader(set.Len(), datasets.LoaderConfig{BatchSize: chunk, Epochs: 1}, func(_ context.Context, i int, _ *rand.Rand) (seen, error) {
		return look(set, i, t.size, mirrored)
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
		if bad := loader.Bad(); len(bad) > 0 {
			return fmt.Errorf("expected every picture of %s to be readable, found: %w", set.Name(), bad[0].Err)
		}
		done += len(batch.Items)
		var pix [][]uint8
		for _, s := range batch.Items {
			pix = append(pix, s.pix)
		}
		grids, err := t.extractor.Features(pix)
		if err != nil {
			return err
		}
		rows, err := t.summaries(grids)
		if err != nil {
			return err
		}
		for i, row := range rows {
			if err := emit(batch.Items[i].index, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// summaries makes rows of grids [places*512].
func (t *locked) summaries(grids [][]float32) ([][]float32, error) {
	side, width := t.extractor.Grid(), t.extractor.Grid()*t.extractor.Grid()*squeezenet.Channels
	flat := make([]float32, chunk*width)
	for i, grid := range grids {
		copy(flat[i*width:], grid)
	}
	scores, err := t.classify.Call1(tensors.FromFlatDataAndDimensions(flat, chunk, side, side, squeezenet.Channels))
	if err != nil {
		return nil, fmt.Errorf("cannot compute SqueezeNet's classes: %w", err)
	}
	defer scores.FinalizeAll()
	classes := scores.Value().([][]float32)
	rows := make([][]float32, len(grids))
	for i, grid := range grids {
		rows[i] = append(meanMax(grid, squeezenet.Channels), classes[i]...)
	}
	return rows, nil
}

// meanMax returns the means of a grid's channels, then their maxima.
func meanMax(grid []float32, channels int) []float32 {
	out := make([]float32, 2*channels)
	for at := 0; at < len(grid); at += channels {
		for c, v := range grid[at : at+channels] {
			out[c] += v
			out[channels+c] = max(out[channels+c], v)
		}
	}
	for c := range channels {
		out[c] /= float32(len(grid) / channels)
	}
	return out
}
