package captions

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// Two pictures with two captions each: shares 1/4 and 3/4 of scores 1 and 3, halves of 5 and 1. A caption's -log p wants to fall
// by its share times what its score is above the expected one.
func TestExpectedScore(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		surprise := []float32{float32(math.Log(8)), float32(math.Log(8.0 / 3)), 2, 2}
		got, err := graph.CallOnceN(b, func(in []*graph.Node) []*graph.Node {
			expected := expectedScore(in[0], in[1], 2)
			return []*graph.Node{expected, graph.Gradient(expected, in[0])[0]}
		}, tensors.FromValue(surprise), tensors.FromValue([]float32{1, 3, 5, 1}))
		if err != nil {
			t.Fatal(err)
		}
		if v := tensors.ToScalar[float32](got[0]); math.Abs(float64(v)-(2.5+3)/2) > 1e-6 {
			t.Errorf("expected %g, found %g", (2.5+3)/2, v)
		}
		gradient := got[1].Value().([]float32)
		for i, want := range []float64{-0.25 * (1 - 2.5) / 2, -0.75 * (3 - 2.5) / 2, -0.5 * (5 - 3) / 2, -0.5 * (1 - 3) / 2} {
			if math.Abs(float64(gradient[i])-want) > 1e-6 {
				t.Errorf("gradient %d: expected %g, found %g", i, want, gradient[i])
			}
		}
	})
}
