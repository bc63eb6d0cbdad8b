package experiments

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Task is what a paper brings to training: its loss, and nothing of how training goes.
type Task struct {
	// Loss builds the graph from the tensors of a batch to the scalar to be minimised, and the other scalars
	// worth recording at every step.
	Loss func(scope *model.Scope, inputs []*graph.Node) (loss *graph.Node, scalars []Metric)
	// After, if there is one, changes variables once the optimiser has: a clamp, a moving average.
	After func(scope *model.Scope, g *graph.Graph)
	// Decay says which variables weight decay acts on; nil means [DecayMatrices].
	Decay func(path string) bool
}

// Metric is a named scalar of the graph, such as the temperature.
type Metric struct {
	Name  string
	Value *graph.Node
}

// Source yields batches. Every batch is made of fresh tensors, which belong to the training function.
type Source interface {
	Next(ctx context.Context) ([]*tensors.Tensor, error)
	// Waited is the time that Next has spent waiting for data so far.
	Waited() time.Duration
	// Epoch is how often the data has been seen in full.
	Epoch() int
}

// TrainConfig says how training goes, whatever is trained.
type TrainConfig struct {
	Steps     int   `json:"steps"`
	Seed      int64 `json:"-"` // of random numbers drawn in the graph, such as dropout's
	Optimizer AdamW `json:"optimizer"`
	LogEvery  int   `json:"log_every"` // steps between lines of metrics.jsonl
}

// Step is what is known after a training step.
type Step struct {
	Step    int                // counted from 1
	Epoch   int                //
	Loss    float64            //
	Scalars map[string]float64 // the task's, and lr and grad_norm
	Seconds float64            // since training began
	Waiting float64            // share of the time so far that was spent waiting for data, 0..1
}

// Trained sums a training up.
type Trained struct {
	Last        Step
	Seconds     float64 // all steps, without compiling
	Compile     float64 // seconds of the first step, which compiles the graph
	StepSeconds float64 // seconds of a step without the first, data included: the mean
	Waiting     float64 // share of Seconds that was spent waiting for data
}

// Train runs cfg.Steps optimiser steps of task on the variables of store, and calls each after every one. It is the
// training function of every paper in the lab. A cancelled ctx ends it with ctx's error after the current step.
func Train(ctx context.Context, b *backend.Backend, store *model.Store, task Task, source Source, cfg TrainConfig, each func(Step) error) (Trained, error) {
	trainer, err := newTrainer(b, store, task, cfg)
	if err != nil {
		return Trained{}, err
	}
	defer trainer.exec.Finalize()
	var result Trained
	start, begun, waitedBefore := time.Now(), time.Now(), source.Waited()
	for step := 1; step <= cfg.Steps; step++ {
		if err := ctx.Err(); err != nil {
			return result, err
		}
		batch, err := source.Next(ctx)
		if err != nil {
			return result, err
		}
		loss, scalars, err := trainer.step(batch, step)
		if err != nil {
			return result, err
		}
		if step == 1 { // the first step compiles: count from its end
			result.Compile = time.Since(start).Seconds()
			begun, waitedBefore = time.Now(), source.Waited()
		}
		if name, v := firstBroken(loss, scalars); name != "" {
			return result, fmt.Errorf("the %s is %v at step %d: training diverged; a lower optimizer.lr or a smaller "+
				"optimizer.clip_norm usually helps", name, v, step)
		}
		result.Seconds = time.Since(begun).Seconds()
		if step > 1 {
			result.StepSeconds = result.Seconds / float64(step-1)
			result.Waiting = (source.Waited() - waitedBefore).Seconds() / result.Seconds
		}
		result.Last = Step{Step: step, Epoch: source.Epoch(), Loss: loss, Scalars: scalars,
			Seconds: time.Since(start).Seconds(), Waiting: result.Waiting}
		if err := each(result.Last); err != nil {
			return result, err
		}
	}
	return result, nil
}

// firstBroken is the first of a step's numbers that is none.
func firstBroken(loss float64, scalars map[string]float64) (string, float64) {
	broken := func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }
	if broken(loss) {
		return "loss", loss
	}
	for _, name := range slices.Sorted(maps.Keys(scalars)) {
		if broken(scalars[name]) {
			return name, scalars[name]
		}
	}
	return "", 0
}

// trainer is the compiled training step.
type trainer struct {
	exec  *model.Exec
	cfg   TrainConfig
	names []string // of the scalars, in the order of the graph's outputs after the loss
}

func newTrainer(b *backend.Backend, store *model.Store, task Task, cfg TrainConfig) (*trainer, error) {
	if cfg.Steps < 1 {
		return nil, fmt.Errorf("steps: expected at least 1, found %d", cfg.Steps)
	}
	if cfg.LogEvery < 1 {
		return nil, fmt.Errorf("log_every: expected at least 1, found %d", cfg.LogEvery)
	}
	if err := cfg.Optimizer.check(); err != nil {
		return nil, err
	}
	if store.GetVariable("/"+model.RNGStateVariableName) == nil { // a checkpoint brings its own
		if err := store.SetRNGStateFromSeed(cfg.Seed); err != nil {
			return nil, fmt.Errorf("cannot seed the random numbers: %w", err)
		}
	}
	decays := task.Decay
	if decays == nil {
		decays = DecayMatrices
	}
	t := &trainer{cfg: cfg}
	graphFn := func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		hyper, inputs := inputs[0], inputs[1:]
		g := hyper.Graph()
		scope.Store().SetTraining(g, true)
		loss, scalars := task.Loss(scope, inputs)
		outputs := []*graph.Node{loss}
		t.names = nil
		for _, s := range scalars {
			t.names = append(t.names, s.Name)
			outputs = append(outputs, s.Value)
		}
		norm := cfg.Optimizer.update(scope.Store(), loss, hyper, decays)
		t.names = append(t.names, "grad_norm")
		if task.After != nil {
			task.After(scope, g)
		}
		return append(outputs, norm)
	}
	exec, err := model.NewExec(b.Backend, store, graphFn)
	if err != nil {
		return nil, fmt.Errorf("cannot build the training step: %w", err)
	}
	t.exec = exec
	return t, nil
}

// step runs one optimiser step and frees the batch.
func (t *trainer) step(batch []*tensors.Tensor, step int) (float64, map[string]float64, error) {
	hyper := t.cfg.Optimizer.hyper(step, t.cfg.Steps)
	args := []any{hyper}
	for _, tensor := range batch {
		args = append(args, tensor)
	}
	outputs, err := t.exec.Call(args...)
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
	scalars := map[string]float64{"lr": t.cfg.Optimizer.LR * t.cfg.Optimizer.schedule(step, t.cfg.Steps)}
	for i, name := range t.names {
		scalars[name] = values[i+1]
	}
	return values[0], scalars, nil
}
