package lesson

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/attention"
	"github.com/glimpse-ml/glimpse/clip"
)

// The notebooks' softmax is the library's two, and stands scores whose exp is no number.
func TestSoftmax(t *testing.T) {
	scores, factor := []float64{2.1, 0.5, 0.8, -0.3}, 14.3
	p := Softmax(scores, factor)
	exec, err := graph.NewExec(pureGo(t).Backend, func(e *graph.Node) *graph.Node { return attention.Softmax(graph.MulScalar(e, factor)) })
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(scores, 1, len(scores)))
	if err != nil {
		t.Fatal(err)
	}
	alpha, err := tensors.CopyFlatData[float64](out[0])
	if err != nil {
		t.Fatal(err)
	}
	single := clip.Softmax([]float32{2.1, 0.5, 0.8, -0.3}, factor)
	if Apart(p, alpha) > 1e-12 || Apart(p, single) > 1e-6 {
		t.Errorf("found %v, attention.Softmax has %v, clip.Softmax %v", p, alpha, single)
	}
	if far := Softmax([]float64{1000, 0}, -2); far[0] != 0 || math.Abs(far[1]-1) > 1e-12 {
		t.Errorf("of far scores: %v", far)
	}
}
