package experiments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Experiment is something that can be run by name: `glimpse train NAME`.
type Experiment struct {
	Name    string
	Summary string // one line: what is trained on what, and what comes out

	// defaults returns the configuration of a form on a backend as JSON, after what a file and the overrides say.
	defaults func(form Form, kind backend.Kind, file *Settings, overrides []Override) (json.RawMessage, error)
	run      func(ctx context.Context, env *Env, config json.RawMessage) (Result, error)
}

// Env is what an experiment is given to run in.
type Env struct {
	Backend  *backend.Backend
	Run      *Run
	Seed     int64
	DataDir  string    // replaces the folder of the experiment's main data set; empty for the one that is found
	Messages io.Writer // progress and remarks; nil for none
	Saving   Saving    // how often checkpoints are written

	phase    int   // trainings that were begun so far
	resumed  bool  // whether trainings go on from checkpoints
	measured int64 // bytes of metrics.jsonl that belong to trainings that are over
	began    time.Time
	spent    float64 // seconds of the processes before this one, as far as what they did was kept

	used       float64 // processor seconds of those processes
	peak       int64   // the largest memory of one of them, in bytes
	usedBefore float64 // processor seconds of this process before the run

	rehearsal *Rehearsal // what a dry run finds out; nil for a real one
}

// Result is what came out.
type Result struct {
	Metrics map[string]float64 `json:"metrics"` // shares as 0..1, losses in nats, with NAME_low, NAME_high, NAME_n
	Seconds float64            `json:"seconds"`
	Used
	Remarks []string `json:"remarks,omitempty"` // sentences a reader should know: data missing, pictures left out
}

// New makes an experiment with a configuration of type C. defaults may give a slow backend less to do. Where C has a method
// Check() error, settings that it refuses are refused before anything is done.
func New[C any](name, summary string, defaults func(Form, backend.Kind) C, run func(ctx context.Context, env *Env, config C) (Result, error)) Experiment {
	return Experiment{
		Name: name, Summary: summary,
		defaults: func(form Form, kind backend.Kind, file *Settings, overrides []Override) (json.RawMessage, error) {
			config, err := apply(defaults(form, kind), file, overrides)
			if err != nil {
				return nil, err
			}
			if c, ok := any(config).(interface{ Check() error }); ok {
				if err := c.Check(); err != nil {
					return nil, err
				}
			}
			return json.Marshal(config)
		},
		run: func(ctx context.Context, env *Env, raw json.RawMessage) (Result, error) {
			var config C
			if err := json.Unmarshal(raw, &config); err != nil {
				return Result{}, fmt.Errorf("the configuration does not fit the experiment %s: %w", name, err)
			}
			return run(ctx, env, config)
		},
	}
}

// Options say how an experiment is run.
type Options struct {
	Form      Form
	Seed      int64
	File      *Settings // settings of a YAML file, before the overrides; nil for none
	Overrides []Override
	DataDir   string
	Out       string // run folder; empty for a fresh one under runs/
	Messages  io.Writer
	Saving    Saving
}

// Config is the experiment's configuration as it would be run.
func (e Experiment) Config(kind backend.Kind, opts Options) (json.RawMessage, error) {
	return e.defaults(opts.Form, kind, opts.File, opts.Overrides)
}

// Start runs the experiment in a new run folder and records what came out. One that fails before its first recorded step
// leaves no folder, and no run is returned.
func (e Experiment) Start(ctx context.Context, b *backend.Backend, opts Options) (*Run, Result, error) {
	config, err := e.Config(b.Kind, opts)
	if err != nil {
		return nil, Result{}, err
	}
	run, err := NewRun(opts.Out, e.Name, opts.Form, config, opts.Seed, b)
	if err != nil {
		return nil, Result{}, err
	}
	env := &Env{Backend: b, Run: run, Seed: opts.Seed, DataDir: opts.DataDir, Messages: opts.Messages, Saving: opts.Saving}
	defer run.close()
	if run.Manifest.DataDir = opts.DataDir; opts.DataDir != "" {
		if err := run.WriteJSON(manifestFile, run.Manifest); err != nil {
			return nil, Result{}, err
		}
	}
	result, err := e.carryOut(ctx, env)
	if err != nil && run.discard() {
		if run = nil; errors.Is(err, ErrStopped) { // nothing is left to resume
			err = ctx.Err()
		}
	}
	return run, result, err
}

// carryOut runs the experiment in its folder.
func (e Experiment) carryOut(ctx context.Context, env *Env) (Result, error) {
	env.began = time.Now()
	env.usedBefore, _ = Usage()
	result, err := e.run(ctx, env, env.Run.Manifest.Config)
	result.Seconds = env.seconds()
	result.Processor, result.Peak = env.Usage()
	if endedBy(ctx, err) {
		err = &stopped{err}
	}
	if err != nil {
		env.Run.note("ended after %.0f s: %v", result.Seconds, err)
		return result, err
	}
	env.Run.note("complete after %.0f s", result.Seconds)
	return result, env.Run.Finish(result)
}

// seconds is how long the run has taken so far.
func (env *Env) seconds() float64 { return env.spent + time.Since(env.began).Seconds() }

// Open opens a split of the data set called name, from env's folder when main says that it is the one meant.
func (env *Env) Open(name, split string, main bool) (datasets.Dataset, error) {
	dir := env.DataDir
	if dir == "" || !main {
		found, err := datasets.Find(name)
		if err != nil {
			return nil, err
		}
		dir = found
	}
	set, err := datasets.Open(dir, split)
	switch {
	case err != nil:
	case env.Rehearsing():
		env.rehearsal.Data = append(env.rehearsal.Data, Opened{name, split, dir, set.Len()})
	case env.Run != nil:
		err = env.Run.reads(set)
	}
	return set, err
}

// Say writes a remark into the run's log, and for the person who waits, if there is one.
func (env *Env) Say(format string, args ...any) {
	env.Run.note(format, args...)
	if env.Messages != nil {
		fmt.Fprintf(env.Messages, format+"\n", args...)
	}
}
