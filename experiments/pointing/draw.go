package pointing

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/plots"
)

// draw draws a run's examples: where the attention was at every word of right and of wrong captions.
func draw(run *experiments.Run, cfg Config, r *Report) error {
	found, seed := r.OnDev, uint64(devSeed)
	if r.OnHeldOut != nil {
		found, seed = *r.OnHeldOut, testSeed
	}
	for i, e := range found.Examples {
		figure, err := strip(cfg, e, seed, found.Scenes, r.Grid)
		if err != nil {
			return err
		}
		if err := figure.Save(run.Path("plots", fmt.Sprintf("example-%d.png", i+1))); err != nil {
			return err
		}
	}
	return nil
}

// strip draws an example of the set with that seed and number of scenes: a picture for each word.
func strip(cfg Config, e Example, seed uint64, count, grid int) (*plots.Figure, error) {
	set, err := cfg.Drawing.open(cfg.CNN.Size, scenes.Test, seed, count)
	if err != nil {
		return nil, err
	}
	if mistake := set.Scene(e.Scene).Mistake(e.Caption); mistake != e.Mistake {
		return nil, fmt.Errorf("expected scene %d to make of %q what the run said of it (%q), found %q: the run drew other test scenes than this version; run it again",
			e.Scene, e.Caption, e.Mistake, mistake)
	}
	title := "True: " + e.Caption
	if e.Mistake != scenes.NoMistake {
		title = fmt.Sprintf("False (%s): %s", e.Mistake, e.Caption)
	}
	return plots.AttentionStrip(plots.AttentionConfig{Title: title, Picture: set.Scene(e.Scene).Image(), Words: scenes.WordsOf(e.Caption),
		Weights: e.Maps, Rows: grid, Cols: grid, PerRow: 7})
}
