package learning

import (
	"fmt"
	"math"

	"github.com/glimpse-ml/glimpse/plots"
)

// PanelFile is the panel's name below a run's folder plots.
const PanelFile = "learning.svg"

// Panel draws the figures of a run over its steps, as small multiples: loss, accuracy in the batch, temperature, gradients, cosines,
// effective rank and equal texts, each with what it is to be read against. Figures that were not recorded are left out; without
// any step it is an error.
func Panel(steps []map[string]float64, s Settings) (*plots.Figure, error) {
	if len(steps) == 0 {
		return nil, fmt.Errorf("expected at least one recorded step to draw, found none")
	}
	var parts []*plots.Figure
	for _, cfg := range s.multiples(steps) {
		if len(cfg.Series) == 0 {
			continue
		}
		part, err := plots.Curves(cfg)
		if err != nil {
			return nil, fmt.Errorf("cannot draw the panel: %w", err)
		}
		parts = append(parts, part)
	}
	return plots.Grid(plots.GridConfig{Title: "Is it learning?", Figures: parts, PerRow: 2})
}

// multiples are the panel's parts.
func (s Settings) multiples(steps []map[string]float64) []plots.CurvesConfig {
	lines := func(y string, curves ...plots.Series) plots.CurvesConfig {
		cfg := plots.CurvesConfig{XLabel: "step", YLabel: y}
		for _, c := range curves {
			if len(c.X) > 0 {
				cfg.Series = append(cfg.Series, c)
			}
		}
		return cfg
	}
	chance := view{s, steps}.chance(steps)
	loss := lines("loss (nats)", column(steps, "loss", "loss"), column(steps, Floor, "least, by equal texts"))
	loss.References = []plots.ReferenceLine{{Label: "chance: " + view{s, steps}.inWords(chance), Y: chance}}
	accuracy := lines("accuracy in the batch", column(steps, ImageToText, "picture to text"), column(steps, TextToImage, "text to picture"))
	accuracy.References = []plots.ReferenceLine{{Label: fmt.Sprintf("chance: 1/%d", s.Batch), Y: 1 / float64(s.Batch)}}
	scale := lines("factor on cosines, 1/τ", column(steps, LogitScale, "learned"))
	scale.LogY = true
	scale.References = []plots.ReferenceLine{{Label: fmt.Sprintf("clamp: %g", s.MaxScale), Y: s.MaxScale}, {Label: fmt.Sprintf("clamp: %g", s.MinScale), Y: s.MinScale}}
	gradients := lines("gradient norm", above(column(steps, GradImage, "pictures")), above(column(steps, GradText, "texts")), above(column(steps, GradScale, "temperature")))
	gradients.LogY = true
	cosines := lines("cosine, distance", column(steps, Pairs, "pairs"), column(steps, NonPairs, "non-pairs"), column(steps, Gap, "modality gap"))
	rank := lines("effective rank", column(steps, RankImage, "pictures"), column(steps, RankText, "texts"))
	rank.References = []plots.ReferenceLine{{Label: "one direction", Y: 1}}
	equal := lines("equal texts (share)", column(steps, Duplicates, "of the batch"))
	return []plots.CurvesConfig{loss, accuracy, scale, gradients, cosines, rank, equal}
}

// column is a figure over the steps that have it.
func column(steps []map[string]float64, name, label string) plots.Series {
	s := plots.Series{Name: label}
	for _, step := range steps {
		if v, ok := step[name]; ok {
			s.X, s.Y = append(s.X, step["step"]), append(s.Y, v)
		}
	}
	return s
}

// above lifts what is zero to where a logarithmic axis can show it.
func above(s plots.Series) plots.Series {
	for i, y := range s.Y {
		s.Y[i] = math.Max(y, 1e-9)
	}
	return s
}
