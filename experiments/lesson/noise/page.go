package noise

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `CLIP learned from pictures and texts as the web has them, many of which do not belong together. What does a share of wrong captions do? And can the model itself weed
them out: train on everything, score every pair by the cosine of its picture and its text, keep the best, train anew?

Flickr8k's captions are right, so that noise can be made: a share of the training photographs exchange their captions, and nothing says which. A text transformer is
trained against a locked SqueezeNet on each mixture, from the same weights and for equally many steps, and measured on test photographs with their own captions.`

type ran = lesson.Run[Config, Report]

// recall is over seeds, or of the one seed over its pictures.
func recall(runs []ran, of func(Report) []Trained, i int, figure func(Trained) stats.Proportion) stats.Mean {
	if len(runs) == 1 {
		return stats.Mean(figure(of(runs[0].Report)[i]))
	}
	return lesson.OverSeeds(runs, func(r Report) float64 { return figure(of(r)[i]).Value })
}

func noisy(r Report) []Trained    { return r.Noise }
func filtered(r Report) []Trained { return r.Filtered }

func at1(t Trained) stats.Proportion  { return t.At1 }
func at10(t Trained) stats.Proportion { return t.At10 }

func tell(runs []ran) (told lesson.Told, err error) {
	r, cfg := runs[0].Report, runs[0].Config
	last, best, unfiltered := len(r.Noise)-1, 0, 0
	for i := range r.Filtered {
		if recall(runs, filtered, i, at10).Value > recall(runs, filtered, best, at10).Value {
			best = i
		}
	}
	for i, t := range r.Noise {
		if t.Noise == cfg.Filter {
			unfiltered = i
		}
	}
	told.Answer = fmt.Sprintf("Recall@10 is %s with %.0f%% wrong captions and %s with %.0f%%. A model trained on %.0f%% wrong ones tells right pairs from wrong with an AUC of %s; trained anew on the best %.0f%% of them (%s still wrong) "+
		"it finds %s, after %s unfiltered.",
		lesson.PercentOf(recall(runs, noisy, 0, at10)), 100*r.Noise[0].Noise, lesson.PercentOf(recall(runs, noisy, last, at10)), 100*r.Noise[last].Noise, 100*cfg.Filter,
		lesson.Number(lesson.OverSeeds(runs, func(r Report) float64 { return r.AUC }), 3), 100*r.Filtered[best].Kept,
		lesson.Percent(lesson.OverSeeds(runs, func(r Report) float64 { return r.Filtered[best].Wrong }).Value),
		lesson.PercentOf(recall(runs, filtered, best, at10)), lesson.PercentOf(recall(runs, noisy, unfiltered, at10)))
	noise, err := noiseFigure(runs)
	if err != nil {
		return told, err
	}
	filter, err := filterFigure(runs, unfiltered)
	if err != nil {
		return told, err
	}
	const intervals = "95% intervals, over photographs for one seed and over seeds for several."
	told.Sections = []lesson.Section{
		{Heading: "What noise does", Text: table(runs, noisy), Figures: []lesson.Figure{{Name: "noise", Title: "Recall by the share of wrong captions", Caption: "Test photographs, picture to text; " + intervals, Plot: noise}}},
		{Heading: "Filtering", Text: table(runs, filtered), Figures: []lesson.Figure{{Name: "filter", Title: "Recall by the share that is kept",
			Caption: fmt.Sprintf("Of training pairs of which %.0f%% were wrong, those with the highest scores are kept; the rightmost point is without a filter. %s", 100*cfg.Filter, intervals), Plot: filter}}},
	}
	return told, nil
}

func table(runs []ran, of func(Report) []Trained) string {
	var rows [][]string
	for i, t := range of(runs[0].Report) {
		rows = append(rows, []string{lesson.Percent(t.Noise), lesson.Percent(t.Kept), lesson.Percent(lesson.OverSeeds(runs, func(r Report) float64 { return of(r)[i].Wrong }).Value),
			fmt.Sprint(t.Pictures), lesson.PercentOf(recall(runs, of, i, at1)), lesson.PercentOf(recall(runs, of, i, at10))})
	}
	return lesson.Table([]string{"wrong at first", "kept", "wrong among the kept", "photographs", "recall@1", "recall@10"}, rows)
}

func noiseFigure(runs []ran) (*plots.Figure, error) {
	var x []float64
	for _, t := range runs[0].Report.Noise {
		x = append(x, 100*t.Noise)
	}
	return curves(runs, "Recall by the share of wrong captions", "training captions that are wrong (%)", x, func(i int, figure func(Trained) stats.Proportion) stats.Mean {
		return recall(runs, noisy, i, figure)
	})
}

func filterFigure(runs []ran, unfiltered int) (*plots.Figure, error) {
	x := []float64{100}
	for _, t := range runs[0].Report.Filtered {
		x = append(x, 100*t.Kept)
	}
	return curves(runs, "Recall by the share that is kept", "pairs that are kept (%)", x, func(i int, figure func(Trained) stats.Proportion) stats.Mean {
		if i == 0 {
			return recall(runs, noisy, unfiltered, figure)
		}
		return recall(runs, filtered, i-1, figure)
	})
}

func curves(runs []ran, title, label string, x []float64, at func(i int, figure func(Trained) stats.Proportion) stats.Mean) (*plots.Figure, error) {
	cfg := plots.CurvesConfig{Title: title, XLabel: label, YLabel: "share found (95% interval)", References: []plots.ReferenceLine{{Label: "chance, recall@10", Y: runs[0].Report.Chance}}}
	for _, s := range []struct {
		name   string
		figure func(Trained) stats.Proportion
	}{{"recall@10", at10}, {"recall@1", at1}} {
		curve := plots.Series{Name: s.name, X: x}
		for i := range x {
			m := at(i, s.figure)
			curve.Y, curve.Low, curve.High = append(curve.Y, m.Value), append(curve.Low, max(m.Low, 0)), append(curve.High, min(m.High, 1))
		}
		cfg.Series = append(cfg.Series, curve)
	}
	return plots.Curves(cfg)
}
