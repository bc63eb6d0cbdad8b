package clip

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// called runs a graph function with fresh weights on a prefix [n, 16] and rows of ids.
func called(t *testing.T, b compute.Backend, prefix []float32, rows [][]int32, f func(scope *model.Scope, prefix, ids *graph.Node) []*graph.Node) []*tensors.Tensor {
	t.Helper()
	store := model.NewStore()
	store.SetParam("/"+nn.SeedParam, int64(4))
	exec, err := model.NewExec(b, store, func(scope *model.Scope, in []*graph.Node) []*graph.Node { return f(scope, in[0], in[1]) })
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(prefix, len(rows), smallText.Width), tensors.FromFlatDataAndDimensions(slices.Concat(rows...), len(rows), len(rows[0])))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// prefixes are n rows of numbers that are not all alike.
func prefixes(n int) []float32 {
	p := make([]float32, n*smallText.Width)
	for i := range p {
		p[i] = float32(math.Sin(float64(i)))
	}
	return p
}

// Scores of a place depend on the picture and the tokens before it alone; the start token has no part in them.
func TestLanguageModelIsCausal(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		scores := func(prefix []float32, row []int32) [][]float32 {
			out := called(t, b, prefix, [][]int32{row}, func(scope *model.Scope, prefix, ids *graph.Node) []*graph.Node {
				return []*graph.Node{LanguageModel(scope, smallText, prefix, ids)}
			})
			return out[0].Value().([][][]float32)[0]
		}
		p := prefixes(2)
		first, other := p[:smallText.Width], p[smallText.Width:]
		want := scores(first, []int32{begin, 3, 5, 7, end})
		if len(want) != 4 || len(want[0]) != smallText.VocabSize {
			t.Fatalf("found %d places of %d scores", len(want), len(want[0]))
		}
		for _, c := range []struct {
			prefix []float32
			row    []int32
			same   int // places that have to be the same
		}{
			{first, []int32{begin, 3, 5, 8, end}, 3}, {first, []int32{begin, 4, 5, 7, end}, 1}, {first, []int32{2, 3, 5, 7, 9}, 4}, {other, []int32{begin, 3, 5, 7, end}, 0},
		} {
			got := scores(c.prefix, c.row)
			for place := range got {
				far := 0.0
				for i := range got[place] {
					far = max(far, math.Abs(float64(got[place][i]-want[place][i])))
				}
				if same := far < 1e-6; same != (place < c.same) {
					t.Errorf("%v, place %d: differs by %g", c.row, place, far)
				}
			}
		}
		// Scored one beside another, a text has the scores that it has alone.
		both := called(t, b, p, [][]int32{{begin, 9, 9, 9, end}, {begin, 3, 5, 7, end}}, func(scope *model.Scope, prefix, ids *graph.Node) []*graph.Node {
			return []*graph.Node{LanguageModel(scope, smallText, prefix, ids)}
		})[0].Value().([][][]float32)[1]
		for place, row := range scores(other, []int32{begin, 3, 5, 7, end}) {
			for i, v := range row {
				if math.Abs(float64(v-both[place][i])) > 1e-5 {
					t.Fatalf("place %d, word %d: alone %g, beside another %g", place, i, v, both[place][i])
				}
			}
		}
	})
}

// A bag of words knows no order, no padding, but how often a word occurs.
func TestBagOfWords(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		rows := [][]int32{{begin, 3, 5, 5, end, 0}, {begin, 5, 3, 5, end, 0}, {5, begin, 0, 3, end, 5}, {begin, 3, 3, 5, end, 0}}
		got := called(t, b, prefixes(len(rows)), rows, func(scope *model.Scope, _, ids *graph.Node) []*graph.Node {
			return []*graph.Node{EncodeBagOfWords(scope, smallText, 6, ids)}
		})[0].Value().([][]float32)
		for i, row := range got {
			far := 0.0
			for d := range row {
				far = max(far, math.Abs(float64(row[d]-got[0][d])))
			}
			if same := far < 1e-5; same != (i < 3) {
				t.Errorf("%v: differs by %g from %v", rows[i], far, rows[0])
			}
		}
	})
}

// The gradients of the prefix are the differences of a loss, on every backend: of the language model, and through the bag of words.
func TestWordsGradients(t *testing.T) {
	rows := [][]int32{{begin, 3, 5, 3, end}, {begin, 3, 3, end, 0}}
	loss := func(scope *model.Scope, prefix, ids *graph.Node) *graph.Node {
		said := graph.ReduceAllSum(graph.Square(LanguageModel(scope, smallText, prefix, ids)))
		return graph.Add(said, graph.ReduceAllSum(graph.Mul(EncodeBagOfWords(scope, smallText, smallText.Width, ids), prefix)))
	}
	var first []float32
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		p := prefixes(2)
		at := func(p []float32) float64 {
			return float64(called(t, b, p, rows, func(scope *model.Scope, prefix, ids *graph.Node) []*graph.Node {
				return []*graph.Node{loss(scope, prefix, ids)}
			})[0].Value().(float32))
		}
		out := called(t, b, p, rows, func(scope *model.Scope, prefix, ids *graph.Node) []*graph.Node {
			l := loss(scope, prefix, ids)
			table := scope.At("token_embedding").GetVariable("weight").NodeValue(l)
			return append([]*graph.Node{l}, graph.Gradient(l, prefix, table)...)
		})
		gradient := slices.Concat(out[1].Value().([][]float32)...)
		for _, i := range []int{0, 7, 20} {
			const h = 0.05
			up, down := slices.Clone(p), slices.Clone(p)
			up[i] += h
			down[i] -= h
			if want := (at(up) - at(down)) / (2 * h); math.Abs(want-float64(gradient[i])) > 0.02*max(math.Abs(want), 0.1) {
				t.Errorf("prefix %d: expected about %g, found %g", i, want, gradient[i])
			}
		}
		all := append(gradient, slices.Concat(out[2].Value().([][]float32)...)...)
		if first == nil {
			first = all
		}
		for i := range all {
			if math.Abs(float64(all[i]-first[i])) > 1e-4*max(1, math.Abs(float64(first[i]))) {
				t.Fatalf("gradient %d: %g on one backend, %g on another", i, first[i], all[i])
			}
		}
	})
}
