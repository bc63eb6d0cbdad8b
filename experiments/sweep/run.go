package sweep

import (
	"context"
	"io"

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

// train runs a trial in a.Run from its beginning. It is the place to go on with what a.Left holds: copy that folder to a.Run, then
// resume there, since the worker that is taken for dead may still write to its own.
func train(ctx context.Context, e experiments.Experiment, b *backend.Backend, opts experiments.Options, _ Attempt) (experiments.Result, error) {
	_, result, err := e.Start(ctx, b, opts)
	return result, err
}
