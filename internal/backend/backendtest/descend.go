package backendtest

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Descends takes a loss some steps down its gradient on every backend: it has to fall by a tenth at least, and to be the same everywhere but for rounding. fresh makes the
// store, inputs the tensors of a step, which are the same in each.
func Descends(t *testing.T, steps int, rate float64, fresh func() *model.Store, inputs func() []*tensors.Tensor, loss func(scope *model.Scope, inputs []*graph.Node) *graph.Node) {
	t.Helper()
	var want []float32
	Each(t, func(t *testing.T, b compute.Backend) {
		losses := descend(t, b, steps, rate, fresh(), inputs, loss)
		if last := steps - 1; !(losses[last] < 0.9*losses[0]) {
			t.Errorf("expected a falling loss, found %v", losses)
		}
		if want == nil {
			want = losses
		}
		for i := range want {
			if math.Abs(float64(losses[i]-want[i])) > 2e-3*max(1, math.Abs(float64(want[i]))) {
				t.Errorf("expected the losses %v, found %v", want, losses)
				break
			}
		}
	})
}

func descend(t *testing.T, b compute.Backend, steps int, rate float64, store *model.Store, inputs func() []*tensors.Tensor, loss func(*model.Scope, []*graph.Node) *graph.Node) (losses []float32) {
	t.Helper()
	exec, err := model.NewExec(b, store, func(scope *model.Scope, inputs []*graph.Node) *graph.Node {
		l := loss(scope, inputs)
		var weights []*model.Variable
		var nodes []*graph.Node
		for v := range store.IterVariables() {
			if v.Trainable && v.InUseByGraph(l.Graph()) {
				weights, nodes = append(weights, v), append(nodes, v.NodeValue(l))
			}
		}
		for i, slope := range graph.Gradient(l, nodes...) {
			weights[i].SetNodeValue(graph.Sub(nodes[i], graph.MulScalar(slope, rate)))
		}
		return l
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	for range steps {
		var args []any
		for _, in := range inputs() {
			args = append(args, in)
		}
		out, err := exec.Call1(args...)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, tensors.ToScalar[float32](out))
	}
	return losses
}
