package nn_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// drawn is the value of a variable that init makes in a fresh store with the given seed.
func drawn(seed any, scope, name string, init nn.Init, dims ...int) []float32 {
	store := model.NewStore()
	if seed != nil {
		store.SetParam("/"+nn.SeedParam, seed)
	}
	return tensors.MustCopyFlatData[float32](nn.Variable(store.Scope(scope), name, init, dims...).MustValue())
}

// moments are the mean, the standard deviation and the largest magnitude of values.
func moments(values []float32) (mean, std, largest float64) {
	for _, v := range values {
		mean += float64(v) / float64(len(values))
		largest = max(largest, math.Abs(float64(v)))
	}
	for _, v := range values {
		std += (float64(v) - mean) * (float64(v) - mean) / float64(len(values))
	}
	return mean, math.Sqrt(std), largest
}

func TestInitialisers(t *testing.T) {
	const n = 40_000 // values: the mean of a normal is then within 0.02 std of 0, its std within 2%, with room
	for name, c := range map[string]struct {
		init    nn.Init
		dims    []int
		std     float64
		largest float64 // bound, 0 for none
	}{
		"Normal":               {nn.Normal(0.02), []int{200, 200}, 0.02, 0},
		"Uniform":              {nn.Uniform(0.3), []int{200, 200}, 0.3 / math.Sqrt(3), 0.3},
		"HeNormal matrix":      {nn.HeNormal, []int{100, 400}, math.Sqrt(2. / 400), 0},
		"HeNormal convolution": {nn.HeNormal, []int{64, 25, 5, 5}, math.Sqrt(2. / (25 * 25)), 0},
		"FanIn matrix":         {nn.FanIn, []int{100, 400}, 1 / math.Sqrt(3*400), 1 / math.Sqrt(400)},
		"FanIn convolution":    {nn.FanIn, []int{64, 25, 5, 5}, 1 / math.Sqrt(3*25*25), 1. / 25},
	} {
		values := drawn(int64(1), "/", "x", c.init, c.dims...)
		mean, std, largest := moments(values)
		if len(values) != n || math.Abs(mean) > 0.02*c.std || math.Abs(std/c.std-1) > 0.02 {
			t.Errorf("%s: %d values of mean %g and std %g, expected %d of 0 and %g", name, len(values), mean, std, n, c.std)
		}
		if c.largest > 0 && (largest > c.largest || largest < 0.99*c.largest) {
			t.Errorf("%s: the largest magnitude is %g, expected just below %g", name, largest, c.largest)
		}
		if c.largest == 0 && (largest < 3.5*c.std || largest > 6*c.std) {
			t.Errorf("%s: the largest magnitude is %g standard deviations, which no normal distribution gives", name, largest/c.std)
		}
	}
	for name, c := range map[string]struct {
		init nn.Init
		want float32
	}{"Zeros": {nn.Zeros, 0}, "Ones": {nn.Ones, 1}, "Constant": {nn.Constant(-2.5), -2.5}} {
		if got := drawn(int64(1), "/", "x", c.init, 3, 2); !slices.Equal(got, slices.Repeat([]float32{c.want}, 6)) {
			t.Errorf("%s: found %v", name, got)
		}
	}
	if got := drawn(int64(1), "/", "x", nn.Constant(7)); !slices.Equal(got, []float32{7}) {
		t.Errorf("a scalar: found %v", got)
	}
	// One dimension, or none: nothing to divide by.
	for _, dims := range [][]int{{5}, {}} {
		if _, _, largest := moments(drawn(int64(1), "/", "x", nn.FanIn, dims...)); !(largest > 0 && largest <= 1) {
			t.Errorf("FanIn of %v: largest magnitude %g", dims, largest)
		}
	}
}

// Values depend on the seed and on the path, on nothing else.
func TestSeedAndPath(t *testing.T) {
	draw := func(seed any, scope, name string) []float32 { return drawn(seed, scope, name, nn.Normal(1), 10) }
	base := draw(int64(1), "/a/b", "w")
	if !slices.Equal(base, draw(int64(1), "/a/b", "w")) {
		t.Error("the same seed and path gave other values")
	}
	if !slices.Equal(base, draw(1, "/a/b", "w")) {
		t.Error("the seed as an int gave other values than as an int64")
	}
	for name, other := range map[string][]float32{
		"another seed": draw(int64(2), "/a/b", "w"), "no seed": draw(nil, "/a/b", "w"), "another name": draw(int64(1), "/a/b", "v"),
		"another scope": draw(int64(1), "/a", "w"), "another cut": draw(int64(1), "/a", "b_w"), "minus the seed": draw(int64(-1), "/a/b", "w"),
	} {
		if slices.Equal(base, other) {
			t.Errorf("%s gave the same values", name)
		}
	}
	if !slices.Equal(draw(nil, "/a", "w"), draw(int64(0), "/a", "w")) {
		t.Error("no seed is not seed 0")
	}
	// The order in which parameters are made, and other parameters, do not matter.
	store := model.NewStore()
	store.SetParam("/"+nn.SeedParam, int64(1))
	nn.Variable(store.Scope("/z"), "w", nn.Normal(1), 1000)
	if got := tensors.MustCopyFlatData[float32](nn.Variable(store.Scope("/a/b"), "w", nn.Normal(1), 10).MustValue()); !slices.Equal(got, base) {
		t.Error("a parameter made before changed the values")
	}
}

// A parameter is made once: later calls find it, whatever their initialiser, and its value as a node is the same on
// every backend.
func TestParamIsFoundAgain(t *testing.T) {
	want := drawn(int64(3), "/layer", "w", nn.Normal(1), 2, 3)
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		store.SetParam("/"+nn.SeedParam, int64(3))
		f := func(scope *model.Scope, x *graph.Node) []*graph.Node {
			w := nn.Param(scope.At("layer"), x, "w", nn.Normal(1), 2, 3)
			again := nn.Param(scope.At("layer"), x, "w", nn.Zeros, 2, 3)
			return []*graph.Node{graph.Add(w, x), graph.Sub(w, again)}
		}
		for range 2 { // in a graph that makes it, and in one that finds it
			got := evaluate(t, b, store, f, zeros(2, 3))
			near(t, "w", got[0], array{[]int{2, 3}, want}, 0)
			near(t, "w - w", got[1], zeros(2, 3), 0)
		}
		if store.NumVariables() != 1 {
			t.Errorf("expected one variable, found %d", store.NumVariables())
		}
	})
}

// panicked is what f panics with, as text.
func panicked(f func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint(r)
		}
	}()
	f()
	return ""
}

func TestParamRefusals(t *testing.T) {
	store := model.NewStore()
	scope := store.Scope("/layer")
	nn.Variable(scope, "w", nn.Zeros, 2, 3)
	scope.VariableWithValue("ids", tensors.FromFlatDataAndDimensions([]int32{1, 2}, 2))
	for name, c := range map[string]struct {
		f    func()
		want []string
	}{
		"other dimensions": {func() { nn.Variable(scope, "w", nn.Zeros, 3, 2) }, []string{"/layer/w", "[3 2]", "[2, 3]", "another configuration"}},
		"other rank":       {func() { nn.Variable(scope, "w", nn.Zeros) }, []string{"/layer/w", "[]", "[2, 3]"}},
		"other type":       {func() { nn.Variable(scope, "ids", nn.Zeros, 2) }, []string{"/layer/ids", "float32", "Int32"}},
	} {
		got := panicked(c.f)
		for _, part := range c.want {
			if !strings.Contains(got, part) {
				t.Errorf("%s: the panic %q does not say %q", name, got, part)
			}
		}
	}
	// A fixed store has what it has.
	store.SetParam("/"+nn.FixedParam, true)
	nn.Variable(scope, "w", nn.Zeros, 2, 3)
	got := panicked(func() { nn.Variable(scope, "v", nn.Zeros, 4) })
	if !strings.Contains(got, "/layer/v") || !strings.Contains(got, "[4]") || !strings.Contains(got, "none of that name") {
		t.Errorf("a fixed store: the panic is %q", got)
	}
	if store.GetVariable("/layer/v") != nil {
		t.Error("a fixed store got a new parameter")
	}
	store.SetParam("/"+nn.FixedParam, false)
	nn.Variable(scope, "v", nn.Zeros, 4)
}
