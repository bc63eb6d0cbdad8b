package experiments

import (
	"context"
	"encoding/json"
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
}

// Result is what came out.
type Result struct {
	Metrics map[string]float64 `json:"metrics"` // shares as 0..1, losses in nats, with NAME_low, NAME_high, NAME_n
	Seconds float64            `json:"seconds"`
	Remarks []string           `json:"remarks,omitempty"` // sentences a reader should know: data missing, pictures left out
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
	start := time.Now()
	env := &Env{Backend: b, Run: run, Seed: opts.Seed, DataDir: opts.DataDir, Messages: opts.Messages}
	result, err := e.run(ctx, env, config)
	if err != nil {
		if run.discard() {
			run = nil
		}
		return run, result, err
	}
	result.Seconds = time.Since(start).Seconds()
	return run, result, run.Finish(result)
}

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
	return datasets.Open(dir, split)
}

// Say writes a remark for the person who waits, if there is one.
func (env *Env) Say(format string, args ...any) {
	if env.Messages != nil {
		fmt.Fprintf(env.Messages, format+"\n", args...)
	}
}
