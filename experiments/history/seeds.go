package history

import (
	"maps"
	"slices"

	"github.com/glimpse-ml/glimpse/internal/stats"
)

// OverSeeds is what came out of complete runs that differ in their seed alone, taken together.
type OverSeeds struct {
	Name    string                `json:"name"`
	Runs    []string              `json:"runs"`
	Metrics map[string]stats.Mean `json:"metrics"` // means over the runs, with Student's t interval at 95%
}

// takeTogether takes the complete runs of each group together, where there are several: the figures that all of them have.
func takeTogether(entries []Entry, groups []Group) []OverSeeds {
	out := []OverSeeds{}
	for _, g := range groups {
		s := OverSeeds{Name: g.Name, Metrics: map[string]stats.Mean{}}
		values := map[string][]float64{}
		for _, i := range g.Runs {
			if !entries[i].Complete {
				continue
			}
			s.Runs = append(s.Runs, entries[i].Run)
			for _, f := range Figures(entries[i].Metrics) {
				values[f.Name] = append(values[f.Name], f.Value)
			}
		}
		if len(s.Runs) < 2 {
			continue
		}
		for name, v := range values {
			if len(v) == len(s.Runs) {
				s.Metrics[name] = stats.Repeated(v)
			}
		}
		out = append(out, s)
	}
	return out
}

// Figures are the means in the order of names.
func (s OverSeeds) Figures() []Figure {
	var figures []Figure
	for _, name := range slices.SortedFunc(maps.Keys(s.Metrics), CompareNames) {
		m := s.Metrics[name]
		figures = append(figures, Figure{Name: name, Value: m.Value, Low: m.Low, High: m.High, N: m.N, HasInterval: true, HasN: true})
	}
	return figures
}
