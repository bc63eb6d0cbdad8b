package unclip

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// draw draws all figures of the page, by their names.
func draw(runs []ran) (map[string]*plots.Figure, error) {
	r := runs[0].Report
	all := map[string]*plots.Figure{}
	var err error
	for name, make := range map[string]func() (*plots.Figure, error){
		"scale":          func() (*plots.Figure, error) { return scaleFigure(runs) },
		"samples":        func() (*plots.Figure, error) { return samplesFigure(r) },
		"variations":     func() (*plots.Figure, error) { return sheet("Variations of a picture", r.Variations, variation) },
		"interpolations": func() (*plots.Figure, error) { return sheet("Between two pictures", r.Interpolations, interpolation) },
	} {
		if all[name], err = make(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func scaleFigure(runs []ran) (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "True samples by the scale of guidance", XLabel: "scale of guidance", YLabel: "true to the prompt (95% interval)", Percent: true}
	for i, w := range runs[0].Report.Ways {
		series := plots.BarSeries{Name: names[w.Name]}
		for k := range w.Tried {
			m := lesson.ShareOver(runs, func(r Report) stats.Proportion { return r.Ways[i].Tried[k].Seen })
			series.Values, series.Low, series.High = append(series.Values, m.Value), append(series.Low, max(m.Low, 0)), append(series.High, min(m.High, 1))
		}
		cfg.Series = append(cfg.Series, series)
	}
	for _, t := range runs[0].Report.Ways[0].Tried {
		cfg.Categories = append(cfg.Categories, fmt.Sprintf("%g", t.Scale))
	}
	return plots.Bars(cfg)
}

func samplesFigure(r Report) (*plots.Figure, error) {
	cfg := plots.SheetConfig{Title: "The first samples of each way"}
	for _, w := range r.Ways {
		row, err := w.First.Row(fmt.Sprintf("%s, scale %g", names[w.Name], w.Scale), nil)
		if err != nil {
			return nil, err
		}
		cfg.Rows = append(cfg.Rows, row)
	}
	return plots.Sheet(cfg)
}

// variation says what stands above and below a picture and its variations.
func variation(s judge.Strip) (heading string, notes []string) {
	notes = append([]string{"the picture"}, make([]string, len(s.Asked)-1)...)
	return s.Asked[0], notes
}

// interpolation likewise of two pictures and what lies between them.
func interpolation(s judge.Strip) (heading string, notes []string) {
	return fmt.Sprintf("%s to %s", s.Found[0], s.Found[len(s.Found)-1]), s.Found
}

// sheet draws rows of pictures.
func sheet(title string, all []judge.Strip, say func(judge.Strip) (heading string, notes []string)) (*plots.Figure, error) {
	cfg := plots.SheetConfig{Title: title}
	for _, s := range all {
		heading, notes := say(s)
		row, err := s.Row(heading, notes)
		if err != nil {
			return nil, err
		}
		cfg.Rows = append(cfg.Rows, row)
	}
	return plots.Sheet(cfg)
}
