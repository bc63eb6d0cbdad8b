package experiments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Rehearsal is what a dry run of an experiment found out: everything was done up to the first training, of which a few steps were taken.
type Rehearsal struct {
	Experiment string     `json:"experiment"`
	Training   string     `json:"training"` // its name; an experiment may have others after it
	Data       []Opened   `json:"data"`     // that was found on disk
	Batch      []string   `json:"batch"`    // types and shapes of the tensors of a batch
	Foreseen   []Foreseen `json:"foreseen"` // what has to be prepared first, and was done in part

	Parameters     int64 `json:"parameters"`      // numbers that are trained
	ParameterBytes int64 `json:"parameter_bytes"` //
	OptimizerBytes int64 `json:"optimizer_bytes"` // Adam's moments, and what else belongs to training
	FixedBytes     int64 `json:"fixed_bytes"`     // weights that are not trained
	PeakBytes      int64 `json:"peak_bytes"`      // the most memory of the process until its last step, everything included; 0 where it is not known

	Loss           float64 `json:"loss"`            // of the first step
	CompileSeconds float64 `json:"compile_seconds"` // building, compiling and running the first step
	StepSeconds    float64 `json:"step_seconds"`    // the median of the steps after it, data included
	Timed          int     `json:"timed"`           // how many those were
	Steps          int     `json:"steps"`           // of the whole training
	Evaluations    int     `json:"evaluations"`     // on held-out examples, of which none was made
	TrainSeconds   float64 `json:"train_seconds"`   // what all steps would take

	// Counted are the settings that count the steps of trainings, such as train.steps, where there are several: only the first training was tried,
	// as those after it start from what it learns.
	Counted map[string]int `json:"counted,omitempty"`
}

// Opened is a split of a data set that was found.
type Opened struct {
	Name     string `json:"name"`
	Split    string `json:"split"`
	Dir      string `json:"dir"`
	Examples int    `json:"examples"`
}

// Foreseen is work before training that a dry run did for a few examples.
type Foreseen struct {
	What    string  `json:"what"`
	Seconds float64 `json:"seconds"` // for all of them, about
}

// errRehearsed ends an experiment that was only to be rehearsed.
var errRehearsed = errors.New("the dry run is over")

// How much of a training is tried: steps, or seconds when steps are slow.
const (
	rehearsedSteps   = 5
	rehearsedSeconds = 10
	rehearsedFew     = 64 // pictures that are prepared
)

// DryRun does what [Experiment.Start] does up to the first steps of the first training, in a folder that is removed. An error is what the
// run would have ended with.
func (e Experiment) DryRun(ctx context.Context, b *backend.Backend, opts Options) (*Rehearsal, error) {
	config, err := e.Config(b.Kind, opts)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(opts.Out, manifestFile)); opts.Out != "" && err == nil {
		return nil, fmt.Errorf("the folder %s already holds a run; choose another with --out or move it away", opts.Out)
	}
	dir, err := os.MkdirTemp("", "glimpse-dry-run-*")
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for the dry run: %w", err)
	}
	defer os.RemoveAll(dir)
	run, err := NewRun(dir, e.Name, opts.Form, config, opts.Seed, b)
	if err != nil {
		return nil, err
	}
	defer run.close()
	found := &Rehearsal{Experiment: e.Name, Data: []Opened{}, Foreseen: []Foreseen{}, Counted: countedSteps(config)}
	env := &Env{Backend: b, Run: run, Seed: opts.Seed, DataDir: opts.DataDir, Messages: opts.Messages, rehearsal: found}
	env.began = time.Now()
	_, err = e.run(ctx, env, config)
	if errors.Is(err, errRehearsed) {
		return found, nil
	}
	if err == nil {
		err = fmt.Errorf("the experiment %s ended without a training that could be tried", e.Name)
	}
	return nil, err
}

// countedSteps are the settings called steps, where there are several above 0.
func countedSteps(config json.RawMessage) map[string]int {
	counted := map[string]int{}
	for key, value := range Flat(config) {
		if n, err := strconv.Atoi(value); err == nil && n > 0 && (key == "steps" || strings.HasSuffix(key, ".steps")) {
			counted[key] = n
		}
	}
	if len(counted) < 2 {
		return nil
	}
	return counted
}

// Rehearsing says whether this is a dry run, which ends with the first steps of the first training: what is measured before it need not be.
func (env *Env) Rehearsing() bool { return env.rehearsal != nil }

// Few is how many of n pictures have to be prepared: all, but in a dry run only so many that [Env.Foresee] can say how long all would take.
func (env *Env) Few(n int) int {
	if env.Rehearsing() {
		return min(n, rehearsedFew)
	}
	return n
}

// Foresee tells a dry run how long work would take of which only a few were done.
func (env *Env) Foresee(what string, few, all int, took time.Duration) {
	if !env.Rehearsing() || few < 1 || few >= all {
		return
	}
	seconds := took.Seconds() * float64(all) / float64(few)
	for i, f := range env.rehearsal.Foreseen {
		if f.What == what { // once more, such as for mirror images
			env.rehearsal.Foreseen[i].Seconds += seconds
			return
		}
	}
	env.rehearsal.Foreseen = append(env.rehearsal.Foreseen, Foreseen{what, seconds})
}

// rehearse takes the first steps of a training.
func (env *Env) rehearse(ctx context.Context, name string, store *model.Store, task Task, source Source, cfg TrainConfig) error {
	r := env.rehearsal
	seen := &watched{Source: source}
	l, err := newLoop(env.Backend, store, task, seen, cfg, func(Step) error { return nil })
	if err != nil {
		return err
	}
	defer l.close()
	l.began = time.Now()
	if err := l.step(ctx, true); err != nil {
		return err
	}
	r.CompileSeconds, r.Loss = time.Since(l.began).Seconds(), l.result.Last.Loss
	var took []float64
	for begun := time.Now(); len(took) < min(rehearsedSteps, cfg.Steps-1) && time.Since(begun).Seconds() < rehearsedSeconds; {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := time.Now()
		if err := l.step(ctx, false); err != nil {
			return err
		}
		took = append(took, time.Since(at).Seconds())
	}
	r.Training, r.Steps, r.Batch, r.Timed = name, cfg.Steps, seen.shapes, len(took)
	if slices.Sort(took); len(took) > 0 {
		r.StepSeconds = took[len(took)/2]
	}
	r.TrainSeconds = r.CompileSeconds + r.StepSeconds*float64(cfg.Steps-1)
	for step := range cfg.Steps {
		if task.Evaluate != nil && cfg.evaluates(step+1) {
			r.Evaluations++
		}
	}
	_, r.PeakBytes = Usage()
	r.weigh(store)
	return errRehearsed
}

// weigh adds up what the store holds.
func (r *Rehearsal) weigh(store *model.Store) {
	for v := range store.IterVariables() {
		bytes := int64(v.Shape().ByteSize())
		switch {
		case strings.HasPrefix(v.Path(), optimizerScope+"/"):
			r.OptimizerBytes += bytes
		case v.Trainable:
			r.Parameters += int64(v.Shape().Size())
			r.ParameterBytes += bytes
		default:
			r.FixedBytes += bytes
		}
	}
}

// watched is a source whose first batch's shapes are noted.
type watched struct {
	Source
	shapes []string
}

func (w *watched) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	batch, err := w.Source.Next(ctx)
	if w.shapes == nil {
		for _, t := range batch {
			w.shapes = append(w.shapes, t.Shape().String())
		}
	}
	return batch, err
}
