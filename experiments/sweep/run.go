package sweep

import (
	"context"
	"io"
	"os"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Runner trains e on b with the sweep's settings.
func (s *Sweep) Runner(e experiments.Experiment, b *backend.Backend, messages io.Writer) Runner {
	return func(ctx context.Context, t Trial, a Attempt) (experiments.Result, error) {
		opts := s.Spec.Options(t, a.Run)
		opts.Messages = messages
		if _, err := e.Config(b.Kind, opts); err != nil {
			return experiments.Result{}, Refuse(err)
		}
		return train(ctx, e, b, opts, a)
	}
}

// train goes on with what an earlier attempt has left, from its newest checkpoint, or begins.
func train(ctx context.Context, e experiments.Experiment, b *backend.Backend, opts experiments.Options, a Attempt) (experiments.Result, error) {
	if a.Left != "" && adopt(a, b) {
		run, result, err := e.Resume(ctx, b, a.Run, opts)
		if run != nil || err == nil {
			return result, err
		}
		if err := os.RemoveAll(a.Run); err != nil { // what was left cannot be opened
			return result, err
		}
	}
	_, result, err := e.Start(ctx, b, opts)
	return result, err
}

// adopt copies what an earlier attempt has left to a.Run, whole or not at all. It returns false where there is nothing to go on with:
// a run of another backend, whose numbers would differ, or one whose files change or vanish meanwhile.
func adopt(a Attempt, b *backend.Backend) bool {
	left, err := experiments.OpenRun(a.Left)
	if err != nil || !left.BegunOn(b) {
		return false
	}
	part := a.Run + copying
	if err := os.CopyFS(part, os.DirFS(a.Left)); err == nil {
		return os.Rename(part, a.Run) == nil
	}
	_ = os.RemoveAll(part)
	return false
}
