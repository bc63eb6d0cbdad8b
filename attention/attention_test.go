package attention

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"pgregory.net/rapid"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

var names = []string{"a", "h", "W_a", "W_h", "b", "v"}

// The values of golden/captioning/attention/attention.safetensors: our own PyTorch implementation in float64, checked
// by loops in numpy. Tolerances are those its README suggests.
func TestAttendGolden(t *testing.T) {
	golden := load(t)
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for i := range 4 {
			t.Run(fmt.Sprintf("case%d", i), func(t *testing.T) {
				in := map[string]Array{}
				for _, name := range names {
					in[name] = array(t, golden, i, name)
				}
				e, alpha, z, err := Run(b, in)
				if err != nil {
					t.Fatal(err)
				}
				near(t, "e", e, array(t, golden, i, "e"))
				near(t, "alpha", alpha, array(t, golden, i, "alpha"))
				near(t, "z", z, array(t, golden, i, "z"))
			})
		}
	})
}

// Gradients of sum(z * upstream_z) + sum(alpha * upstream_alpha), from the same file.
func TestAttendGoldenGradients(t *testing.T) {
	golden := load(t)
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		exec, err := graph.NewExec(b, func(x []*Node) []*Node {
			_, alpha, z := Attend(x[0], x[1], x[2], x[3], x[4], x[5])
			upstreamZ, upstreamAlpha := x[6], x[7]
			sum := graph.Add(graph.ReduceAllSum(graph.Mul(z, upstreamZ)), graph.ReduceAllSum(graph.Mul(alpha, upstreamAlpha)))
			return graph.Gradient(sum, x[:6]...)
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			t.Run(fmt.Sprintf("case%d", i), func(t *testing.T) {
				var args []any
				for _, name := range append(slices.Clone(names), "upstream_z", "upstream_alpha") {
					x := array(t, golden, i, name)
					args = append(args, tensors.FromFlatDataAndDimensions(x.Data, x.Shape...))
				}
				grads, err := exec.Call(args...)
				if err != nil {
					t.Fatal(err)
				}
				for k, name := range names {
					got, err := tensors.CopyFlatData[float32](grads[k])
					if err != nil {
						t.Fatal(err)
					}
					nearLargest(t, "grad_"+name, got, array(t, golden, i, "grad_"+name).Data)
				}
			})
		}
	})
}

// Shapes drawn at random against the equations written as loops in float64.
func TestAttendAgainstLoops(t *testing.T) {
	b := backendtest.Go(t)
	rapid.Check(t, func(t *rapid.T) {
		dim := func(name string) int { return rapid.IntRange(1, 5).Draw(t, name) }
		N, L, D, H, A := dim("N"), dim("L"), dim("D"), dim("H"), dim("A")
		in := map[string]Array{}
		for name, shape := range map[string][]int{"a": {N, L, D}, "h": {N, H}, "W_a": {A, D}, "W_h": {A, H}, "b": {A}, "v": {A}} {
			size := 1
			for _, d := range shape {
				size *= d
			}
			in[name] = Array{shape, rapid.SliceOfN(rapid.Float32Range(-3, 3), size, size).Draw(t, name)}
		}
		e, alpha, z, err := Run(b, in)
		if err != nil {
			t.Fatal(err)
		}
		wantE, wantAlpha, wantZ := loops(in, N, L, D, H, A)
		near(t, "e", e, Array{[]int{N, L}, wantE})
		near(t, "alpha", alpha, Array{[]int{N, L}, wantAlpha})
		near(t, "z", z, Array{[]int{N, D}, wantZ})
	})
}

func loops(in map[string]Array, N, L, D, H, A int) (e, alpha, z []float32) {
	at := func(name string, i int) float64 { return float64(in[name].Data[i]) }
	z = make([]float32, N*D)
	for n := range N {
		scores := make([]float64, L)
		for i := range L {
			for k := range A {
				x := at("b", k)
				for d := range D {
					x += at("W_a", k*D+d) * at("a", (n*L+i)*D+d)
				}
				for j := range H {
					x += at("W_h", k*H+j) * at("h", n*H+j)
				}
				scores[i] += at("v", k) * math.Tanh(x)
			}
		}
		sum := 0.0
		for _, s := range scores {
			sum += math.Exp(s)
		}
		for i, s := range scores {
			weight := math.Exp(s) / sum
			e, alpha = append(e, float32(s)), append(alpha, float32(weight))
			for d := range D {
				z[n*D+d] += float32(weight * at("a", (n*L+i)*D+d))
			}
		}
	}
	return e, alpha, z
}

func TestSoftmaxOfHugeScores(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		got, err := graph.CallOnce(b, Softmax, [][]float32{{1e30, 1e30, -1e30}, {-1e4, -1e4, -1e4}})
		if err != nil {
			t.Fatal(err)
		}
		want := [][]float32{{0.5, 0.5, 0}, {1. / 3, 1. / 3, 1. / 3}}
		for n, row := range got.Value().([][]float32) {
			near(t, "alpha", Array{[]int{3}, row}, Array{[]int{3}, want[n]})
		}
	})
}

func TestUniform(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		got, err := graph.CallOnce(b, func(g *graph.Graph) *Node { return Uniform(g, dtypes.Float32, 2, 4) })
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range got.Value().([][]float32) {
			if !slices.Equal(row, []float32{0.25, 0.25, 0.25, 0.25}) {
				t.Errorf("got %v, want four times 1/4", row)
			}
		}
	})
}

func TestRunRefuses(t *testing.T) {
	whole := func() map[string]Array {
		return map[string]Array{
			"a": {[]int{1, 2, 3}, make([]float32, 6)}, "h": {[]int{1, 4}, make([]float32, 4)},
			"W_a": {[]int{5, 3}, make([]float32, 15)}, "W_h": {[]int{5, 4}, make([]float32, 20)},
			"b": {[]int{5}, make([]float32, 5)}, "v": {[]int{5}, make([]float32, 5)},
		}
	}
	b := backendtest.Go(t)
	if _, _, _, err := Run(b, whole()); err != nil {
		t.Fatalf("the whole input is refused: %v", err)
	}
	for _, c := range []struct {
		name string
		do   func(in map[string]Array)
		want string
	}{
		{"missing", func(in map[string]Array) { delete(in, "W_h") }, `called "W_h", found none`},
		{"rank", func(in map[string]Array) { in["h"] = Array{[]int{4}, make([]float32, 4)} }, `2 axes for "h", found the shape [4]`},
		{"empty", func(in map[string]Array) { in["a"] = Array{[]int{1, 0, 3}, nil} }, `no empty axis for "a"`},
		{"cut short", func(in map[string]Array) { in["v"] = Array{[]int{5}, make([]float32, 4)} }, `5 numbers for "v" of shape [5], found 4`},
		{"batch", func(in map[string]Array) { in["h"] = Array{[]int{2, 4}, make([]float32, 8)} }, `shape [1 4] for "h"`},
		{"D", func(in map[string]Array) { in["W_a"] = Array{[]int{3, 5}, make([]float32, 15)} }, `shape [5 3] for "W_a"`},
		{"H", func(in map[string]Array) { in["W_h"] = Array{[]int{5, 3}, make([]float32, 15)} }, `shape [5 4] for "W_h"`},
		{"A", func(in map[string]Array) { in["b"] = Array{[]int{4}, make([]float32, 4)} }, `shape [5] for "b"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := whole()
			c.do(in)
			if _, _, _, err := Run(b, in); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got the error %v, want one with %q", err, c.want)
			}
		})
	}
}

func load(t *testing.T) *safetensors.File {
	t.Helper()
	f, err := safetensors.Load(testdata.Golden(t, "captioning/attention/attention.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func array(t *testing.T, f *safetensors.File, i int, name string) Array {
	t.Helper()
	data, shape, err := f.Float32s(fmt.Sprintf("case%d.%s", i, name))
	if err != nil {
		t.Fatal(err)
	}
	return Array{shape, data}
}

type errorer interface {
	Helper()
	Errorf(format string, args ...any)
}

// near asks for abs 1e-5 + rel 1e-4.
func near(t errorer, name string, got, want Array) {
	t.Helper()
	if !slices.Equal(got.Shape, want.Shape) {
		t.Errorf("%s: got the shape %v, want %v", name, got.Shape, want.Shape)
		return
	}
	for i, w := range want.Data {
		if d := math.Abs(float64(got.Data[i] - w)); !(d <= 1e-5+1e-4*math.Abs(float64(w))) {
			t.Errorf("%s[%d]: got %g, want %g", name, i, got.Data[i], w)
			return
		}
	}
}

// nearLargest asks for an error of at most 1e-4 of the largest entry.
func nearLargest(t *testing.T, name string, got, want []float32) {
	t.Helper()
	largest := 0.0
	for _, w := range want {
		largest = max(largest, math.Abs(float64(w)))
	}
	if len(got) != len(want) {
		t.Fatalf("%s: got %d numbers, want %d", name, len(got), len(want))
	}
	for i, w := range want {
		if d := math.Abs(float64(got[i] - w)); !(d <= 1e-4*largest+1e-7) {
			t.Errorf("%s[%d]: got %g, want %g (largest entry %g)", name, i, got[i], w, largest)
			return
		}
	}
}

// K states that look at one picture give what K copies of the picture give, value for value.
func TestManyLooksAtOnePicture(t *testing.T) {
	const N, K, L, A, D = 2, 3, 4, 5, 6
	rng := rand.New(rand.NewPCG(3, 4))
	draw := func(dims ...int) *tensors.Tensor {
		n := 1
		for _, d := range dims {
			n *= d
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(rng.NormFloat64())
		}
		return tensors.FromFlatDataAndDimensions(values, dims...)
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		exec, err := graph.NewExec(b, func(p, q, v, a *Node) []*Node {
			e := ScoreProjected(p, q, v)
			alpha := graph.Reshape(Softmax(graph.Reshape(e, N*K, L)), N, K, L)
			repeat := func(x *Node) *Node { // [N, ...] to [N K, ...]
				d := x.Shape().Dimensions
				all := graph.BroadcastToDims(graph.InsertAxes(x, 1), N, K, d[1], d[2])
				return graph.Reshape(all, N*K, d[1], d[2])
			}
			wantE := ScoreProjected(repeat(p), graph.Reshape(q, N*K, A), v)
			wantZ := Context(graph.Reshape(alpha, N*K, L), repeat(a))
			return []*Node{graph.Reshape(e, N*K, L), wantE, graph.Reshape(Context(alpha, a), N*K, D), wantZ}
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Call(draw(N, L, A), draw(N, K, A), draw(A), draw(N, L, D))
		if err != nil {
			t.Fatal(err)
		}
		if !out[0].InDelta(out[1], 1e-6) || !out[2].InDelta(out[3], 1e-6) {
			t.Errorf("got e %v and z %v, want %v and %v", out[0], out[2], out[1], out[3])
		}
	})
}
