package experiments

import (
	"fmt"
	"math"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// keeper is early stopping: it keeps the weights that did best on held-out examples, and says when to give up. With an
// average of the weights it keeps that, since that is what was measured.
type keeper struct {
	figure   string // of what Task.Evaluate finds; larger is better
	patience int
	best     float64
	step     int // at which best was found; 0 while nothing was
	waited   int // evaluations since then
	weights  map[string]*tensors.Tensor
}

// newKeeper returns nil where training goes on to the last step, come what may.
func newKeeper(task Task, cfg TrainConfig) (*keeper, error) {
	if cfg.Patience == 0 {
		return nil, nil
	}
	if task.Figure == "" || task.Evaluate == nil || cfg.EvalEvery == 0 {
		return nil, fmt.Errorf("patience: expected a task that is measured on held-out examples every so often (eval_every), found none; set patience to 0")
	}
	return &keeper{figure: task.Figure, patience: cfg.Patience, best: math.Inf(-1)}, nil
}

// see looks at an evaluation, while what was measured is in the store.
func (k *keeper) see(store *model.Store, step int, found map[string]float64) error {
	value, ok := found[k.figure]
	if !ok {
		return fmt.Errorf("patience: expected %q among what was measured, found %d other figures", k.figure, len(found))
	}
	if k.waited++; !(value > k.best) {
		return nil
	}
	k.best, k.step, k.waited = value, step, 0
	k.free()
	k.weights = map[string]*tensors.Tensor{}
	for v := range store.IterVariables() {
		if !v.DType().IsFloat() || strings.HasPrefix(v.Path(), optimizerScope+"/") {
			continue
		}
		now, err := v.Value()
		if err != nil {
			return err
		}
		if k.weights[v.Path()], err = now.LocalClone(); err != nil {
			return fmt.Errorf("cannot keep the weights of step %d: %w", step, err)
		}
	}
	return nil
}

func (k *keeper) givesUp() bool { return k.waited >= k.patience }

// restore puts the best weights where the average of the weights is, or in the weights' place where there is none.
func (k *keeper) restore(store *model.Store) error {
	for path, value := range k.weights {
		into := store.GetVariable(optimizerScope + path + "/" + averageName)
		if into == nil {
			into = store.GetVariable(path)
		}
		if err := into.SetValue(value); err != nil {
			return fmt.Errorf("cannot go back to the weights of step %d: %w", k.step, err)
		}
	}
	k.weights = nil
	return nil
}

func (k *keeper) free() {
	for _, t := range k.weights {
		t.MustFinalizeAll()
	}
}
