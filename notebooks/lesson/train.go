package lesson

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/plots"
)

// Train returns a run of an experiment: one of the same settings and seed that an earlier cell made, or a new one, in the user's
// cache folder. What the training says is left out: a run's log.txt has it.
func Train(b *backend.Backend, e experiments.Experiment, opts experiments.Options) (*experiments.Run, experiments.Result, error) {
	dir, err := runsFolder()
	if err != nil {
		return nil, experiments.Result{}, err
	}
	opts.Out, opts.Messages = freshFolder(dir, opts.Seed), io.Discard
	return e.Reuse(context.Background(), b, dir, opts)
}

// TrainLive is [Train] with a figure below the cell that changes meanwhile, see [Live].
func TrainLive(b *backend.Backend, e experiments.Experiment, opts experiments.Options,
	draw func(steps []map[string]float64) (*plots.Figure, error)) (run *experiments.Run, result experiments.Result) {
	dir := Try(runsFolder())
	opts.Out, opts.Messages = freshFolder(dir, opts.Seed), io.Discard
	run = Live(opts.Out, draw, func() (r *experiments.Run, err error) {
		r, result, err = e.Reuse(context.Background(), b, dir, opts)
		return r, err
	})
	return run, result
}

// runsFolder holds the runs that cells make.
func runsFolder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("expected a cache folder of yours for runs, found none (%w); set XDG_CACHE_HOME to a folder", err)
	}
	dir := filepath.Join(cache, "glimpse", "lesson", "runs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", cannotKeep(err)
	}
	return dir, nil
}

// freshFolder is a name that no run has yet.
func freshFolder(dir string, seed int64) string {
	return filepath.Join(dir, fmt.Sprintf("%s-seed%d", time.Now().Format("20060102-150405.000"), seed))
}

// Stopped begins a run in a fresh folder and stops it, as Ctrl-C would, once so many steps are recorded. It returns the folder, with which
// [experiments.Experiment.Resume] goes on.
func Stopped(b *backend.Backend, e experiments.Experiment, opts experiments.Options, steps int) (dir string, err error) {
	dir, err = os.MkdirTemp("", "stopped-*")
	if err != nil {
		return "", fmt.Errorf("cannot make a folder for a run: %w", err)
	}
	opts.Out, opts.Messages = filepath.Join(dir, "run"), io.Discard
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if run, err := experiments.OpenRun(opts.Out); err == nil {
				if recorded, err := run.Metrics(); err == nil && len(recorded) >= steps {
					cancel()
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	if _, _, err = e.Start(ctx, b, opts); err == nil {
		return "", fmt.Errorf("expected a run of more than %d recorded steps, found one that was complete before it could be stopped", steps)
	} else if !errors.Is(err, experiments.ErrStopped) {
		return "", err
	}
	return opts.Out, nil
}
