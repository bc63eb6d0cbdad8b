package captioning

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"pgregory.net/rapid"

	"github.com/glimpse-ml/glimpse/attention"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// The helpers against what plain differentiation gives for the same formulas. Whole numbers make every sum exact, in
// whatever order it is taken.
func TestStepGradients(t *testing.T) {
	const T, N, V, E, out = 4, 3, 7, 5, 6
	// formula uses the matrix at several steps, with a gradient that differs between them.
	formula := func(plain bool) func(table, W, words, upstream *Node) []*Node {
		return func(table, W, words, upstream *Node) []*Node {
			look, mul := nn.Lookup, newShared(W).times
			if plain {
				look = func(table, words *Node) *Node { return graph.MatMul(graph.OneHot(words, V, dtypes.Float32), table) }
				mul = func(x *Node) *Node { return graph.MatMul(W, x) }
			}
			x := columns(look(table, words)) // [E, T N]
			h := graph.Zeros(x.Graph(), shapes.Make(dtypes.Float32, E, N))
			loss := graph.ScalarZero(x.Graph(), dtypes.Float32)
			for t := range T {
				if t == 1 {
					continue // a step that is not used has no gradient
				}
				z := mul(graph.Add(h, graph.SliceAxis(x, 1, graph.AxisRange(t*N, (t+1)*N))))
				loss = graph.Add(loss, graph.ReduceAllSum(graph.Mul(z, graph.Reshape(graph.SliceAxis(upstream, 0, graph.AxisElem(t)), out, N))))
				h = graph.SliceAxis(z, 0, graph.AxisRange(0, E))
			}
			once := graph.Gradient(loss, table, W)
			again := graph.Gradient(graph.MulScalar(loss, 2), table, W) // a second walk back through the same graph
			return []*Node{loss, once[0], once[1], again[0], again[1]}
		}
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		ours, err := graph.NewExec(b, formula(false))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := graph.NewExec(b, formula(true))
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(t *rapid.T) {
			draw := func(name string, dims ...int) *tensors.Tensor {
				size := 1
				for _, d := range dims {
					size *= d
				}
				whole := rapid.SliceOfN(rapid.IntRange(-3, 3), size, size).Draw(t, name)
				values := make([]float32, size)
				for i, x := range whole {
					values[i] = float32(x)
				}
				return tensors.FromFlatDataAndDimensions(values, dims...)
			}
			words := rapid.SliceOfN(rapid.Int32Range(0, V-1), T*N, T*N).Draw(t, "words")
			args := []any{draw("table", V, E), draw("W", out, E), tensors.FromFlatDataAndDimensions(words, T*N), draw("upstream", T, out, N)}
			got, err := ours.Call(args...)
			if err != nil {
				t.Fatal(err)
			}
			want, err := plain.Call(args...)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if !got[i].InDelta(want[i], 1e-3) {
					t.Fatalf("output %d: got %v, want %v", i, got[i], want[i])
				}
			}
		})
	})
}

// Many threads adding to few rows: with the scatter of plain differentiation, ONNX Runtime 1.30 lost some of the
// contributions in about every fourth run.
func TestEmbedGradientOfRepeatedWords(t *testing.T) {
	const n, V, E = 1088, 300, 256
	words := make([]int32, n)
	want := make([]float32, V)
	for i := range words {
		words[i] = int32(7 + i%3)
		want[words[i]]++
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		exec, err := graph.NewExec(b, func(table, words *Node) *Node {
			return graph.Gradient(graph.ReduceAllSum(nn.Lookup(table, words)), table)[0]
		})
		if err != nil {
			t.Fatal(err)
		}
		table := tensors.FromFlatDataAndDimensions(make([]float32, V*E), V, E)
		for range 10 {
			out, err := exec.Call(table, tensors.FromFlatDataAndDimensions(words, n))
			if err != nil {
				t.Fatal(err)
			}
			for v, row := range slices.Collect(slices.Chunk(flat(t, out[0]), E)) {
				if !slices.Equal(row, slices.Repeat(want[v:v+1], E)) {
					t.Fatalf("row %d: got %s, want %g everywhere", v, fmt.Sprint(row[:8]), want[v])
				}
			}
		}
	})
}

// The gradients of attention's scores at several steps against those of plain differentiation, walked twice, one step unused.
func TestScorerGradients(t *testing.T) {
	const T, N, L, A = 4, 3, 5, 6
	formula := func(plain bool) func(p, v, q, upstream *Node) []*Node {
		return func(p, v, q, upstream *Node) []*Node {
			score := newScorer(p, v).scores
			if plain {
				score = func(q *Node) *Node { return attention.ScoreProjected(p, q, v) }
			}
			loss := graph.ScalarZero(p.Graph(), dtypes.Float32)
			for t := range T {
				at := func(x *Node) *Node { return graph.Squeeze(graph.SliceAxis(x, 0, graph.AxisElem(t)), 0) }
				if e := score(at(q)); t != 2 {
					loss = graph.Add(loss, graph.ReduceAllSum(graph.Mul(e, at(upstream))))
				}
			}
			once := graph.Gradient(loss, p, v, q)
			again := graph.Gradient(graph.MulScalar(loss, 2), p, v, q)
			return append(append([]*Node{loss}, once...), again...)
		}
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		rng := rand.New(rand.NewPCG(1, 2))
		draw := func(dims ...int) *tensors.Tensor {
			values := make([]float32, shapes.Make(dtypes.Float32, dims...).Size())
			for i := range values {
				values[i] = float32(rng.NormFloat64())
			}
			return tensors.FromFlatDataAndDimensions(values, dims...)
		}
		args := []any{draw(N, L, A), draw(A), draw(T, N, A), draw(T, N, L)}
		run := func(plain bool) (outs [][]float32) {
			exec, err := graph.NewExec(b, formula(plain))
			if err != nil {
				t.Fatal(err)
			}
			results, err := exec.Call(args...)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range results {
				outs = append(outs, flat(t, x))
			}
			return outs
		}
		got, want := run(false), run(true)
		for i, name := range []string{"loss", "p", "v", "q", "p again", "v again", "q again"} {
			for j, x := range want[i] {
				if !(math.Abs(float64(got[i][j]-x)) <= 1e-5) {
					t.Errorf("%s, number %d: expected %g, found %g", name, j, x, got[i][j])
				}
			}
		}
	})
}
