package diffusion

import (
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

// What is told of the noise without a classifier is the formula's, number by number, and scales of 0 and 1 are what they are said to be.
func TestFree(t *testing.T) {
	x, given := []float32{1, 2, 3, 4}, []float32{0.5, -1, 2, 0}
	e := func(x, given float64) float64 { return 3*x + x*given + given } // of a network
	tell := func(_ *model.Scope, at Noisy, inputs []*graph.Node) *graph.Node {
		given := graph.Reshape(inputs[0], at.X.Shape().Dimensions...)
		return graph.Add(graph.Add(graph.MulScalar(at.X, 3), graph.Mul(at.X, given)), given)
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, scale := range []float64{0, 1, 2.5} {
			out, err := model.CallOnce(b, model.NewStore(), func(scope *model.Scope, in []*graph.Node) *graph.Node {
				at := Noisy{X: in[0], T: graph.Ones(in[0].Graph(), graph.Reshape(in[1], 4).Shape()), Scale: in[2]}
				return Free(tell)(scope, at, in[1:2])
			}, tensors.FromFlatDataAndDimensions(x, 4, 1, 1, 1), tensors.FromFlatDataAndDimensions(given, 4, 1), float32(scale))
			if err != nil {
				t.Fatal(err)
			}
			for i, got := range tensors.MustCopyFlatData[float32](out) {
				x, given := float64(x[i]), float64(given[i])
				if want := e(x, 0) + scale*(e(x, given)-e(x, 0)); math.Abs(float64(got)-want) > 1e-5 {
					t.Errorf("scale %g, row %d: expected %g, found %g", scale, i, want, got)
				}
			}
		}
	})
}

// The noise is the same whether it is told from v or from the clean picture that belongs to it.
func TestFromVAndFromClean(t *testing.T) {
	const signal, spread, clean, noise = 0.6, 0.8, 0.3, -1.1
	out, err := graph.CallOnceN(backendtest.Go(t), func(x *graph.Node) []*graph.Node {
		g := x.Graph()
		at := Noisy{X: x, Signal: graph.Const(g, float32(signal)), Spread: graph.Const(g, float32(spread))}
		return []*graph.Node{at.FromV(graph.Const(g, []float32{signal*noise - spread*clean})), at.FromClean(graph.Const(g, []float32{clean}))}
	}, []float32{signal*clean + spread*noise})
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range out {
		if got := tensors.MustCopyFlatData[float32](o)[0]; math.Abs(float64(got)-noise) > 1e-6 {
			t.Errorf("way %d: expected %g, found %g", i, noise, got)
		}
	}
}

// What is given changes what a network tells, each row's its own; without it the network has the weights that it had.
func TestGiven(t *testing.T) {
	b := backendtest.Go(t)
	u, store := tiny().Noise, model.NewStore()
	store.SetParam("/"+nn.SeedParam, int64(4))
	x := make([]float32, 2*8*8*3)
	for i := range x {
		x[i] = float32(i%7)/3 - 1
	}
	v := func(given []float32) []float32 {
		out, err := model.CallOnce(b, store, func(scope *model.Scope, in []*graph.Node) *graph.Node {
			if given == nil {
				return u.V(scope, in[0], in[1])
			}
			return u.VGiven(scope, in[0], in[1], in[2])
		}, tensors.FromFlatDataAndDimensions(x, 2, 8, 8, 3), []float32{3, 9}, tensors.FromFlatDataAndDimensions(append(given, make([]float32, 6-len(given))...), 2, 3))
		if err != nil {
			t.Fatal(err)
		}
		return tensors.MustCopyFlatData[float32](out)
	}
	plain := v(nil)
	for v := range store.IterVariables() { // what starts at 0 in a fresh network keeps it from seeing anything
		if strings.HasSuffix(v.Path(), "/weight") {
			values := make([]float32, v.Shape().Size())
			for i := range values {
				values[i] = float32(i%5)/5 - 0.4
			}
			if err := v.SetValue(tensors.FromFlatDataAndDimensions(values, v.Shape().Dimensions...)); err != nil {
				t.Fatal(err)
			}
		}
	}
	without := v(nil)
	if slices.Equal(plain, without) {
		t.Fatal("the last weights do nothing")
	}
	if zeros := v([]float32{0, 0, 0, 0, 0, 0}); !slices.Equal(zeros, without) { // the projection's bias starts at 0
		t.Error("zeros change what a fresh network tells")
	}
	one := v([]float32{1, -2, 3, 0, 0, 0})
	if slices.Equal(one[:8*8*3], without[:8*8*3]) || !slices.Equal(one[8*8*3:], without[8*8*3:]) {
		t.Error("expected the first row to be changed by what is given of it, and the second not")
	}
}
