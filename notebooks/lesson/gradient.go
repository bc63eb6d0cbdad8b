package lesson

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/glimpse-ml/glimpse/attention"
)

// PlacesLookedAt is exp of the entropy of attention's weights: so many places with even weights would be as sharp a look.
func PlacesLookedAt(alpha []float64) float64 { return math.Exp(stat.Entropy(alpha)) }

// Autodiff is what automatic differentiation makes of attention on the picture, in float64: the gradients that
// [attention.Walk] finds by hand, but for those of the inside of the tanh.
func Autodiff(p attention.Picture, dz []float64) attention.Backward {
	L, D, H, A := len(p.A), len(dz), len(p.H), len(p.V)
	exec := Try(graph.NewExec(Backend().Backend, func(x []*graph.Node) []*graph.Node {
		e := attention.Score(x[0], x[1], x[2], x[3], x[4], x[5])
		alpha := attention.Softmax(e)
		z := attention.Context(alpha, x[0])
		loss := graph.ReduceAllSum(graph.Mul(z, x[6])) // its gradient with respect to z is dz
		return graph.Gradient(loss, alpha, e, x[5], x[2], x[3], x[4], x[0], x[1])
	}))
	defer exec.Finalize()
	tensor := func(x []float64, dims ...int) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(x, dims...) }
	var g [][]float64
	for _, value := range Try(exec.Call(tensor(slices.Concat(p.A...), 1, L, D), tensor(p.H, 1, H),
		tensor(slices.Concat(p.W_a...), A, D), tensor(slices.Concat(p.W_h...), A, H), tensor(p.B, A), tensor(p.V, A), tensor(dz, 1, D))) {
		g = append(g, Try(tensors.CopyFlatData[float64](value)))
	}
	rows := func(x []float64, width int) [][]float64 { return slices.Collect(slices.Chunk(x, width)) }
	return attention.Backward{Z: dz, Alpha: g[0], E: g[1], V: g[2], W_a: rows(g[3], D), W_h: rows(g[4], H), B: g[5], A: rows(g[6], D), H: g[7]}
}

// PrintBeside prints each link of the gradient walk with its size, and how far the two ways to compute it are apart.
func PrintBeside(byHand, autodiff attention.Backward) {
	fmt.Printf("%-10s %8s  %14s  %18s\n", "", "numbers", "largest entry", "largest difference")
	for _, link := range []struct {
		name   string
		hand   []float64
		autodf []float64
	}{
		{"dL/dα", byHand.Alpha, autodiff.Alpha}, {"dL/de", byHand.E, autodiff.E}, {"dL/dv", byHand.V, autodiff.V},
		{"dL/dW_a", slices.Concat(byHand.W_a...), slices.Concat(autodiff.W_a...)},
		{"dL/dW_h", slices.Concat(byHand.W_h...), slices.Concat(autodiff.W_h...)}, {"dL/db", byHand.B, autodiff.B},
		{"dL/da", slices.Concat(byHand.A...), slices.Concat(autodiff.A...)}, {"dL/dh", byHand.H, autodiff.H},
	} {
		fmt.Printf("%-10s %8d  %14.3g  %18.1e\n", link.name, len(link.hand),
			floats.Norm(link.hand, math.Inf(1)), floats.Distance(link.hand, link.autodf, math.Inf(1)))
	}
}

// WalkToward walks through attention with the loss L = ½ |z - a_k|², which is least when all of the attention is on place k:
// then z is the feature vector of that place. Its gradient is dL/dz = z - a_k.
func WalkToward(p attention.Picture, k int) (attention.Forward, attention.Backward) {
	f, _, err := attention.Walk(p, make([]float64, len(p.A[0])), nil)
	Check(err)
	dz := slices.Clone(f.Z)
	floats.Sub(dz, p.A[k])
	f, g, err := attention.Walk(p, dz, nil)
	Check(err)
	return f, g
}

// Descend moves the weights W_a, W_h, b and v against their gradient, together by the given share of their length.
func Descend(p attention.Picture, g attention.Backward, share float64) {
	weights, gradients := parameters(p.W_a, p.W_h, p.B, p.V), parameters(g.W_a, g.W_h, g.B, g.V)
	step := share * length(weights) / length(gradients)
	for i, w := range weights {
		floats.AddScaled(w, -step, gradients[i])
	}
}

func parameters(W_a, W_h [][]float64, b, v []float64) [][]float64 {
	return append(slices.Concat(W_a, W_h), b, v)
}

func length(rows [][]float64) float64 {
	sum := 0.0
	for _, row := range rows {
		sum += floats.Dot(row, row)
	}
	return math.Sqrt(sum)
}

// Grid is one number for each place, row by row, as rows.
func Grid(values []float64, cols int) [][]float64 { return slices.Collect(slices.Chunk(values, cols)) }

// Apart is the largest difference between two lists of numbers.
func Apart(x, y []float64) float64 { return floats.Distance(x, y, math.Inf(1)) }

// Draw returns a place, drawn by the weights.
func Draw(rng *rand.Rand, weights []float64) int {
	u := rng.Float64() * floats.Sum(weights)
	for i, w := range weights {
		if u -= w; u < 0 {
			return i
		}
	}
	return len(weights) - 1
}
