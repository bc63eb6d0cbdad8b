package attention

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"pgregory.net/rapid"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// The gradients of golden/captioning/attention, picture by picture: those of the weights are sums over the pictures.
func TestWalkGolden(t *testing.T) {
	golden := load(t)
	for i := range 4 {
		t.Run(fmt.Sprintf("case%d", i), func(t *testing.T) {
			get := func(name string) Array { return array(t, golden, i, name) }
			var got [6][]float64 // as names has them
			for n := range get("a").Shape[0] {
				p := Picture{
					A: rows(part(get("a"), n)), H: flat(part(get("h"), n)),
					W_a: rows(get("W_a")), W_h: rows(get("W_h")), B: flat(get("b")), V: flat(get("v")),
				}
				f, g, err := Walk(p, flat(part(get("upstream_z"), n)), flat(part(get("upstream_alpha"), n)))
				if err != nil {
					t.Fatal(err)
				}
				near(t, "alpha", floats(f.Alpha), Array{[]int{len(f.Alpha)}, part(get("alpha"), n).Data})
				near(t, "z", floats(f.Z), Array{[]int{len(f.Z)}, part(get("z"), n).Data})
				got[0], got[1] = append(got[0], slices.Concat(g.A...)...), append(got[1], g.H...)
				for k, grad := range [][]float64{slices.Concat(g.W_a...), slices.Concat(g.W_h...), g.B, g.V} {
					if n == 0 {
						got[2+k] = grad
					} else {
						addScaled(got[2+k], 1, grad)
					}
				}
			}
			for k, name := range names {
				nearLargest(t, "grad_"+name, floats(got[k]).Data, get("grad_"+name).Data)
			}
		})
	}
}

// What is computed by hand and what automatic differentiation makes of [Attend] agree on every backend, in shapes and
// numbers drawn at random: in float64 to 1e-12 of the largest entry (of 1 where that is larger). In float32, the type of
// all models here, up to nine places agree to 1e-6 and 49 to 5e-6: these gradients are sums over places that nearly
// cancel, and float32 rounds off each term at 6e-8 of it.
func TestWalkAgainstAutodiff(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		exec, err := graph.NewExec(b, gradients)
		if err != nil {
			t.Fatal(err)
		}
		defer exec.Finalize()
		shapes := [][4]int{{1, 1, 1, 1}, {3, 2, 1, 2}, {5, 4, 3, 7}, {9, 16, 8, 12}, {49, 32, 24, 16}}
		for seed := range 40 {
			s := shapes[seed%len(shapes)] // every new shape compiles again
			p, dz, dalpha := drawn(s[0], s[1], s[2], s[3], rand.New(rand.NewPCG(uint64(seed), 1)).NormFloat64)
			name := fmt.Sprintf("seed %d, L, D, H, A = %v", seed, s)
			compareWithAutodiff[float64](t, exec, name, p, dz, dalpha, 1e-12)
			compareWithAutodiff[float32](t, exec, name, p, dz, dalpha, map[bool]float64{true: 1e-6, false: 5e-6}[s[0] <= 9])
		}
	})
}

func compareWithAutodiff[T float32 | float64](t *testing.T, exec *graph.Exec, name string, p Picture, dz, dalpha []float64, most float64) {
	t.Helper()
	f, g, err := Walk(p, dz, dalpha)
	if err != nil {
		t.Fatal(err)
	}
	L, D, H, A := len(p.A), len(dz), len(p.H), len(p.V)
	tensor := func(x []float64, dims ...int) *tensors.Tensor {
		values := make([]T, len(x))
		for i, v := range x {
			values[i] = T(v)
		}
		return tensors.FromFlatDataAndDimensions(values, dims...)
	}
	out, err := exec.Call(tensor(slices.Concat(p.A...), 1, L, D), tensor(p.H, 1, H), tensor(slices.Concat(p.W_a...), A, D),
		tensor(slices.Concat(p.W_h...), A, H), tensor(p.B, A), tensor(p.V, A), tensor(dz, 1, D), tensor(dalpha, 1, L))
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range []struct {
		name   string
		values []float64
	}{
		{"e", f.E}, {"alpha", f.Alpha}, {"z", f.Z},
		{"dL/dalpha", g.Alpha}, {"dL/de", g.E}, {"dL/dv", g.V}, {"dL/dW_a", slices.Concat(g.W_a...)},
		{"dL/dW_h", slices.Concat(g.W_h...)}, {"dL/db", g.B}, {"dL/da", slices.Concat(g.A...)}, {"dL/dh", g.H},
	} {
		got := tensors.MustCopyFlatData[T](out[k])
		largest := 0.0
		for _, w := range want.values {
			largest = math.Max(largest, math.Abs(w))
		}
		if len(got) != len(want.values) {
			t.Fatalf("%s, %s: autodiff has %d numbers, by hand there are %d", name, want.name, len(got), len(want.values))
		}
		for i, w := range want.values {
			if d := math.Abs(float64(got[i]) - w); !(d <= most*math.Max(largest, 1)) {
				t.Errorf("%s, %s[%d]: by autodiff in %T %g, by hand %g (largest entry %g)", name, want.name, i, got[i], got[i], w, largest)
				break
			}
		}
	}
}

// gradients is attention and the gradients of sum(z dz) + sum(alpha dalpha), in the order of [Backward] where it can be.
func gradients(x []*Node) []*Node {
	e := Score(x[0], x[1], x[2], x[3], x[4], x[5])
	alpha := Softmax(e)
	z := Context(alpha, x[0])
	loss := graph.Add(graph.ReduceAllSum(graph.Mul(z, x[6])), graph.ReduceAllSum(graph.Mul(alpha, x[7])))
	return append([]*Node{e, alpha, z}, graph.Gradient(loss, alpha, e, x[5], x[2], x[3], x[4], x[0], x[1])...)
}

// The slope of the loss along each number of each input, by central differences: it needs no derivative at all.
func TestWalkAgainstDifferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dim := func(name string) int { return rapid.IntRange(1, 4).Draw(t, name) }
		number := rapid.Float64Range(-1.5, 1.5)
		p, dz, dalpha := drawn(dim("L"), dim("D"), dim("H"), dim("A"), func() float64 { return number.Draw(t, "x") })
		_, g, err := Walk(p, dz, dalpha)
		if err != nil {
			t.Fatal(err)
		}
		loss := func() float64 {
			f := p.forward()
			return dot(f.Z, dz) + dot(f.Alpha, dalpha)
		}
		slopes := func(name string, at, want []float64) {
			const step = 1e-5
			for i, was := range at {
				at[i] = was + step
				up := loss()
				at[i] = was - step
				slope := (up - loss()) / (2 * step)
				at[i] = was
				if math.Abs(slope-want[i]) > 1e-8 {
					t.Fatalf("dL/d%s[%d]: the slope is %.10g, by hand it is %.10g", name, i, slope, want[i])
				}
			}
		}
		for name, pair := range map[string][2][][]float64{"a": {p.A, g.A}, "W_a": {p.W_a, g.W_a}, "W_h": {p.W_h, g.W_h}} {
			for i := range pair[0] {
				slopes(fmt.Sprintf("%s[%d]", name, i), pair[0][i], pair[1][i])
			}
		}
		slopes("h", p.H, g.H)
		slopes("b", p.B, g.B)
		slopes("v", p.V, g.V)
	})
}

// A constant added to dL/dalpha changes nothing: the weights have sum 1 whatever the scores, so scores cannot follow it.
func TestWalkOfAConstant(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	p, dz, _ := drawn(6, 3, 2, 4, rng.NormFloat64)
	_, with, err := Walk(p, dz, []float64{7, 7, 7, 7, 7, 7})
	if err != nil {
		t.Fatal(err)
	}
	_, without, err := Walk(p, dz, nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i, d := range without.E {
		sum += d
		if math.Abs(d-with.E[i]) > 1e-14 {
			t.Errorf("dL/de[%d] is %g, and %g with a constant added to dL/dalpha", i, d, with.E[i])
		}
	}
	if math.Abs(sum) > 1e-14 || math.Abs(without.E[0]) < 1e-6 {
		t.Errorf("expected dL/de that is not 0 and has the sum 0, found %v", without.E)
	}
}

func TestWalkRefuses(t *testing.T) {
	whole := func() (Picture, []float64, []float64) {
		return drawn(2, 3, 4, 5, func() float64 { return 1 })
	}
	for _, c := range []struct {
		name string
		do   func(p *Picture, dz, dalpha *[]float64)
		want string
	}{
		{"no places", func(p *Picture, _, _ *[]float64) { p.A = nil }, "found a of 0 places"},
		{"ragged a", func(p *Picture, _, _ *[]float64) { p.A[1] = p.A[1][:2] }, "3 numbers in row 1 of a"},
		{"W_a", func(p *Picture, _, _ *[]float64) { p.W_a = p.W_a[:4] }, "5 rows for W_a"},
		{"W_h", func(p *Picture, _, _ *[]float64) { p.W_h[0] = nil }, "4 numbers in row 0 of W_h"},
		{"b", func(p *Picture, _, _ *[]float64) { p.B = nil }, "5 numbers for b"},
		{"dz", func(_ *Picture, dz, _ *[]float64) { *dz = (*dz)[:2] }, "3 numbers for dL/dz"},
		{"dalpha", func(_ *Picture, _, dalpha *[]float64) { *dalpha = (*dalpha)[:1] }, "2 numbers for dL/dalpha"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, dz, dalpha := whole()
			c.do(&p, &dz, &dalpha)
			if _, _, err := Walk(p, dz, dalpha); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got the error %v, want one with %q", err, c.want)
			}
		})
	}
}

// drawn is a picture of such numbers. They are rounded to float32, so that both ways of computing begin alike.
func drawn(L, D, H, A int, next func() float64) (p Picture, dz, dalpha []float64) {
	vector := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(float32(next()))
		}
		return x
	}
	vectors := func(n, m int) (out [][]float64) {
		for range n {
			out = append(out, vector(m))
		}
		return out
	}
	p = Picture{A: vectors(L, D), H: vector(H), W_a: vectors(A, D), W_h: vectors(A, H), B: vector(A), V: vector(A)}
	// The scale that weights have in a model, 1/sqrt(fan in): larger scores round off more.
	for k := range A {
		shrink(p.W_a[k])
		shrink(p.W_h[k])
	}
	shrink(p.V)
	return p, vector(D), vector(L)
}

// part is the n-th of the arrays along the first axis.
func part(x Array, n int) Array {
	size := len(x.Data) / x.Shape[0]
	return Array{x.Shape[1:], x.Data[n*size:][:size]}
}

func flat(x Array) []float64 {
	out := make([]float64, len(x.Data))
	for i, v := range x.Data {
		out[i] = float64(v)
	}
	return out
}

func rows(x Array) [][]float64 {
	return slices.Collect(slices.Chunk(flat(x), x.Shape[1]))
}

func floats(x []float64) Array {
	out := Array{Shape: []int{len(x)}}
	for _, v := range x {
		out.Data = append(out.Data, float32(v))
	}
	return out
}

// shrink divides a row of weights by the root of its length.
func shrink(w []float64) {
	for i := range w {
		w[i] = float64(float32(w[i] / math.Sqrt(float64(len(w)))))
	}
}
