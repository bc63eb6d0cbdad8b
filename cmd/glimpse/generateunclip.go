package main

import (
	"context"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/clip/unclip"
)

// loadUnCLIP loads the model of a run of built/unclip. found is false where the folder holds none.
func loadUnCLIP(dir string) (p painter, found bool, err error) {
	if !unclip.IsIn(dir) {
		return p, false, nil
	}
	m, err := unclip.Load(dir)
	if err != nil {
		return p, true, err
	}
	return painter{side: m.Config.Decoder.Side, steps: m.Schedule.Steps(), sampling: m.Config.Sampling, scale: m.Config.Scale,
		read: func(ctx context.Context, b compute.Backend, prompts []string, seed uint64) (*tensors.Tensor, error) {
			texts, err := m.EmbedTexts(b, prompts)
			if err != nil {
				return nil, err
			}
			prior, err := m.PriorSampler(b)
			if err != nil {
				return nil, err
			}
			defer prior.Close()
			embeddings, err := prior.Sample(ctx, seed, 0, texts)
			if err != nil {
				return nil, err
			}
			return tensors.FromFlatDataAndDimensions(embeddings, len(prompts), m.Config.CLIP.EmbedDim), nil
		},
		sampler: func(b compute.Backend, cfg diffusion.Sampling) (*diffusion.Sampler, error) { return m.Decoder(b, cfg) },
	}, true, nil
}
