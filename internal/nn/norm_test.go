package nn_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// norms are the three norms with the groups that share a mean and variance: group says to which one the element of x at
// a flat index belongs, channel which weight it gets.
var norms = []struct {
	name    string
	dims    []int
	apply   func(scope *model.Scope, x *graph.Node) *graph.Node
	group   func(i int) int
	channel func(i int) int
}{
	{"layer", []int{3, 2, 5}, func(s *model.Scope, x *graph.Node) *graph.Node { return nn.LayerNorm(s, x, eps) },
		func(i int) int { return i / 5 }, func(i int) int { return i % 5 }},
	{"group", []int{2, 3, 2, 6}, func(s *model.Scope, x *graph.Node) *graph.Node { return nn.GroupNorm(s, x, 3, eps) },
		func(i int) int { return i/36*3 + i%6/2 }, func(i int) int { return i % 6 }},
	{"batch", []int{2, 3, 2, 4}, func(s *model.Scope, x *graph.Node) *graph.Node { return nn.BatchNorm(s, x, eps, 0.1, true) },
		func(i int) int { return i % 4 }, func(i int) int { return i % 4 }},
}

const eps = 1e-3

// standardize is the definition: (x - mean)/sqrt(var + eps) * weight + bias, mean and variance within a group.
func standardize(x, weight, bias []float64, group, channel func(int) int) []float64 {
	n, mean, variance := map[int]float64{}, map[int]float64{}, map[int]float64{}
	for i, v := range x {
		n[group(i)]++
		mean[group(i)] += v
	}
	for i, v := range x {
		variance[group(i)] += math.Pow(v-mean[group(i)]/n[group(i)], 2)
	}
	y := make([]float64, len(x))
	for i, v := range x {
		g := group(i)
		y[i] = (v-mean[g]/n[g])/math.Sqrt(variance[g]/n[g]+eps)*weight[channel(i)] + bias[channel(i)]
	}
	return y
}

func TestNorms(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, norm := range norms {
			t.Run(norm.name, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(7, 8))
				c := norm.dims[len(norm.dims)-1]
				x, v := normal(rng, norm.dims...), normal(rng, norm.dims...)
				for i := range x.values {
					x.values[i] = 3*x.values[i] + 7
				}
				weight, bias := normal(rng, c), normal(rng, c)
				store := model.NewStore()
				scope := store.RootScope().At("norm")
				scope.VariableWithValue("weight", weight.tensor())
				scope.VariableWithValue("bias", bias.tensor())
				got := evaluate(t, b, store, func(scope *model.Scope, x, v *graph.Node) []*graph.Node {
					scope = scope.At("norm")
					y := norm.apply(scope, x)
					loss := graph.ReduceAllSum(graph.Mul(y, v))
					weight, bias := scope.GetVariable("weight").NodeValue(x), scope.GetVariable("bias").NodeValue(x)
					return append(graph.Gradient(loss, x, weight, bias), y)
				}, x, v)
				f := func(args [][]float64) []float64 {
					return standardize(args[0], args[1], args[2], norm.group, norm.channel)
				}
				want := slopes(func(args [][]float64) float64 { return weighted(f(args), args[3]) }, x, weight, bias, v)
				for i, what := range []string{"gradient of x", "gradient of weight", "gradient of bias"} {
					near(t, what, got[i], want[i], 2e-5)
				}
				// The slope along v is the value itself.
				near(t, "value", got[3], want[3], 1e-5)
			})
		}
	})
}

// TestBatchNormRunning follows the running statistics over two steps and uses them frozen. Worked by hand: the channel
// holds 1, 2, 3, 6, then 0, 0, 4, 4: means 3 and 2, unbiased variances 14/3 and 16/3.
func TestBatchNormRunning(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		layer := func(training bool) func(scope *model.Scope, x *graph.Node) *graph.Node {
			return func(scope *model.Scope, x *graph.Node) *graph.Node {
				return nn.BatchNorm(scope.At("bn"), x, eps, 0.25, training)
			}
		}
		for _, batch := range [][]float32{{1, 2, 3, 6}, {0, 0, 4, 4}} {
			evaluate(t, b, store, layer(true), array{[]int{2, 2, 1}, batch})
		}
		mean := 0.75*(0.25*3) + 0.25*2
		variance := 0.75*(0.75*1+0.25*14/3) + 0.25*16/3
		statistic := func(name string) array {
			return arrayOf(store.GetVariable("/bn/" + name).MustValue())
		}
		near(t, "running mean", statistic("running_mean"), array{[]int{1}, []float32{float32(mean)}}, 1e-6)
		near(t, "running variance", statistic("running_var"), array{[]int{1}, []float32{float32(variance)}}, 1e-6)
		got := evaluate(t, b, store, layer(false), array{[]int{2, 1}, []float32{-1, 5}})[0]
		scale := 1 / math.Sqrt(variance+eps)
		near(t, "frozen", got, array{[]int{2, 1}, []float32{float32((-1 - mean) * scale), float32((5 - mean) * scale)}}, 1e-6)
		near(t, "running mean afterwards", statistic("running_mean"), array{[]int{1}, []float32{float32(mean)}}, 1e-6)
		for v := range store.IterVariables() {
			if want := v.Name() == "weight" || v.Name() == "bias"; v.Trainable != want {
				t.Errorf("variable %s: expected trainable %t, found %t", v.Path(), want, v.Trainable)
			}
		}
		store.GetVariable("/bn/weight").SetTrainable(false) // a locked layer computes in training what it computes otherwise
		near(t, "locked", evaluate(t, b, store, layer(true), array{[]int{2, 1}, []float32{-1, 5}})[0], got, 0)
		near(t, "running variance of a locked layer", statistic("running_var"), array{[]int{1}, []float32{float32(variance)}}, 1e-6)
	})
}
