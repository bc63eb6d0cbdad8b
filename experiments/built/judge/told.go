package judge

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// Runs are what a page tells of samples at scales of guidance.
type Runs[C, R any] struct {
	Runs []lesson.Run[C, R]
	Of   func(R) []Scaled
}

// First are the scales of the first run.
func (r Runs[C, R]) First() []Scaled { return r.Of(r.Runs[0].Report) }

// Share is that of the samples at scale i.
func (r Runs[C, R]) Share(i int, figure func(Scaled) stats.Proportion) stats.Mean {
	return lesson.ShareOver(r.Runs, func(report R) stats.Proportion { return figure(r.Of(report)[i]) })
}

// Best is the scale with the largest share.
func (r Runs[C, R]) Best(figure func(Scaled) stats.Proportion) (best int) {
	for i := range r.First() {
		if r.Share(i, figure).Value > r.Share(best, figure).Value {
			best = i
		}
	}
	return best
}

// Seen is the share of samples of seen pairs that are what was asked for.
func Seen(s Scaled) stats.Proportion { return s.Seen }

// Unseen is that of pairs never seen.
func Unseen(s Scaled) stats.Proportion { return s.Unseen }

// Dev is that of the samples by which the scale is chosen, where there are such.
func Dev(s Scaled) stats.Proportion { return *s.Dev }

func colour(s Scaled) stats.Proportion { return s.Colour }
func shape(s Scaled) stats.Proportion  { return s.Shape }

// Intervals says what those of a figure are.
const Intervals = "95% intervals, over samples for one seed and over seeds for several."

// Table is what came out at each scale, as Markdown.
func (r Runs[C, R]) Table() string {
	header := []string{"scale", "true, seen pairs", "true, pairs never seen", "colour right", "shape right"}
	shares := []func(Scaled) stats.Proportion{Seen, Unseen, colour, shape}
	if r.First()[0].Dev != nil {
		header, shares = append(header, "true, where the scale is chosen"), append(shares, Dev)
	}
	header = append(header, "how sure the classifier is")
	var rows [][]string
	for i, s := range r.First() {
		row := []string{fmt.Sprintf("%g", s.Scale)}
		for _, figure := range shares {
			row = append(row, lesson.PercentOf(r.Share(i, figure)))
		}
		rows = append(rows, append(row, lesson.Number(lesson.PartOver(r.Runs, func(report R) float64 { return r.Of(report)[i].Sure }), 2)))
	}
	return lesson.Table(header, rows)
}

// Bars are the shares of true samples by scale.
func (r Runs[C, R]) Bars() (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "True samples by the scale of guidance", XLabel: "scale of guidance", YLabel: "true to the prompt (95% interval)", Percent: true}
	for _, s := range []struct {
		name string
		of   func(Scaled) stats.Proportion
	}{{"seen pairs", Seen}, {"pairs never seen", Unseen}} {
		series := plots.BarSeries{Name: s.name}
		for i := range r.First() {
			m := r.Share(i, s.of)
			series.Values, series.Low, series.High = append(series.Values, m.Value), append(series.Low, max(m.Low, 0)), append(series.High, min(m.High, 1))
		}
		cfg.Series = append(cfg.Series, series)
	}
	for _, s := range r.First() {
		cfg.Categories = append(cfg.Categories, fmt.Sprintf("%g", s.Scale))
	}
	return plots.Bars(cfg)
}

// Samples are the first samples of the first run, a row for each scale.
func (r Runs[C, R]) Samples() (*plots.Figure, error) {
	cfg := plots.SheetConfig{Title: "The first samples at each scale"}
	for _, s := range r.First() {
		row, err := s.First.Row(fmt.Sprintf("scale %g", s.Scale), nil)
		if err != nil {
			return nil, err
		}
		cfg.Rows = append(cfg.Rows, row)
	}
	return plots.Sheet(cfg)
}

// Drawn are the figures of samples: the shares of true ones by scale, the first ones, and the way of one of them from noise ([WaySheet]).
func (r Runs[C, R]) Drawn(way, guess Strip, at []int) (bars, samples, strip *plots.Figure, err error) {
	if bars, err = r.Bars(); err == nil {
		samples, err = r.Samples()
	}
	if err == nil {
		strip, err = WaySheet(way, guess, at)
	}
	return bars, samples, strip, err
}

// SamplesText says which samples [Runs.Samples] shows.
func (r Runs[C, R]) SamplesText() string {
	return fmt.Sprintf("The first %d samples at each scale of seed %d, not chosen, from the same noise; framed where the classifier finds what the prompt says.", len(r.First()[0].First.Asked), r.Runs[0].Seed)
}

// Told says how well the judges of runs count.
func Told[C, R any](runs []lesson.Run[C, R], of func(R) map[scenes.Split]stats.Proportion) string {
	share := func(split scenes.Split) string {
		return lesson.PercentOf(lesson.ShareOver(runs, func(r R) stats.Proportion { return of(r)[split] }))
	}
	return fmt.Sprintf("The classifier that counts tells colour and shape of %s of new clean scenes of seen pairs, and of %s of pairs that the others never saw.", share(scenes.Test), share(scenes.Unseen))
}

// WaySheet shows a picture on its way from noise above, and what is guessed of the clean one below.
func WaySheet(way, guess Strip, at []int) (*plots.Figure, error) {
	var notes []string
	for _, t := range at {
		notes = append(notes, fmt.Sprint(t))
	}
	above, err := way.Row("the picture", notes)
	if err != nil {
		return nil, err
	}
	below, err := guess.Row("the guess", notes)
	if err != nil {
		return nil, err
	}
	return plots.Sheet(plots.SheetConfig{Title: "From noise to a picture", Rows: []plots.SheetRow{above, below}})
}

// PutScales puts the shares of true samples among the metrics.
func PutScales(out map[string]float64, scales []Scaled) {
	for _, s := range scales {
		name := fmt.Sprintf("scale_%g_", s.Scale)
		lesson.PutMean(out, name+"seen", stats.Mean(s.Seen))
		lesson.PutMean(out, name+"unseen", stats.Mean(s.Unseen))
		out[name+"sure"] = s.Sure
	}
}
