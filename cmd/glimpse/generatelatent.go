package main

import (
	"context"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip/latent"
)

// loadLatent loads the model of a run of built/latent or built/imagen. found is false where the folder holds none.
func loadLatent(dir string) (p painter, found bool, err error) {
	if !latent.IsIn(dir) {
		return p, false, nil
	}
	m, err := latent.Load(dir)
	if err != nil {
		return p, true, err
	}
	return painter{side: m.Config.Auto.Side, steps: m.Schedule.Steps(), sampling: m.Config.Sampling, scale: m.Config.Scale,
		read: func(_ context.Context, b compute.Backend, prompts []string, _ uint64) (*tensors.Tensor, error) {
			return m.Embed(b, prompts)
		},
		sampler: m.Sampler, decoder: m.Decoder,
	}, true, nil
}
