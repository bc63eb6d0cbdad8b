package captioner

import (
	"context"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/captioning/squeezenet"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/features"
	"github.com/glimpse-ml/glimpse/internal/parallel"
	"github.com/glimpse-ml/glimpse/internal/progress"
)

// Encoder turns pictures into a grid of features: either frozen, by SqueezeNet, ahead of training, or by a small
// network that is trained with the decoder.
type Encoder struct {
	Grid     int // places on a side of what it says
	Channels int // numbers a place

	name   string
	size   int // pixels on a side of what it sees
	pool   int // places on a side that frozen features are averaged to; 0 for as many as they have
	frozen *squeezenet.Extractor
	cnn    captioning.CNNConfig // of the network that is trained with the decoder
}

// squeezeNetWeights is the file of weights in the data set squeezenet.
const squeezeNetWeights = "squeezenet1_0.safetensors"

// OpenEncoder opens the encoder of that name for pictures of size pixels on a side: squeezenet, whose weights are data, or cnn,
// a small network that is trained with the decoder.
//
// pool averages the grid of squeezenet's features to so many places on a side, as PyTorch's adaptive_avg_pool2d; 0 leaves it.
func OpenEncoder(b compute.Backend, name string, size, pool int) (*Encoder, error) {
	switch name {
	case "cnn":
		if pool != 0 {
			return nil, fmt.Errorf("pool: expected 0 for the encoder cnn, which is made for its grid, found %d", pool)
		}
		if size%cnnStride != 0 || size < 2*cnnStride {
			return nil, fmt.Errorf("size: expected a multiple of %d, at least %d, for the encoder cnn, found %d", cnnStride, 2*cnnStride, size)
		}
		return CNNEncoder(smallCNN(size))
	case "squeezenet":
		dir, err := datasets.Find("squeezenet")
		if err != nil {
			return nil, err
		}
		extractor, err := squeezenet.NewExtractor(b, filepath.Join(dir, squeezeNetWeights), size, 0)
		if err != nil {
			return nil, err
		}
		e := &Encoder{name: name, size: size, pool: pool, Grid: extractor.Grid(), Channels: squeezenet.Channels, frozen: extractor}
		if pool < 0 || pool > e.Grid {
			extractor.Close()
			return nil, fmt.Errorf("pool: expected 0 to the %d places on a side that pictures of %d pixels have, found %d", e.Grid, size, pool)
		}
		if pool > 0 {
			e.Grid = pool
		}
		return e, nil
	}
	return nil, fmt.Errorf("encoder: expected squeezenet or cnn, found %q", name)
}

// prepare squashes a picture to what the encoder sees.
func (e *Encoder) prepare(img image.Image) (*picture.RGB, error) {
	return picture.ResizeCrop(img, e.size, e.size, image.Rect(0, 0, e.size, e.size), picture.Bilinear)
}

// inputSize is the number of numbers that a picture is handed to the decoder's graph with.
func (e *Encoder) inputSize() int {
	if e.frozen != nil {
		return e.Grid * e.Grid * e.Channels
	}
	return e.size * e.size * 3
}

// features returns the graph's features [N, L, D] for inputs [N, inputSize].
func (e *Encoder) features(scope *model.Scope, inputs *graph.Node) *graph.Node {
	n := inputs.Shape().Dim(0)
	if e.frozen == nil {
		return captioning.CNN(scope.At("cnn"), e.cnn, graph.Reshape(inputs, n, e.size, e.size, 3))
	}
	inputs = graph.MulScalar(inputs, featureScale)
	return graph.Reshape(inputs, n, e.Grid*e.Grid, e.Channels)
}

// featureScale brings SqueezeNet's features, which reach 1,000 with a spread of about 48, into the range that the
// decoder's gates and scores are made for. Without it training takes several times as long.
const featureScale = 1.0 / 10

// The small network: three stages that each halve the side, one place for 8 x 8 pixels.
const (
	cnnStride   = 8
	cnnChannels = 64
)

func smallCNN(size int) captioning.CNNConfig {
	return captioning.CNNConfig{Size: size, Channels: []int{32, cnnChannels, cnnChannels}, Groups: 8}
}

// pixels are the numbers that the small network sees.
func pixels(rgb *picture.RGB) []float32 {
	half := [3]float32{0.5, 0.5, 0.5}
	return picture.ToHWC(rgb, half, half)
}

// inputs returns the graph's input of single pictures.
func (e *Encoder) inputs(images []image.Image) ([][]float32, error) {
	var prepared []*picture.RGB
	for _, img := range images {
		rgb, err := e.prepare(img)
		if err != nil {
			return nil, err
		}
		prepared = append(prepared, rgb)
	}
	if e.frozen == nil {
		var out [][]float32
		for _, rgb := range prepared {
			out = append(out, pixels(rgb))
		}
		return out, nil
	}
	return e.frozenFeatures(prepared)
}

// frozenFeatures are SqueezeNet's, pooled.
func (e *Encoder) frozenFeatures(prepared []*picture.RGB) ([][]float32, error) {
	rows, err := e.frozen.Features(bytesOf(prepared))
	if err != nil || e.pool == 0 {
		return rows, err
	}
	for i, row := range rows {
		rows[i] = averaged(row, e.frozen.Grid(), e.pool, e.Channels)
	}
	return rows, nil
}

// averaged is a grid [from, from, channels] as one of to x to places: place i is the mean of rows floor(i*from/to) to
// ceil((i+1)*from/to), and columns likewise.
func averaged(grid []float32, from, to, channels int) []float32 {
	out := make([]float32, to*to*channels)
	for y := range to {
		y0, y1 := averagedCells(y, from, to)
		for x := range to {
			x0, x1 := averagedCells(x, from, to)
			cell := out[(y*to+x)*channels:][:channels]
			share := 1 / float32((y1-y0)*(x1-x0))
			for v := y0; v < y1; v++ {
				for u := x0; u < x1; u++ {
					for c, value := range grid[(v*from+u)*channels:][:channels] {
						cell[c] += share * value
					}
				}
			}
		}
	}
	return out
}

// averagedCells are the rows (or columns) first..end-1 of a grid of from on a side that place i of to is the mean of.
func averagedCells(i, from, to int) (first, end int) {
	return i * from / to, ((i+1)*from + to - 1) / to
}

func bytesOf(pictures []*picture.RGB) [][]uint8 {
	var out [][]uint8
	for _, p := range pictures {
		out = append(out, p.Pix)
	}
	return out
}

// inputSet returns a function to the graph's input of every picture of a data set, or of their mirror images, and the pictures that could not be
// read (their inputs are nil). Frozen features are computed once and cached on disk.
func (e *Encoder) inputSet(ctx context.Context, env *experiments.Env, set datasets.Dataset, mirrored bool) (func(i int) []float32, []error, error) {
	if e.frozen != nil {
		return e.frozenSet(ctx, env, set, mirrored)
	}
	rows, errs := parallel.Map(ctx, set.Len(), func(i int) ([]float32, error) {
		img, err := set.At(i).Open()
		if err != nil {
			return nil, err
		}
		rgb, err := e.prepare(img)
		if err != nil {
			return nil, err
		}
		if mirrored {
			rgb = picture.FlipHorizontal(rgb)
		}
		return pixels(rgb), nil
	})
	return func(i int) []float32 { return rows[i] }, errs, ctx.Err()
}

// preparation says how a picture becomes a row of frozen features.
func (e *Encoder) preparation(mirrored bool) string {
	text := fmt.Sprintf("squashed to %d, bilinear", e.size)
	if mirrored {
		text += ", mirrored"
	}
	if e.pool > 0 {
		text += fmt.Sprintf(", averaged to %d places on a side", e.pool)
	}
	return text
}

// chunk is how many pictures are decoded and encoded together: several batches, so that both cores are busy.
const chunk = 64

func (e *Encoder) frozenSet(ctx context.Context, env *experiments.Env, set datasets.Dataset, mirrored bool) (func(i int) []float32, []error, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, nil, fmt.Errorf("expected a cache folder of yours to keep features in: %w; set HOME or XDG_CACHE_HOME", err)
	}
	errs := make([]error, set.Len())
	keep := features.Cache{Dir: filepath.Join(cache, "glimpse", "features"), Message: func(s string) { env.Say("captioner: %s", s) }}
	key := features.Key{Data: set.Fingerprint(), Encoder: e.frozen.Fingerprint(), Preparation: e.preparation(mirrored)}
	matrix, err := keep.Get(ctx, key, set.Len(), []int{e.Grid * e.Grid, e.Channels}, func(ctx context.Context, emit func(int, []float32) error) error {
		bar := progress.New(env.Messages, "captioner: features of "+set.Name(), int64(set.Len()), progress.Options{})
		defer bar.Done()
		return e.encodeAll(ctx, set, mirrored, func(i int, row []float32) error {
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

// encodeAll computes the features of every picture. Decoding the next chunk goes on while one is computed.
func (e *Encoder) encodeAll(ctx context.Context, set datasets.Dataset, mirrored bool, emit func(i int, row []float32) error) error {
	loader, err := datasets.NewLoader(set.Len(), datasets.LoaderConfig{BatchSize: chunk, Epochs: 1}, func(_ context.Context, i int, _ *rand.Rand) (prepared, error) {
		img, err := set.At(i).Open()
		if err != nil {
			return prepared{i, nil}, nil
		}
		rgb, err := e.prepare(img)
		if err == nil && mirrored {
			rgb = picture.FlipHorizontal(rgb)
		}
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

// Close frees what was compiled.
func (e *Encoder) Close() {
	if e.frozen != nil {
		e.frozen.Close()
	}
}

// missing is the row of a picture that could not be read.
func missing(n int) []float32 {
	row := make([]float32, n)
	for i := range row {
		row[i] = float32(math.NaN())
	}
	return row
}

// Show is the picture as the encoder sees it, in a size for people.
func (e *Encoder) Show(img image.Image) (image.Image, error) {
	side := max(e.size, 224)
	return picture.ResizeCrop(img, side, side, image.Rect(0, 0, side, side), picture.Bicubic)
}
