package guided

import (
	"context"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Defaults are the settings of built/guided in a form.
func Defaults(form experiments.Form, kind backend.Kind) Config { return defaults(form, kind) }

// Learn trains the guide and the diffusion model as built/guided does, as a part of another experiment.
func Learn(ctx context.Context, env *experiments.Env, cfg Config) (*diffusion.Guided, error) {
	m, err := newLearner(cfg, env.Seed)
	if err != nil {
		return nil, err
	}
	if err := m.learnCLIP(ctx, env); err != nil {
		return nil, err
	}
	return m.Guided, m.learnNoise(ctx, env)
}
