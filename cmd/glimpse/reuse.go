package main

import (
	"context"
	"path/filepath"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// start runs an experiment, or finds a complete run of the same settings, when that is allowed, where the new one would lie.
func (f trainFlags) start(ctx context.Context, e experiments.Experiment, b *backend.Backend, opts experiments.Options) (*experiments.Run, experiments.Result, error) {
	if !f.reuse {
		return e.Start(ctx, b, opts)
	}
	dir := "runs"
	if opts.Out != "" {
		dir = filepath.Dir(opts.Out)
	}
	return e.Reuse(ctx, b, dir, opts)
}
