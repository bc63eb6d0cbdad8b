package pointing

import (
	"context"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Told is how often captions are true of scenes with so many objects.
type Told struct {
	Objects int              `json:"objects"`
	True    stats.Proportion `json:"true"`
}

// Learn trains a captioner of drawn scenes under a name of its own, as a part of another experiment. Close it.
func Learn(ctx context.Context, env *experiments.Env, name string, cfg Config) (*captioner.Model, error) {
	c, err := open(env, cfg)
	if err != nil {
		return nil, err
	}
	dev, err := cfg.Drawing.open(cfg.CNN.Size, scenes.Test, devSeed, max(cfg.Dev, 1))
	if err == nil {
		_, _, err = foretell(ctx, env, name, cfg, c, dev)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Truth trains a captioner under a name of its own, and judges its captions of cfg.HeldOut test scenes for each number of objects. It writes
// no report: it is for experiments that compare captioners.
func Truth(ctx context.Context, env *experiments.Env, name string, cfg Config, objects []int) ([]Told, error) {
	c, err := Learn(ctx, env, name, cfg)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var all []Told
	for _, n := range objects {
		drawing := cfg.Drawing
		drawing.MinObjects, drawing.MaxObjects = n, n
		test, err := drawing.open(cfg.CNN.Size, scenes.Test, testSeed+uint64(n), cfg.HeldOut)
		if err != nil {
			return nil, err
		}
		env.Say("%s: describing %d scenes of %d objects", name, test.Len(), n)
		written, err := write(ctx, c, test, captioning.BeamOptions{K: cfg.Beam})
		if err != nil {
			return nil, err
		}
		right := 0
		for _, w := range written {
			if w.mistake == scenes.NoMistake {
				right++
			}
		}
		all = append(all, Told{n, stats.NewProportion(right, len(written))})
	}
	return all, nil
}
