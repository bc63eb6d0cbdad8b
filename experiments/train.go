package experiments

import (
	"context"
	"encoding/json"
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
	// Watch, if there is one, is told of every step that was recorded. Its error ends the training.
	Watch func(Step) error
	// Evaluate, if there is one, measures the model on held-out examples every TrainConfig.EvalEvery steps and after the
	// last, and after those of TrainConfig.EvalAt. What it returns joins the step's scalars. With an average of the weights, that is what the store holds meanwhile.
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
	EvalAt    []int `json:"-"`          // steps after which to evaluate besides, for experiments that look at certain ones

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

// evaluates says whether Task.Evaluate is due after a step.
func (c TrainConfig) evaluates(step int) bool {
	return slices.Contains(c.EvalAt, step) || c.EvalEvery > 0 && (step%c.EvalEvery == 0 || step == c.Steps)
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

// Resumable is a source that can say where it is and go back there, in this process or in another, after which it yields exactly the
// batches that it would have yielded. A training whose source is none cannot be resumed.
type Resumable interface {
	Source
	SavePosition() (json.RawMessage, error)
	RestorePosition(position json.RawMessage) error
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
// training function of every paper in the lab. A cancelled ctx ends it with ctx's error after the current step. Nothing is saved:
// a training that is part of a run is [Env.Train].
func Train(ctx context.Context, b *backend.Backend, store *model.Store, task Task, source Source, cfg TrainConfig, each func(Step) error) (Trained, error) {
	l, err := newLoop(b, store, task, source, cfg, each)
	if err != nil {
		return Trained{}, err
	}
	defer l.close()
	if err := l.run(ctx); err != nil {
		return l.result, err
	}
	return l.result, l.end()
}
