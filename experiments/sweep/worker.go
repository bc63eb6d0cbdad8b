package sweep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/spelling"
)

// Runner runs a trial in a.Run, and stops when ctx ends. An error that [Refuse] made is not tried again, nor is
// [experiments.ErrDiverged].
type Runner func(ctx context.Context, t Trial, a Attempt) (experiments.Result, error)

// Refuse marks the error of settings that the experiment does not take.
func Refuse(err error) error { return &refusal{err} }

type refusal struct{ error }

func (r *refusal) Unwrap() error { return r.error }

// Worker does the trials of a sweep, one after the other, beside any number of others.
type Worker struct {
	Name     string // of no other worker; "" for the machine's name, the process and a random number
	Run      Runner
	Sentence func(error) string // an error as one line; nil for the error as it is
	Messages io.Writer          // what it does, one line each; nil for none
}

// work is a worker at work.
type work struct {
	Worker
	*ledger
	watch *watch
}

// Work works until every trial has its result, ctx ends, or the folder cannot be read or written any more. A trial that fails is no
// error. It is one if the first trial that is done does not report the sweep's metric: then no trial does.
func (s *Sweep) Work(ctx context.Context, worker Worker) error {
	if worker.Name == "" {
		worker.Name = freshName()
	}
	if worker.Sentence == nil {
		worker.Sentence = error.Error
	}
	w := &work{worker, newLedger(s), newWatch(s.lease())}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		busy, err := w.next(ctx)
		if err != nil {
			return err
		}
		if busy {
			continue
		}
		if len(w.results) == s.Spec.Total() {
			w.tidy()
			return nil
		}
		w.pause(ctx)
	}
}

// tidy removes the run folders that no result names: of workers that died after another one's result, or between their own and
// clearing up. A worker that is still writing there has lost its trial. The last worker to end leaves none.
func (w *work) tidy() {
	for n, r := range w.results {
		entries, _ := os.ReadDir(w.trialDir(n))
		for _, e := range entries {
			if e.Name() != r.Run && isRunName(strings.TrimSuffix(e.Name(), copying)) {
				_ = os.RemoveAll(filepath.Join(w.trialDir(n), e.Name()))
			}
		}
	}
}

func freshName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	return fmt.Sprintf("%s-%d-%06x", host, os.Getpid(), rand.Uint32()>>8)
}

// next does the first trial that nobody does, or proposes one more. It is not busy where there is nothing to do but wait.
func (w *work) next(ctx context.Context) (busy bool, err error) {
	ended, err := w.read()
	if err != nil {
		return false, err
	}
	for _, r := range ended {
		w.watch.forget(r.Trial)
		if err := w.Spec.checkMetric(r); err != nil {
			return false, err
		}
	}
	for _, t := range w.trials {
		if _, ok := w.results[t.Number]; ok {
			continue
		}
		attempt, err := w.claim(t.Number, w.Name, w.watch)
		if err != nil {
			return false, err
		}
		if attempt != nil {
			return true, w.do(ctx, t, *attempt)
		}
	}
	if len(w.trials) == w.Spec.Total() {
		return false, nil
	}
	t, ready := w.propose(len(w.trials), w.trials, w.results)
	if !ready {
		return false, nil
	}
	if err := os.MkdirAll(w.trialDir(t.Number), 0o755); err != nil {
		return false, fmt.Errorf("cannot make a trial's folder: %w", err)
	}
	_, err = createOnce(w.trialPath(t.Number, "trial.json"), t)
	return true, err
}

// checkMetric is an error where a trial that is done does not report the sweep's metric.
func (s *Spec) checkMetric(r Result) error {
	if _, ok := r.Metrics[s.Metric]; ok || r.Status != Done {
		return nil
	}
	names := slices.Sorted(maps.Keys(r.Metrics))
	if slices.ContainsFunc(r.Remarks, func(remark string) bool { return strings.Contains(remark, "the metric "+s.Metric+" is ") }) {
		return nil // it is there, and no number
	}
	return fmt.Errorf("expected the experiment %s to measure %s, found %s; begin a new sweep with one of these as --metric, did you mean %q?",
		s.Experiment, s.Metric, strings.Join(names, ", "), spelling.Nearest(s.Metric, names))
}

// do runs a trial and publishes what came out, unless the attempt is no longer this worker's.
func (w *work) do(ctx context.Context, t Trial, a Attempt) error {
	w.say("trial %d, attempt %d: seed %d, %s", t.Number, a.Number, t.Seed, describe(t.Settings))
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	keeping := make(chan struct{})
	go func() {
		defer close(keeping)
		w.keep(running, t.Number, a.Number, func() { cancel(errLost) })
	}()
	result, err := w.run(running, t, a)
	lost := context.Cause(running) == errLost
	cancel(nil)
	<-keeping
	switch {
	case lost:
		w.say("trial %d, attempt %d: %v", t.Number, a.Number, errLost)
		_ = os.RemoveAll(a.Run)
		return nil
	case err != nil && ctx.Err() != nil:
		if err := w.end(t.Number, a.Number, released, ""); err != nil {
			return err
		}
		return ctx.Err()
	case err != nil:
		w.say("trial %d, attempt %d failed: %s", t.Number, a.Number, w.Sentence(err))
		reason := failed
		if refusal := (*refusal)(nil); errors.As(err, &refusal) || errors.Is(err, experiments.ErrDiverged) {
			reason = refused
		}
		return w.end(t.Number, a.Number, reason, w.Sentence(err))
	}
	r := Result{Trial: t.Number, Status: Done, Seconds: result.Seconds, Attempt: a.Number, Worker: w.Name, Finished: now()}
	r.Metrics, r.Remarks = finite(result)
	if exists(a.Run) {
		r.Run = runName(a.Number)
	}
	mine, err := w.publish(r)
	if err != nil {
		return err
	}
	if !mine {
		w.say("trial %d, attempt %d: another worker's result came first", t.Number, a.Number)
		return os.RemoveAll(a.Run)
	}
	w.removeRuns(t.Number, a.Number, r.Run)
	w.say("trial %d is done: %s %.6g", t.Number, w.Spec.Metric, r.Metrics[w.Spec.Metric])
	return nil
}

// run calls the runner. A panic is a failure of the trial, not the end of the worker.
func (w *work) run(ctx context.Context, t Trial, a Attempt) (r experiments.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the experiment broke off: %v", p)
		}
	}()
	return w.Run(ctx, t, a)
}

// pause waits a while for others. Workers do not wait equally long, so that they do not come back at once.
func (w *work) pause(ctx context.Context) {
	pause := min(w.lease()/8, 2*time.Second)
	pause = time.Duration(float64(pause) * (0.5 + rand.Float64()))
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

func (w *work) say(format string, args ...any) {
	if w.Messages != nil {
		fmt.Fprintf(w.Messages, "glimpse: "+format+"\n", args...)
	}
}

// describe writes settings as "key=value key=value", in the order of keys.
func describe(settings map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		parts = append(parts, key+"="+settings[key])
	}
	return strings.Join(parts, " ")
}
