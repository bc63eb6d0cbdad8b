package nn_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

func TestAffine(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	// Both ways of taking the gradient of the weight: x smaller than the result, and larger.
	for _, out := range []int{2, 7} {
		x, weight, bias, v := normal(rng, 2, 3, 4), normal(rng, out, 4), normal(rng, out), normal(rng, 2, 3, out)
		want := slopes(func(a [][]float64) float64 {
			sum := 0.0
			for r := range 6 {
				for o := range out {
					y := a[2][o]
					for c := range 4 {
						y += a[0][4*r+c] * a[1][4*o+c]
					}
					sum += y * a[3][out*r+o]
				}
			}
			return sum
		}, x, weight, bias, v)
		backendtest.Each(t, func(t *testing.T, b compute.Backend) {
			got := call(t, b, func(x, weight, bias, v *graph.Node) []*graph.Node {
				y := nn.Affine(x, weight, bias)
				return append(graph.Gradient(graph.ReduceAllSum(graph.Mul(y, v)), x, weight, bias), y)
			}, x, weight, bias, v)
			for i, what := range []string{"gradient of x", "gradient of weight", "gradient of bias", "value"} {
				near(t, what, got[i], want[i], 1e-5)
			}
		})
	}
}

// TestLayerVariables checks the names and shapes that loading PyTorch checkpoints relies on.
func TestLayerVariables(t *testing.T) {
	b := backendtest.Go(t)
	store := model.NewStore()
	x := normal(rand.New(rand.NewPCG(1, 1)), 2, 6, 5, 3)
	got := evaluate(t, b, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		x = nn.Conv2DLayer(scope.At("conv"), x, 8, 3, nn.Conv{Stride: 2, Padding: nn.Same()})
		x = nn.BatchNorm(scope.At("bn"), nn.Conv2DLayer(scope.At("plain"), x, 4, 1, nn.Conv{NoBias: true}), 1e-5, 0.1, true)
		x = nn.GroupNorm(scope.At("gn"), x, 2, 1e-5)
		return nn.Linear(scope.At("head"), nn.LayerNorm(scope.At("ln"), nn.GlobalMean(x), 1e-5), 5, true)
	}, x)[0]
	if !slices.Equal(got.dims, []int{2, 5}) {
		t.Errorf("expected the shape [2 5], found %v", got.dims)
	}
	want := map[string][]int{
		"/conv/weight": {8, 3, 3, 3}, "/conv/bias": {8}, "/plain/weight": {4, 8, 1, 1},
		"/bn/weight": {4}, "/bn/bias": {4}, "/bn/running_mean": {4}, "/bn/running_var": {4},
		"/gn/weight": {4}, "/gn/bias": {4}, "/ln/weight": {4}, "/ln/bias": {4}, "/head/weight": {5, 4}, "/head/bias": {5},
	}
	for v := range store.IterVariables() {
		if !slices.Equal(want[v.Path()], v.Shape().Dimensions) {
			t.Errorf("%s: expected the shape %v, found %v", v.Path(), want[v.Path()], v.Shape().Dimensions)
		}
		delete(want, v.Path())
	}
	if len(want) > 0 {
		t.Errorf("expected these variables too: %v", want)
	}
}

// TestLookup has every id many times over, so that gradients have to add up, in tables with fewer rows than there are ids and
// with more.
func TestLookup(t *testing.T) {
	const dim, n, different = 33, 600, 6
	for _, vocab := range []int{different + 1, 1000} {
		rng := rand.New(rand.NewPCG(11, 12))
		table, v, ids := normal(rng, vocab, dim), normal(rng, n/4, 4, dim), zeros(n/4, 4)
		value, gradient := zeros(n/4, 4, dim), zeros(vocab, dim)
		sums := make([]float64, vocab*dim)
		for i := range n {
			id := rng.IntN(different) * (vocab / different) // the last row is never looked up
			ids.values[i] = float32(id)
			copy(value.values[i*dim:(i+1)*dim], table.values[id*dim:(id+1)*dim])
			for k := range dim {
				sums[id*dim+k] += float64(v.values[i*dim+k])
			}
		}
		gradient = rounded(sums, gradient.dims)
		backendtest.Each(t, func(t *testing.T, b compute.Backend) {
			got := call(t, b, func(table, ids, v *graph.Node) []*graph.Node {
				y := nn.Lookup(table, graph.ConvertDType(ids, dtypes.Int32))
				return append(graph.Gradient(graph.ReduceAllSum(graph.Mul(y, v)), table), y)
			}, table, ids, v)
			near(t, "value", got[1], value, 0)
			near(t, "gradient", got[0], gradient, 1e-5)
		})
	}
}

// What is drawn once for an axis is left out all along it.
func TestDropoutOver(t *testing.T) {
	x := zeros(30, 4, 50)
	for i := range x.values {
		x.values[i] = 3
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		if err := store.SetRNGStateFromSeed(1); err != nil {
			t.Fatal(err)
		}
		got := evaluate(t, b, store, func(scope *model.Scope, x *graph.Node) []*graph.Node {
			return []*graph.Node{nn.DropoutOver(scope, x, 0.25, true, 30, 1, 50)}
		}, x)
		dropped := 0
		for i, v := range got[0].values {
			if first := got[0].values[i/200*200+i%50]; v != first || v != 0 && v != 4 {
				t.Fatalf("number %d is %g, where the first along the axis is %g", i, v, first)
			}
			if v == 0 {
				dropped++
			}
		}
		if share := float64(dropped) / 6000; math.Abs(share-0.25) > 0.06 { // five standard deviations of 1,500 draws
			t.Errorf("a share of %.3f was left out, want 0.25", share)
		}
	})
}

func TestDropout(t *testing.T) {
	const n, rate = 20_000, 0.25
	x := zeros(n)
	for i := range x.values {
		x.values[i] = 3
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		if err := store.SetRNGStateFromSeed(1); err != nil {
			t.Fatal(err)
		}
		got := evaluate(t, b, store, func(scope *model.Scope, x *graph.Node) []*graph.Node {
			y := nn.Dropout(scope, x, rate, true)
			z := nn.Dropout(scope, x, rate, true)
			return append(graph.Gradient(graph.ReduceAllSum(y), x), y, z, nn.Dropout(scope, x, rate, false))
		}, x)
		dropped, both := 0, 0
		for i, v := range got[1].values {
			switch v {
			case 0:
				dropped++
				if got[2].values[i] == 0 {
					both++
				}
			case 4: // 3/(1-rate)
			default:
				t.Fatalf("expected 0 or 4, found %g", v)
			}
			if got[0].values[i] != v/3 {
				t.Fatalf("expected the gradient %g where the value is %g, found %g", v/3, v, got[0].values[i])
			}
		}
		// Five standard deviations of the binomial distribution.
		within := func(what string, count int, p float64) {
			if math.Abs(float64(count)-n*p) > 5*math.Sqrt(n*p*(1-p)) {
				t.Errorf("%s: expected about %.0f of %d, found %d", what, n*p, n, count)
			}
		}
		within("dropped", dropped, rate)
		within("dropped both times", both, rate*rate)
		near(t, "not training", got[3], x, 0)
	})
}

// TestMessages checks that wrong shapes are said in a sentence.
func TestMessages(t *testing.T) {
	b := backendtest.Go(t)
	for want, f := range map[string]func(x *graph.Node) *graph.Node{
		"for 3 channels": func(x *graph.Node) *graph.Node {
			return nn.Conv2D(x, graph.Zeros(x.Graph(), x.Shape()), nn.Conv{})
		},
		"pictures of at least 9x9": func(x *graph.Node) *graph.Node {
			return nn.Conv2D(x, graph.BroadcastToDims(graph.ScalarOne(x.Graph(), x.DType()), 1, 3, 9, 9), nn.Conv{})
		},
		"padding of at least 0": func(x *graph.Node) *graph.Node {
			return nn.Conv2D(x, graph.BroadcastToDims(graph.ScalarOne(x.Graph(), x.DType()), 1, 3, 1, 1), nn.Conv{Padding: nn.Pad(-1)})
		},
		"MaxPool2D: expected pictures of at least 5x5": func(x *graph.Node) *graph.Node { return nn.MaxPool2D(x, nn.Pool{Size: 5}) },
		"AvgPool2D: expected pictures":                 func(x *graph.Node) *graph.Node { return nn.AvgPool2D(x, 5) },
		"Affine: expected a weight":                    func(x *graph.Node) *graph.Node { return nn.Affine(x, x, nil) },
	} {
		e, err := graph.NewExec(b, f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = e.Call(zeros(2, 4, 4, 3).tensor()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected an error with %q, found: %v", want, err)
		}
	}
}
