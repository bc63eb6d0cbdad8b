package main

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/clip/latent"
)

// painter is a model that makes pictures of prompts, of whatever kind.
type painter struct {
	side, steps int                // of the pictures, in pixels; of the schedule of the noise
	sampling    diffusion.Sampling // unless another is asked for
	scale       float64            // likewise

	// read is what the sampler goes by for each of the prompts. Where that is made out of noise itself, it depends on seed.
	read    func(ctx context.Context, b compute.Backend, prompts []string, seed uint64) (*tensors.Tensor, error)
	sampler func(b compute.Backend, cfg diffusion.Sampling) (*diffusion.Sampler, error)
	decoder func(b compute.Backend) (*latent.Coder, error) // nil where the sampler makes pictures
}

// paint makes pictures of what the sampler makes; done gives the memory back.
func (p painter) paint(b compute.Backend) (paint func([]float32) ([]float32, error), done func(), err error) {
	if p.decoder == nil {
		return func(pictures []float32) ([]float32, error) { return pictures, nil }, func() {}, nil
	}
	decoder, err := p.decoder(b)
	if err != nil {
		return nil, nil, err
	}
	return decoder.Map, decoder.Close, nil
}

// loadPainter loads the model of a run, or of a folder.
func loadPainter(dir string) (painter, error) {
	for _, load := range []func(string) (painter, bool, error){loadUnCLIP, loadLatent} {
		if p, found, err := load(dir); found {
			return p, err
		}
	}
	m, err := diffusion.LoadGuided(dir)
	if err != nil {
		return painter{}, fmt.Errorf("%w; `glimpse train built/unclip`, built/latent and built/imagen make other kinds", err)
	}
	return painter{side: m.Config.Noise.Side, steps: m.Schedule.Steps(), sampling: m.Config.Sampling, scale: m.Config.Scale,
		read: func(_ context.Context, b compute.Backend, prompts []string, _ uint64) (*tensors.Tensor, error) {
			return m.Embed(b, prompts)
		},
		sampler: m.Sampler}, nil
}
