package captioner

import (
	"fmt"
	"image"
	"path/filepath"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/captioning/squeezenet"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Encoder turns pictures into a grid of features: by a network whose weights stay as they are (frozen), ahead of training; or by
// one that is part of the decoder's graph and is trained with it, from scratch or from published weights (fine-tuning).
type Encoder struct {
	Grid     int // places on a side of what it says
	Channels int // numbers a place

	name  string
	size  int     // pixels on a side of what it sees
	pool  int     // places on a side that features are averaged to; 0 for as many as they have
	scale float32 // what features are multiplied by before the decoder sees them; 0 until it is measured (scale.go)

	frozen eye                  // nil for a network that is trained
	net    *network             // nil for SqueezeNet, which comes as an eye
	cnn    captioning.CNNConfig // of a network that is trained from scratch
}

// eye is a network whose weights stay as they are. What it says of a picture is computed once and kept on disk.
type eye interface {
	Grid() int           // places on a side
	Fingerprint() string // changes whenever the features would
	// Features returns the grids [Grid*Grid*channels], row by row, of pictures of size*size*3 bytes.
	Features(pictures [][]uint8) ([][]float32, error)
	Close()
}

// squeezeNetWeights is the file of weights in the data set squeezenet.
const squeezeNetWeights = "squeezenet1_0.safetensors"

// OpenEncoder opens the encoder of that name for pictures of size pixels on a side:
//
//	squeezenet        SqueezeNet's ImageNet features; the weights are data
//	resnet:PATH       a published ResNet: a safetensors file in torchvision's names, or a folder with model.safetensors
//	clip:DIR          the image tower of a CLIP model, ours or published, before its places are put together
//	cnn               a small network that is trained with the decoder from scratch
//
// All but cnn are frozen; [OpenFineTuned] trains them. pool averages the grid to so many places on a side, as PyTorch's
// adaptive_avg_pool2d; 0 leaves it.
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
		return (&Encoder{name: name, size: size, Channels: squeezenet.Channels, frozen: extractor, scale: squeezeNetScale}).pooled(pool, extractor.Grid())
	}
	net, err := readNetwork(name, size)
	if err != nil {
		return nil, err
	}
	frozen, err := newFrozenNetwork(b, net, size)
	if err != nil {
		return nil, err
	}
	return (&Encoder{name: name, size: size, Channels: net.channels, frozen: frozen, net: net}).pooled(pool, net.grid)
}

// OpenFineTuned is [OpenEncoder] for a network that is trained further together with the decoder: resnet:PATH or clip:DIR. Its
// batch norms stay as they are, statistics and gains: a captioner's batches are too small for statistics of their own. The pictures
// are kept in memory, three bytes a pixel.
func OpenFineTuned(name string, size, pool int) (*Encoder, error) {
	if name == "cnn" || name == "squeezenet" {
		return nil, fmt.Errorf("fine_tune: expected an encoder resnet:PATH or clip:DIR, found %q", name)
	}
	net, err := readNetwork(name, size)
	if err != nil {
		return nil, err
	}
	return fineTuned(net, name, size, pool)
}

func fineTuned(net *network, name string, size, pool int) (*Encoder, error) {
	if pool > 0 && net.grid%pool != 0 {
		return nil, fmt.Errorf("pool: expected a divisor of the %d places on a side that pictures of %d pixels have, for an encoder that is trained, found %d", net.grid, size, pool)
	}
	return (&Encoder{name: name, size: size, Channels: net.channels, net: net}).pooled(pool, net.grid)
}

// pooled sets the grid: as many places on a side as the network has, or fewer.
func (e *Encoder) pooled(pool, grid int) (*Encoder, error) {
	if pool < 0 || pool > grid {
		e.Close()
		return nil, fmt.Errorf("pool: expected 0 to the %d places on a side that pictures of %d pixels have, found %d", grid, e.size, pool)
	}
	e.pool, e.Grid = pool, grid
	if pool > 0 {
		e.Grid = pool
	}
	return e, nil
}

// fineTuned says whether a network with published weights is trained further.
func (e *Encoder) fineTuned() bool { return e.frozen == nil && e.net.config != nil }

// Frozen says whether pictures are handed to the decoder's graph as features, which never change, and not as pixels.
func (e *Encoder) Frozen() bool { return e.frozen != nil }

// prepare squashes a picture to what the encoder sees.
func (e *Encoder) prepare(img image.Image) (*picture.RGB, error) {
	return picture.ResizeCrop(img, e.size, e.size, image.Rect(0, 0, e.size, e.size), e.filter())
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
		inputs = e.net.features(scope.At("%s", e.net.scope), graph.Reshape(inputs, n, e.size, e.size, 3), false)
		inputs = nn.AvgPool2D(inputs, e.net.grid/e.Grid)
	}
	if e.scale != 0 && e.scale != 1 {
		inputs = graph.MulScalar(inputs, float64(e.scale))
	}
	return graph.Reshape(inputs, n, e.Grid*e.Grid, e.Channels)
}

// filter is the interpolation with which pictures are squashed: that of the network's own training.
func (e *Encoder) filter() picture.Filter {
	if e.net == nil {
		return picture.Bilinear
	}
	return e.net.filter
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
			out = append(out, e.net.pixels(rgb))
		}
		return out, nil
	}
	return e.frozenFeatures(prepared)
}

// frozenFeatures are the eye's, pooled.
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

// Close frees what was compiled.
func (e *Encoder) Close() {
	if e.frozen != nil {
		e.frozen.Close()
	}
}

// Show is the picture as the encoder sees it, in a size for people.
func (e *Encoder) Show(img image.Image) (image.Image, error) {
	side := max(e.size, 224)
	return picture.ResizeCrop(img, side, side, image.Rect(0, 0, side, side), picture.Bicubic)
}
