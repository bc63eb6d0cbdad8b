package nn_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Products by loops, of matrices of all sizes down to a single number, and their gradients.
func TestProducts(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, size := range [][4]int{{3, 2, 4, 5}, {1, 3, 2, 2}, {2, 1, 3, 1}, {2, 3, 1, 2}, {4, 1, 1, 1}} {
		B, m, k, n := size[0], size[1], size[2], size[3]
		a, b, v := normal(rng, B, m, k), normal(rng, B, k, n), normal(rng, B, m, n)
		want := slopes(func(in [][]float64) float64 {
			sum := 0.0
			for p := range B {
				for i := range m {
					for j := range n {
						for c := range k {
							sum += in[0][(p*m+i)*k+c] * in[1][(p*k+c)*n+j] * in[2][(p*m+i)*n+j]
						}
					}
				}
			}
			return sum
		}, a, b, v)
		backendtest.Each(t, func(t *testing.T, backend compute.Backend) {
			got := call(t, backend, func(a, b, v *graph.Node) []*graph.Node {
				y, z := nn.Products(a, b), nn.ProductsTransposed(a, graph.Transpose(b, 1, 2))
				return append(append(graph.Gradient(graph.ReduceAllSum(graph.Mul(y, v)), a, b), y),
					append(graph.Gradient(graph.ReduceAllSum(graph.Mul(z, v)), a, b), z)...)
			}, a, b, v)
			for i, what := range []string{"gradient of a", "gradient of b", "value"} {
				near(t, fmt.Sprint(size, " ", what), got[i], want[i], 1e-5)
				near(t, fmt.Sprint(size, " transposed, ", what), got[3+i], want[i], 1e-5)
			}
		})
	}
}

// Each part has its own numbers, and so has each part's gradient; that of a part which nothing depends on is 0.
func TestSplit(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		x := array{[]int{2, 6}, []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}
		got := call(t, b, func(x *graph.Node) []*graph.Node {
			parts := nn.Split(x, -1, 2, 2, 2)
			first := graph.Gradient(graph.ReduceAllSum(graph.Square(parts[2])), x)
			all := graph.Gradient(graph.ReduceAllSum(graph.Add(graph.Square(parts[0]), graph.Add(graph.MulScalar(parts[1], 10), parts[2]))), x)
			return append(append(parts, first...), all...)
		}, x)
		for i, want := range []array{
			{[]int{2, 2}, []float32{0, 1, 6, 7}}, {[]int{2, 2}, []float32{2, 3, 8, 9}}, {[]int{2, 2}, []float32{4, 5, 10, 11}},
			{[]int{2, 6}, []float32{0, 0, 0, 0, 8, 10, 0, 0, 0, 0, 20, 22}},
			{[]int{2, 6}, []float32{0, 2, 10, 10, 1, 1, 12, 14, 10, 10, 1, 1}},
		} {
			near(t, fmt.Sprint("result ", i), got[i], want, 0)
		}
		_, err := graph.CallOnce(b, func(x *graph.Node) *graph.Node { return nn.Split(x, 1, 2, 3)[0] }, x.tensor())
		if err == nil || !strings.Contains(err.Error(), "add up to axis 1 of (Float32)[2, 6], found 5 in [2 3]") {
			t.Errorf("expected a refusal of sizes that leave something over, found %v", err)
		}
	})
}

// Attention's two products in a small transformer's training, by the convolution in groups and as compute-onnx has them.
func BenchmarkProducts(b *testing.B) {
	const B, m, k = 192, 65, 64
	rng := rand.New(rand.NewPCG(13, 14))
	x, y := normal(rng, B, m, k), normal(rng, B, k, m)
	for _, way := range []struct {
		name    string
		product func(a, b *graph.Node) *graph.Node
	}{{"Products", nn.Products}, {"DotGeneral", func(a, b *graph.Node) *graph.Node {
		return graph.DotGeneral(a, []int{2}, []int{0}, b, []int{1}, []int{0})
	}}} {
		b.Run(way.name, func(b *testing.B) {
			exec := graph.MustNewExec(backendtest.Open(b, "onnx:cpu").Backend, func(a, b *graph.Node) *graph.Node { return graph.ReduceAllSum(way.product(a, b)) })
			defer exec.Finalize()
			in := []any{x.tensor(), y.tensor()}
			exec.MustCall(in...)
			for b.Loop() {
				exec.MustCall(in...)
			}
		})
	}
}
