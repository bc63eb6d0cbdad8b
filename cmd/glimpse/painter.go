package main

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
)

// painter is a model that makes pictures of prompts, of whatever kind.
type painter struct {
	side, steps int                // of the pictures, in pixels; of the schedule of the noise
	sampling    diffusion.Sampling // unless another is asked for
	scale       float64            // likewise

	// read is what the sampler goes by for each of the prompts. Where that is made out of noise itself, it depends on seed.
	read    func(ctx context.Context, b compute.Backend, prompts []string, seed uint64) (*tensors.Tensor, error)
	sampler func(b compute.Backend, cfg diffusion.Sampling) (*diffusion.Sampler, error)
}

// loadPainter loads the model of a run, or of a folder.
func loadPainter(dir string) (painter, error) {
	if p, found, err := loadUnCLIP(dir); found {
		return p, err
	}
	m, err := diffusion.LoadGuided(dir)
	if err != nil {
		return painter{}, fmt.Errorf("%w; `glimpse train built/unclip` makes another kind", err)
	}
	return painter{side: m.Config.Noise.Side, steps: m.Schedule.Steps(), sampling: m.Config.Sampling, scale: m.Config.Scale,
		read: func(_ context.Context, b compute.Backend, prompts []string, _ uint64) (*tensors.Tensor, error) {
			return m.Embed(b, prompts)
		},
		sampler: m.Sampler}, nil
}
