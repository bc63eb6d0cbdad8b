package nn_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// array is a tensor that belongs to no backend.
type array struct {
	dims   []int
	values []float32
}

func zeros(dims ...int) array {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return array{dims, make([]float32, n)}
}

// normal draws from N(0, 1).
func normal(rng *rand.Rand, dims ...int) array {
	a := zeros(dims...)
	for i := range a.values {
		a.values[i] = float32(rng.NormFloat64())
	}
	return a
}

// rounded takes the results of a computation in float64.
func rounded(values []float64, dims []int) array {
	a := zeros(dims...)
	for i, v := range values {
		a.values[i] = float32(v)
	}
	return a
}

func arrayOf(t *tensors.Tensor) array {
	return array{slices.Clone(t.Shape().Dimensions), tensors.MustCopyFlatData[float32](t)}
}

func (a array) tensor() *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(slices.Clone(a.values), a.dims...)
}

// call builds and runs one graph, and fails the test with its error.
func call[F graph.ExecGraphFn](t *testing.T, b compute.Backend, f F, args ...array) []array {
	t.Helper()
	e, err := graph.NewExec(b, f)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Finalize()
	in := make([]any, len(args))
	for i, a := range args {
		in[i] = a.tensor()
	}
	outputs, err := e.Call(in...)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]array, len(outputs))
	for i, o := range outputs {
		out[i] = arrayOf(o)
	}
	return out
}

// near fails the test where |got - want| > tolerance * (1 + the largest |want|).
func near(t *testing.T, what string, got, want array, tolerance float64) {
	t.Helper()
	if !slices.Equal(got.dims, want.dims) {
		t.Fatalf("%s: expected the shape %v, found %v", what, want.dims, got.dims)
	}
	scale, worst, at := 1.0, 0.0, 0
	for i, w := range want.values {
		scale = max(scale, math.Abs(float64(w)))
		if d := math.Abs(float64(got.values[i]) - float64(w)); d > worst || math.IsNaN(d) {
			worst, at = d, i
		}
	}
	if !(worst <= tolerance*scale) {
		t.Errorf("%s: expected %g at element %d of %v, found %g (difference %.2g, largest value %.3g)",
			what, want.values[at], at, want.dims, got.values[at], worst, scale)
	}
}

// slopes returns the gradients of a scalar function of arrays at args, by central differences in float64.
func slopes(f func(args [][]float64) float64, args ...array) []array {
	points := make([][]float64, len(args))
	for i, a := range args {
		points[i] = make([]float64, len(a.values))
		for j, v := range a.values {
			points[i][j] = float64(v)
		}
	}
	const step = 1e-5
	out := make([]array, len(args))
	for i, p := range points {
		out[i] = zeros(args[i].dims...)
		for j, at := range p {
			p[j] = at + step
			up := f(points)
			p[j] = at - step
			down := f(points)
			p[j] = at
			out[i].values[j] = float32((up - down) / (2 * step))
		}
	}
	return out
}

// evaluate runs a model function once on a store.
func evaluate[F model.ExecGraphFn](t *testing.T, b compute.Backend, store *model.Store, f F, args ...array) []array {
	t.Helper()
	in := make([]any, len(args))
	for i, a := range args {
		in[i] = a.tensor()
	}
	outputs, err := model.CallOnceN(b, store, f, in...)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]array, len(outputs))
	for i, o := range outputs {
		out[i] = arrayOf(o)
	}
	return out
}

func weighted(values, weights []float64) float64 {
	sum := 0.0
	for i, v := range values {
		sum += v * weights[i]
	}
	return sum
}
