package squeezenet

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Extractor turns pictures into grids of features with frozen weights. It compiles once, for batches of [Extractor.BatchSize].
// It may be used by several goroutines at a time.
//
// Pictures a second on two cores with AVX2, by the size of the pictures (BenchmarkFeatures; those with AVX-512 do more):
//
//	              112   128   160   224
//	ONNX Runtime  266   179   176    92
//	pure Go        64    41    26    12
type Extractor struct {
	size, batch, grid int
	workers           int // batches at a time
	fingerprint       string
	exec              *model.Exec
}

// NewExtractor reads the weights and compiles the network for square pictures of the given side, in batches of batch
// pictures; 0 means as many as are fastest on the backend.
func NewExtractor(b compute.Backend, weightsPath string, size, batch int) (*Extractor, error) {
	grid, err := Grid(size)
	if err != nil {
		return nil, err
	}
	workers := 1
	switch name := strings.ToLower(b.Name()); {
	case strings.HasPrefix(name, "go"):
		// The pure Go backend has several cores multiply matrices, and one do all the rest.
		workers = runtime.GOMAXPROCS(0)
		batch = cmp.Or(batch, 4)
	case strings.HasPrefix(name, "onnx"):
		batch = cmp.Or(batch, 1) // larger ones are at most a quarter faster, and have to be filled
	default:
		batch = cmp.Or(batch, 32)
	}
	if batch < 0 {
		return nil, fmt.Errorf("expected a batch of at least one picture, found %d", batch)
	}
	data, err := os.ReadFile(weightsPath)
	if err != nil {
		return nil, fmt.Errorf("cannot read the weights of SqueezeNet: %w", err)
	}
	store := model.NewStore()
	if err := Load(store.RootScope(), weightsPath); err != nil {
		return nil, err
	}
	store.WithVariableAsConst(true) // lets the backend lay them out once, ahead of time
	exec, err := model.NewExec(b, store, func(scope *model.Scope, images *graph.Node) *graph.Node {
		return Features(scope, images, true)
	})
	if err != nil {
		return nil, fmt.Errorf("cannot build SqueezeNet: %w", err)
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "squeezenet 1.0, features after fire9, size %d\n", size)
	hash.Write(data)
	return &Extractor{size: size, batch: batch, grid: grid, workers: workers, exec: exec, fingerprint: hex.EncodeToString(hash.Sum(nil))}, nil
}

// Size is the side of the pictures, in pixels.
func (e *Extractor) Size() int { return e.size }

// BatchSize is the number of pictures that are computed together.
func (e *Extractor) BatchSize() int { return e.batch }

// Grid is the side of the grid of features: each picture has Grid*Grid places of [Channels] numbers.
func (e *Extractor) Grid() int { return e.grid }

// Fingerprint changes whenever the features would: it is the sha256 of weights, layer and size, in hexadecimal.
func (e *Extractor) Fingerprint() string { return e.fingerprint }

// Features returns one row of Grid*Grid*512 numbers for every picture: place by place in reading order, [h, w, 512]. A
// picture is Size*Size*3 bytes: row by row red, green, blue. Any number of pictures is taken; multiples of
// BatchSize waste nothing.
func (e *Extractor) Features(pictures [][]uint8) ([][]float32, error) {
	rows := make([][]float32, len(pictures))
	var (
		workers sync.WaitGroup
		next    atomic.Int64
		failure atomic.Pointer[error]
	)
	for range min(e.workers, (len(pictures)+e.batch-1)/e.batch) {
		workers.Go(func() {
			for failure.Load() == nil {
				from := int(next.Add(int64(e.batch))) - e.batch
				if from >= len(pictures) {
					return
				}
				to := min(from+e.batch, len(pictures))
				if err := e.run(pictures[from:to], rows[from:to]); err != nil {
					failure.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	workers.Wait()
	if err := failure.Load(); err != nil {
		return nil, *err
	}
	return rows, nil
}

// run computes one batch, of which the last pictures may be missing.
func (e *Extractor) run(pictures [][]uint8, rows [][]float32) error {
	n := 3 * e.size * e.size
	pixels := make([]float32, e.batch*n)
	for i, p := range pictures {
		if len(p) != n {
			return fmt.Errorf("expected pictures of %dx%dx3 = %d bytes, found %d", e.size, e.size, n, len(p))
		}
		Preprocess(pixels[i*n:(i+1)*n], p)
	}
	input := tensors.FromFlatDataAndDimensions(pixels, e.batch, e.size, e.size, 3)
	defer input.FinalizeAll()
	out, err := e.exec.Call1(input)
	if err != nil {
		return fmt.Errorf("cannot compute SqueezeNet's features: %w", err)
	}
	defer out.FinalizeAll()
	width := e.grid * e.grid * Channels
	return tensors.ConstFlatData(out, func(flat []float32) {
		for i := range pictures {
			rows[i] = slices.Clone(flat[i*width : (i+1)*width])
		}
	})
}

// Preprocess turns the bytes of a picture, red, green, blue, into what [Features] expects, without any resizing.
func Preprocess(dst []float32, rgb []uint8) {
	for i := 0; i+2 < len(rgb); i += 3 {
		p, d := rgb[i:i+3:i+3], dst[i:i+3:i+3]
		d[0], d[1], d[2] = float32(p[0])-Mean[0], float32(p[1])-Mean[1], float32(p[2])-Mean[2]
	}
}

// Close frees the compiled network.
func (e *Extractor) Close() { e.exec.Finalize() }
