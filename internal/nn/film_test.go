package nn

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// FiLM is (1 + gamma) x + beta by channel, gamma and beta being linear in the condition.
func TestFiLM(t *testing.T) {
	const m, high, wide, c, e = 2, 3, 2, 4, 5
	wave := func(n int, phase float64) []float32 {
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(math.Sin(0.7*float64(i) + phase))
		}
		return values
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		x, condition, gammas, betas, biases := wave(m*high*wide*c, 1), wave(m*e, 2), wave(c*e, 3), wave(c*e, 4), wave(c, 5)
		out, err := model.CallOnce(b, model.NewStore(), func(scope *model.Scope, in []*graph.Node) *graph.Node {
			for name, values := range map[string][]float32{"gamma": gammas, "beta": betas} {
				scope.At("%s", name).VariableWithValue("weight", tensors.FromFlatDataAndDimensions(values, c, e))
				scope.At("%s", name).VariableWithValue("bias", tensors.FromFlatDataAndDimensions(slices.Clone(biases), c))
			}
			return FiLM(scope, in[0], in[1])
		}, tensors.FromFlatDataAndDimensions(x, m, high, wide, c), tensors.FromFlatDataAndDimensions(condition, m, e))
		if err != nil {
			t.Fatal(err)
		}
		for i, found := range tensors.MustCopyFlatData[float32](out) {
			gamma, beta := 1+float64(biases[i%c]), float64(biases[i%c])
			for k := range e {
				v := float64(condition[i/(high*wide*c)*e+k])
				gamma, beta = gamma+float64(gammas[i%c*e+k])*v, beta+float64(betas[i%c*e+k])*v
			}
			if want := gamma*float64(x[i]) + beta; math.Abs(float64(found)-want) > 1e-5 {
				t.Fatalf("number %d: expected %g, found %g", i, want, found)
			}
		}
	})
}
