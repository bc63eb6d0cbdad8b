package nn_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Both GELUs and their gradients, by their formulas.
func TestGELUs(t *testing.T) {
	for _, activation := range []struct {
		name  string
		apply func(x *graph.Node) *graph.Node
		exact func(x float64) float64
	}{
		{"quick", nn.QuickGELU, func(x float64) float64 { return x / (1 + math.Exp(-1.702*x)) }},
		{"tanh", nn.GELUTanh, func(x float64) float64 { return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))) }},
	} {
		x, v := array{[]int{6}, []float32{-6, -0.7, 0, 0.3, 1.4, 9}}, array{[]int{6}, []float32{1, -2, 3, 0.5, 1.5, 4}}
		want := slopes(func(in [][]float64) float64 {
			sum := 0.0
			for i, x := range in[0] {
				sum += activation.exact(x) * in[1][i]
			}
			return sum
		}, x, v)
		backendtest.Each(t, func(t *testing.T, b compute.Backend) {
			got := call(t, b, func(x, v *graph.Node) []*graph.Node {
				y := activation.apply(x)
				return append(graph.Gradient(graph.ReduceAllSum(graph.Mul(y, v)), x), y)
			}, x, v)
			near(t, activation.name+", gradient", got[0], want[0], 1e-5)
			near(t, activation.name+", value", got[1], want[1], 1e-5)
		})
	}
}
