package experiments

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Resume goes on with a run of the experiment that was stopped or killed, with the settings, the seed and the data that it began with; of
// opts, Messages and Saving count. On the go backend what comes out is, to the bit, what the run would have come to undisturbed. A run
// that is complete already is left as it is, and its results are returned.
func (e Experiment) Resume(ctx context.Context, b *backend.Backend, dir string, opts Options) (*Run, Result, error) {
	r, err := OpenRun(dir)
	if err != nil {
		return nil, Result{}, err
	}
	if r.Manifest.Experiment != e.Name {
		return nil, Result{}, fmt.Errorf("expected a run of the experiment %s in %s, found one of %s", e.Name, dir, r.Manifest.Experiment)
	}
	if !r.BegunOn(b) {
		was := withoutLibrary(r.Manifest.Backend)
		return nil, Result{}, fmt.Errorf("the run %s was begun on the backend %s, found %s: the numbers would not be the same; go on with GOMLX_BACKEND=%s",
			dir, was, withoutLibrary(b.Config), was)
	}
	if err := r.open(); err != nil {
		return nil, Result{}, err
	}
	defer r.close()
	if now, err := OpenRun(dir); err != nil { // another process may have worked on it until the lock was free
		return nil, Result{}, err
	} else {
		r.Manifest = now.Manifest
	}
	if done, err := r.complete(); done || err != nil {
		var result Result
		err = errors.Join(err, r.Results(&result))
		return r, result, err
	}
	on := *b
	if on.Devices = 0; r.Manifest.Devices > 1 {
		if err := on.UseDevices(r.Manifest.Devices); err != nil {
			return nil, Result{}, fmt.Errorf("cannot go on with the run %s as it was begun: %w", dir, err)
		}
	}
	r.sweep()
	env := &Env{Backend: &on, Run: r, Seed: r.Manifest.Seed, DataDir: r.Manifest.DataDir, Messages: opts.Messages, Saving: opts.Saving, resumed: true}
	if commit := Commit(); commit != r.Manifest.Commit {
		env.Say("the run was begun at commit %q and goes on at %q: what comes out may be that of neither", ShortCommit(r.Manifest.Commit), ShortCommit(commit))
	}
	r.Manifest.Attempts = append(r.Manifest.Attempts, Attempt{Started: now(), Commit: Commit(), Machine: machine()})
	if err := r.WriteJSON(manifestFile, r.Manifest); err != nil {
		return nil, Result{}, err
	}
	r.note("resumed")
	result, err := e.carryOut(ctx, env)
	return r, result, err
}

// BegunOn says whether the run was begun on a backend like b, wherever its library lies.
func (r *Run) BegunOn(b *backend.Backend) bool {
	return withoutLibrary(r.Manifest.Backend) == withoutLibrary(b.Config)
}

// sweep removes what a process that was killed had begun to write. It can stay where it cannot be removed.
func (r *Run) sweep() {
	for _, dir := range []string{"", checkpointsDir, "plots"} {
		for _, path := range r.filesIn(dir, func(name string) bool { return strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".part") }) {
			os.Remove(path)
		}
	}
}

// complete says whether the run has results. While the run is locked, the answer stays true.
func (r *Run) complete() (bool, error) {
	_, err := os.Stat(r.Path(resultsFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
