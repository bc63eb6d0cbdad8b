package experiments

import (
	"fmt"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// averageName is the variable, beside a weight's state of the optimiser, that holds the weight's moving average.
const averageName = "average"

// averageDecay is the decay of the average at a step (counted from 1).
func (c TrainConfig) averageDecay(step int) float64 {
	return min(c.Average, float64(step-1)/float64(step+9))
}

// moveAverage moves the averages of everything that the step has changed, a batch norm's running statistics included, towards
// the new values: average = d*average + (1-d)*value. hyper is what [AdamW.hyper] returned.
func moveAverage(store *model.Store, hyper *graph.Node) {
	g := hyper.Graph()
	decay := graph.Squeeze(graph.Slice(hyper, graph.AxisElem(3)))
	var changed []*model.Variable
	for v := range store.IterVariables() {
		if v.ChangedInGraph(g) && v.DType().IsFloat() && !strings.HasPrefix(v.Path(), optimizerScope+"/") {
			changed = append(changed, v)
		}
	}
	for _, v := range changed {
		average := state(store, v, averageName)
		weight := v.NodeValue(g)
		average.SetNodeValue(graph.Add(weight, graph.Mul(decay, graph.Sub(average.NodeValue(g), weight))))
	}
}

// UseAverage puts the moving averages into the weights' places, and the weights into theirs. It does nothing to a store that
// was trained without.
func UseAverage(store *model.Store) error { return swapAverage(store) }

func swapAverage(store *model.Store) error {
	for average := range store.IterVariables() {
		path, ok := strings.CutPrefix(average.Path(), optimizerScope)
		if !ok || average.Name() != averageName {
			continue
		}
		weight := store.GetVariable(strings.TrimSuffix(path, "/"+averageName))
		if weight == nil {
			return fmt.Errorf("expected the weight that %s is the average of, found none", average.Path())
		}
		a, err := average.Value()
		if err != nil {
			return err
		}
		w, err := weight.Value()
		if err != nil {
			return err
		}
		if err := weight.SetValuePreservingOld(a); err != nil {
			return err
		}
		if err := average.SetValuePreservingOld(w); err != nil {
			return err
		}
	}
	return nil
}
