package nn

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// What PyTorch 1.13's nn.GRU gives for the same weights and sequences of 4, 2 and 1 places: the last states, and the gradients of their weighted sum
// for the sequences and for weight_hh. What stands behind the end of a sequence is not read. They were made by
//
//	wave = lambda n, p: torch.tensor([math.sin(0.7*i + p) for i in range(n)])
//	g = torch.nn.GRU(2, 3, batch_first=True)
//	weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 = wave(18, 1), wave(27, 2), wave(9, 3), wave(9, 4)
//	x = wave(24, 5).reshape(3, 4, 2).requires_grad_()
//	last = g(x)[0][torch.arange(3), torch.tensor([4, 2, 1]) - 1].flatten()
//	(last * wave(9, 6)).sum().backward(); print(last, x.grad, g.weight_hh_l0.grad)
func TestGRU(t *testing.T) {
	const m, length, in, hidden = 3, 4, 2, 3
	wave := func(n int, phase float64) []float32 {
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(math.Sin(0.7*float64(i) + phase))
		}
		return values
	}
	states := []float32{0.92901117, 0.56736827, 0.42188755, 0.66158855, 0.85138655, 0.43939501, 0.52750087, 0.69949663, 0.23594505}
	forX := []float32{-0.17422977, -0.0038124442, -0.053106636, -0.019552963, -0.061824214, -0.0093537550, -0.19940343, -0.10925517,
		0.099560909, -0.010008015, 0.032728765, -0.092392437, 0, 0, 0, 0, 0.14279260, 0.13099827, 0, 0, 0, 0, 0, 0}
	forWeight := []float32{0.010730511, 0.032487094, 0.011308307, -0.0077509349, -0.0039139879, -0.0044039786, 0.0021804841, 0.00050452522, 0.0011966731,
		-0.040407609, -0.075009339, -0.033789508, -0.040331393, 0.023505554, -0.016910905, -0.019939292, -0.0094172005, -0.012010409,
		0.0081157479, 0.033715561, 0.010294683, 0.016047332, 0.0040878532, 0.0084424578, 0.033076987, -0.0053109061, 0.015296749}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		out, err := model.CallOnceN(b, model.NewStore(), func(scope *model.Scope, at []*graph.Node) []*graph.Node {
			for name, values := range map[string]*tensors.Tensor{
				"weight_ih": tensors.FromFlatDataAndDimensions(wave(3*hidden*in, 1), 3*hidden, in),
				"weight_hh": tensors.FromFlatDataAndDimensions(wave(3*hidden*hidden, 2), 3*hidden, hidden),
				"bias_ih":   tensors.FromFlatDataAndDimensions(wave(3*hidden, 3), 3*hidden),
				"bias_hh":   tensors.FromFlatDataAndDimensions(wave(3*hidden, 4), 3*hidden),
			} {
				scope.VariableWithValue(name, values)
			}
			last := GRU(scope, at[0], at[1], hidden)
			sum := graph.ReduceAllSum(graph.Mul(last, at[2]))
			weight := scope.Store().GetVariable("/weight_hh").NodeValue(last)
			return append([]*graph.Node{last}, graph.Gradient(sum, at[0], weight)...)
		}, tensors.FromFlatDataAndDimensions(wave(m*length*in, 5), m, length, in),
			[][]bool{{true, true, true, true}, {true, true, false, false}, {true, false, false, false}},
			tensors.FromFlatDataAndDimensions(wave(m*hidden, 6), m, hidden))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range [][]float32{states, forX, forWeight} {
			all := tensors.MustCopyFlatData[float32](out[i])
			if len(all) != len(want) {
				t.Fatalf("expected %d numbers, found %d", len(want), len(all))
			}
			for k, found := range all {
				if math.Abs(float64(found-want[k])) > 1e-6 {
					t.Fatalf("%s, number %d: expected %g, found %g", []string{"states", "gradient of the sequences", "gradient of weight_hh"}[i], k, want[k], found)
				}
			}
		}
	})
}
