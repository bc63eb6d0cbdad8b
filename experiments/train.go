package experiments

import (
	"context"
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
	// Embed and Compare are Loss in two halves, for training in chunks (TrainConfig.Chunks); Loss may then be nil. Embed maps
	// the inputs to embeddings, row i of each of which depends on row i of the inputs alone. Compare maps the embeddings of
	// the whole batch to the loss and the other scalars.
	Embed   func(scope *model.Scope, inputs []*graph.Node) (embeddings []*graph.Node)
	Compare func(scope *model.Scope, embeddings []*graph.Node) (loss *graph.Node, scalars []Metric)
	// After, if there is one, changes variables once the optimiser has: a clamp, a moving average.
	After func(scope *model.Scope, g *graph.Graph)
	// Decay says which variables weight decay acts on; nil means [DecayMatrices].
	Decay func(path string) bool
	// LR is what a variable's learning rate is multiplied by; nil means 1 for all. See [LayerDecay].
	LR func(path string) float64
	// Tower, if there is one, names the part of the model that a variable belongs to, "" for none. The norm of the gradients of
	// each part is recorded as grad_norm_NAME, before clipping.
	Tower func(path string) string
	// Watch, if there is one, is told of every step that was recorded.
	Watch func(Step)
	// Evaluate, if there is one, measures the model on held-out examples every TrainConfig.EvalEvery steps and after the
	// last. What it returns joins the step's scalars. With an average of the weights, that is what the store holds meanwhile.
	Evaluate func(ctx context.Context) (map[string]float64, error)
	// Figure is the name, among what Evaluate finds, of what early stopping (TrainConfig.Patience) watches: larger is better.
	Figure string
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
	LogEvery  int   `json:"log_every"`  // steps between lines of metrics.jsonl
	EvalEvery int   `json:"eval_every"` // steps between evaluations on held-out examples; 0 for none

	// Chunks is how many parts a batch is cut into, so that a large one fits into memory: its gradients are the same (chunks.go).
	// 0 and 1 are the same.
	Chunks int `json:"chunks"`

	// Average is the decay of a moving average of the weights (Polyak and Juditsky 1992), which [UseAverage] puts into their
	// place after training; 0 for none. The first steps count less: at step t it is at most (t-1)/(t+9).
	Average float64 `json:"average"`

	// Patience is early stopping: training ends after so many evaluations in a row without a better Task.Figure, and the
	// weights of the best one are kept, also if training was not cut short. 0 for neither.
	Patience int `json:"patience"`
}

// Records says whether a step belongs into metrics.jsonl.
func (c TrainConfig) Records(s Step) bool {
	return s.Step == 1 || s.Step == c.Steps || s.Step%c.LogEvery == 0 || s.Evaluated
}

// Step is what is known after a training step.
type Step struct {
	Step    int                // counted from 1
	Epoch   int                //
	Loss    float64            //
	Scalars map[string]float64 // the task's, and lr and grad_norm
	Seconds float64            // since training began
	Waiting float64            // share of the time so far that was spent waiting for data, 0..1

	Evaluated bool // whether Scalars holds what the task's Evaluate found
}

// Trained sums a training up.
type Trained struct {
	Last        Step
	Seconds     float64 // all steps, without compiling
	Compile     float64 // seconds of the first step, which compiles the graph
	StepSeconds float64 // seconds of a step without the first, data included: the mean
	Waiting     float64 // share of Seconds that was spent waiting for data
	Evaluating  float64 // seconds spent on evaluations, which Seconds and StepSeconds leave out
	Kept        int     // step whose weights were kept by early stopping; 0 without it
}

// Train runs cfg.Steps optimiser steps of task on the variables of store, and calls each after every one. It is the
// training function of every paper in the lab. A cancelled ctx ends it with ctx's error after the current step.
func Train(ctx context.Context, b *backend.Backend, store *model.Store, task Task, source Source, cfg TrainConfig, each func(Step) error) (Trained, error) {
	trainer, err := newTrainer(b, store, task, cfg)
	if err != nil {
		return Trained{}, err
	}
	defer trainer.close()
	keeper, err := newKeeper(task, cfg)
	if err != nil {
		return Trained{}, err
	}
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
		loss, scalars, err := runStep(trainer, batch, step, cfg)
		if err != nil {
			return result, err
		}
		if step == 1 { // the first step compiles: count from its end
			result.Compile = time.Since(start).Seconds()
			begun, waitedBefore = time.Now(), source.Waited()
		}
		addMeasures(source, scalars)
		if name, v := firstBroken(loss, scalars); name != "" {
			return result, fmt.Errorf("the %s is %v at step %d: training diverged; a lower optimizer.lr or a smaller "+
				"optimizer.clip_norm usually helps", name, v, step)
		}
		result.Seconds = time.Since(begun).Seconds() - result.Evaluating
		if step > 1 {
			result.StepSeconds = result.Seconds / float64(step-1)
			result.Waiting = (source.Waited() - waitedBefore).Seconds() / result.Seconds
		}
		result.Last = Step{Step: step, Epoch: source.Epoch(), Loss: loss, Scalars: scalars,
			Seconds: time.Since(start).Seconds(), Waiting: result.Waiting}
		if cfg.EvalEvery > 0 && task.Evaluate != nil && (step%cfg.EvalEvery == 0 || step == cfg.Steps) {
			evaluating := time.Now()
			if err := evaluate(ctx, store, task, &result.Last, keeper); err != nil {
				return result, err
			}
			result.Evaluating += time.Since(evaluating).Seconds()
		}
		if err := each(result.Last); err != nil {
			return result, err
		}
		if keeper != nil && keeper.givesUp() {
			break
		}
	}
	if keeper != nil {
		result.Kept = keeper.step
		return result, keeper.restore(store)
	}
	return result, nil
}

// evaluate measures the model, or the average of it, and adds what it finds to the step.
func evaluate(ctx context.Context, store *model.Store, task Task, s *Step, keeper *keeper) error {
	if err := swapAverage(store); err != nil {
		return err
	}
	found, err := task.Evaluate(ctx)
	if err != nil {
		return fmt.Errorf("cannot evaluate after step %d: %w", s.Step, err)
	}
	if keeper != nil {
		if err := keeper.see(store, s.Step, found); err != nil {
			return err
		}
	}
	maps.Copy(s.Scalars, found)
	s.Evaluated = true
	return swapAverage(store)
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
