package experiments

import (
	"errors"
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// trainer is a compiled training step: [wholeStep] or [chunkedStep].
type trainer interface {
	// step runs one optimiser step and returns the loss and the scalars that scalarNames names, in this order.
	step(batch []*tensors.Tensor, hyper *tensors.Tensor) ([]*tensors.Tensor, error)
	scalarNames() []string
	close()
}

// newTrainer checks the configuration and builds the step.
func newTrainer(b *backend.Backend, store *model.Store, task Task, cfg TrainConfig) (trainer, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if store.GetVariable("/"+model.RNGStateVariableName) == nil { // a checkpoint brings its own
		if err := store.SetRNGStateFromSeed(cfg.Seed); err != nil {
			return nil, fmt.Errorf("cannot seed the random numbers: %w", err)
		}
	}
	if cfg.Chunks > 1 && b.Devices > 1 {
		return nil, fmt.Errorf("chunks: expected 0 or 1 on several devices, found %d on %d; a batch is cut into as many parts as there are devices anyway", cfg.Chunks, b.Devices)
	}
	if cfg.Chunks > 1 {
		return newChunkedStep(b, store, task, cfg)
	}
	return newWholeStep(b, store, task, cfg)
}

// check says what is wrong with the settings, if anything is.
func (c TrainConfig) check() error {
	switch {
	case c.Steps < 1:
		return fmt.Errorf("steps: expected at least 1, found %d", c.Steps)
	case c.LogEvery < 1:
		return fmt.Errorf("log_every: expected at least 1, found %d", c.LogEvery)
	case c.EvalEvery < 0:
		return fmt.Errorf("eval_every: expected 0 or more, found %d", c.EvalEvery)
	case c.Patience < 0:
		return fmt.Errorf("patience: expected 0 or more, found %d", c.Patience)
	case c.Chunks < 0:
		return fmt.Errorf("chunks: expected 0 or more, found %d", c.Chunks)
	case !(c.Average >= 0 && c.Average < 1):
		return fmt.Errorf("average: expected at least 0 and less than 1, found %g", c.Average)
	}
	return c.Optimizer.check()
}

// rules are the task's rules with their defaults.
func (t Task) rules() rules {
	r := rules{t.Decay, t.LR, t.Tower}
	if r.decays == nil {
		r.decays = DecayMatrices
	}
	if r.lr == nil {
		r.lr = func(string) float64 { return 1 }
	}
	return r
}

// loss is the task's loss, from its halves if it comes in halves.
func (t Task) loss(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []Metric) {
	if t.Loss != nil {
		return t.Loss(scope, inputs)
	}
	return t.Compare(scope, t.Embed(scope, inputs))
}

// after is what follows the optimiser in the graph of a step.
func (t Task) after(scope *model.Scope, hyper *graph.Node, cfg TrainConfig) {
	if t.After != nil {
		t.After(scope, hyper.Graph())
	}
	if cfg.Average > 0 {
		moveAverage(scope.Store(), hyper)
	}
}

// runStep runs a step, frees the batch, and names what came out.
func runStep(t trainer, batch []*tensors.Tensor, step int, cfg TrainConfig) (float64, map[string]float64, error) {
	hyper := cfg.Optimizer.hyper(step, cfg.Steps, cfg.averageDecay(step))
	outputs, err := t.step(batch, hyper)
	hyper.MustFinalizeAll()
	for _, tensor := range batch {
		tensor.MustFinalizeAll()
	}
	if err != nil {
		return 0, nil, fmt.Errorf("training step %d failed: %w", step, err)
	}
	values := make([]float64, len(outputs))
	for i, output := range outputs {
		v, ok := output.Value().(float32)
		if !ok {
			return 0, nil, errors.New("a training step's outputs are expected to be float32 scalars")
		}
		values[i] = float64(v)
		output.MustFinalizeAll()
	}
	scalars := map[string]float64{"lr": cfg.Optimizer.LR * cfg.Optimizer.schedule(step, cfg.Steps)}
	for i, name := range t.scalarNames() {
		scalars[name] = values[i+1]
	}
	return values[0], scalars, nil
}

// wholeStep computes a batch in one piece.
type wholeStep struct {
	exec   *model.Exec
	names  []string // of the scalars, in the order of the graph's outputs after the loss
	spread *spread  // over several devices; nil for one
}

func newWholeStep(b *backend.Backend, store *model.Store, task Task, cfg TrainConfig) (*wholeStep, error) {
	t := &wholeStep{}
	graphFn := func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		hyper, inputs := inputs[0], inputs[1:]
		scope.Store().SetTraining(hyper.Graph(), true)
		loss, scalars := task.loss(scope, inputs)
		outputs := []*graph.Node{loss}
		t.names = nil
		for _, s := range scalars {
			t.names = append(t.names, s.Name)
			outputs = append(outputs, s.Value)
		}
		for _, norm := range cfg.Optimizer.update(scope.Store(), loss, hyper, task.rules()) {
			t.names, outputs = append(t.names, norm.Name), append(outputs, norm.Value)
		}
		task.after(scope, hyper, cfg)
		return outputs
	}
	exec, err := model.NewExec(b.Backend, store, graphFn)
	if err != nil {
		return nil, fmt.Errorf("cannot build the training step: %w", err)
	}
	t.exec = exec
	if b.Devices > 1 {
		t.spread, err = newSpread(exec, store, b.Devices)
	}
	return t, err
}

func (t *wholeStep) step(batch []*tensors.Tensor, hyper *tensors.Tensor) ([]*tensors.Tensor, error) {
	if t.spread != nil {
		return t.spread.step(batch, hyper)
	}
	args := []any{hyper}
	for _, tensor := range batch {
		args = append(args, tensor)
	}
	return t.exec.Call(args...)
}

func (t *wholeStep) scalarNames() []string { return t.names }

func (t *wholeStep) close() { t.exec.Finalize() }
