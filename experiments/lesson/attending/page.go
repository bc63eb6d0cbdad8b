package attending

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `Attention gives every place of a picture a score, makes weights of the scores by a softmax, and takes the weighted mean of the places' features. Four questions:
what does the softmax do to scores; why are dot products divided by the square root of their width; what does it cost to choose one place (hard attention) in the place
of weighing all (soft attention); and does a captioner need attention at all?

The lesson works an example, scores [2.1, 0.5, 0.8, -0.3], which is computed here. Hard attention's gradient is an expectation over the choice: REINFORCE estimates it from
draws. Its deviation is computed exactly, place by place, for random scores, features and readers, so that it is no estimate itself. Soft attention's gradient has no noise but is that of
another objective; the cosine says how far the two agree. For the last question, Show, Attend and Tell is trained on drawn scenes with several objects, once with soft attention and once with uniform weights,
the bottleneck of Show and Tell; a caption names two of the objects and how they lie, and is held against the scene's truth.`

type ran = lesson.Run[Config, Report]

// printed are the weights that the lesson prints for its scores.
var printed = []float64{0.62, 0.13, 0.17, 0.08}

func tell(runs []ran) (told lesson.Told, err error) {
	r := runs[0].Report
	one := slices.IndexFunc(r.Sharp, func(s Sharp) bool { return s.Factor == 1 })
	if one >= 0 && slices.Equal(runs[0].Config.Scores, []float64{2.1, 0.5, 0.8, -0.3}) {
		told.Errata = append(told.Errata, lesson.Erratum{
			Claim:  fmt.Sprintf("softmax([2.1, 0.5, 0.8, -0.3]) = %s.", numbers(printed, 2)),
			Found:  fmt.Sprintf("%s; the printed weights are off by up to %.3f.", numbers(r.Sharp[one].Weights, 6), farthest(printed, r.Sharp[one].Weights)),
			Source: "The definition of the softmax; `attention.Softmax` and its Example.",
		})
	}
	most := len(r.Hard) - 1
	last := len(runs[0].Config.Objects) - 1
	told.Answer = fmt.Sprintf("With %d places, one draw of hard attention's gradient has a deviation of %.1f times its length with a baseline (%.1f without): %.0f draws for an error of a tenth, where the deviation is that. "+
		"Captions of scenes with %d objects are true in %s with soft attention, and in %s without attention.",
		r.Hard[most].Places, hard(runs, most, func(e Estimate) float64 { return e.Baseline }).Value, hard(runs, most, func(e Estimate) float64 { return e.Plain }).Value,
		draws10(hard(runs, most, func(e Estimate) float64 { return e.Baseline }).Value), runs[0].Config.Objects[last],
		lesson.PercentOf(right(runs, captioning.AttentionSoft, last)), lesson.PercentOf(right(runs, captioning.AttentionUniform, last)))
	sharp, err := sharpFigure(r)
	if err != nil {
		return told, err
	}
	wide, err := wideFigure(runs)
	if err != nil {
		return told, err
	}
	captions, err := captionFigure(runs)
	if err != nil {
		return told, err
	}
	told.Sections = []lesson.Section{
		{Heading: "What a softmax does to scores", Text: sharpTable(r), Figures: []lesson.Figure{{Name: "sharp", Title: "The worked example, sharpened",
			Caption: "The weights of the four scores when all are multiplied by a factor: from nearly even to nearly one place.", Plot: sharp}}},
		{Heading: "Why dot products are divided by the square root of their width", Figures: []lesson.Figure{{Name: "width", Title: "Sharpness by width",
			Caption: "The largest of 49 weights for random queries and keys. The wider they are, the larger their dot products, and the softmax ends at a single place; divided by the square root of the width it does not.", Plot: wide}}},
		{Heading: "Choosing a place", Text: hardTable(runs)},
		{Heading: "With and without attention", Figures: []lesson.Figure{{Name: "captions", Title: "True captions by the number of objects",
			Caption: "Scenes that were never trained on; 95% intervals, over scenes for one seed and over seeds for several.", Plot: captions}}},
	}
	return told, nil
}

// draws10 is how many draws' mean is off by a tenth, for a deviation of one draw over the gradient's length.
func draws10(deviation float64) float64 { return math.Ceil(100 * deviation * deviation) }

func numbers(values []float64, decimals int) string {
	var parts []string
	for _, v := range values {
		parts = append(parts, fmt.Sprintf("%.*f", decimals, v))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func farthest(a, b []float64) (most float64) {
	for i := range a {
		most = max(most, math.Abs(a[i]-b[i]))
	}
	return most
}

func sharpTable(r Report) string {
	var rows [][]string
	for _, s := range r.Sharp {
		rows = append(rows, []string{fmt.Sprintf("scores x %g", s.Factor), numbers(s.Weights, 3), fmt.Sprintf("%.3f", s.Entropy)})
	}
	return lesson.Table([]string{"", "weights", "entropy (nats)"}, rows)
}

func sharpFigure(r Report) (*plots.Figure, error) {
	cfg := plots.CurvesConfig{Title: "The worked example, sharpened", XLabel: "factor on the scores (1 over the temperature)", YLabel: "weight", LogX: true}
	for i := range r.Sharp[0].Weights {
		curve := plots.Series{Name: fmt.Sprintf("place %d", i+1)}
		for _, s := range r.Sharp {
			curve.X, curve.Y = append(curve.X, s.Factor), append(curve.Y, s.Weights[i])
		}
		cfg.Series = append(cfg.Series, curve)
	}
	return plots.Curves(cfg)
}

func wideFigure(runs []ran) (*plots.Figure, error) {
	plain, scaled := plots.Series{Name: "as they are"}, plots.Series{Name: "over the square root of the width"}
	for i, w := range runs[0].Report.Widths {
		plain.X, scaled.X = append(plain.X, float64(w.Width)), append(scaled.X, float64(w.Width))
		plain.Y = append(plain.Y, lesson.OverSeeds(runs, func(r Report) float64 { return r.Widths[i].Plain }).Value)
		scaled.Y = append(scaled.Y, lesson.OverSeeds(runs, func(r Report) float64 { return r.Widths[i].Scaled }).Value)
	}
	return plots.Curves(plots.CurvesConfig{Title: "The largest of 49 weights, for random queries and keys", XLabel: "width of queries and keys", YLabel: "largest weight (mean)", LogX: true,
		Series: []plots.Series{plain, scaled}})
}

func hard(runs []ran, i int, figure func(Estimate) float64) stats.Mean {
	return lesson.OverSeeds(runs, func(r Report) float64 { return figure(r.Hard[i]) })
}

func hardTable(runs []ran) string {
	var rows [][]string
	for i, e := range runs[0].Report.Hard {
		plain, baseline := hard(runs, i, func(e Estimate) float64 { return e.Plain }).Value, hard(runs, i, func(e Estimate) float64 { return e.Baseline }).Value
		rows = append(rows, []string{fmt.Sprint(e.Places), fmt.Sprintf("%.2f", plain), fmt.Sprintf("%.0f", draws10(plain)), fmt.Sprintf("%.2f", baseline), fmt.Sprintf("%.0f", draws10(baseline)),
			fmt.Sprintf("%.2f", hard(runs, i, func(e Estimate) float64 { return e.Soft }).Value)})
	}
	return lesson.Table([]string{"places", "deviation of one draw", "draws for 10% at that", "with the expected reward as baseline", "draws for 10% at that", "cosine of soft attention's gradient"}, rows) +
		fmt.Sprintf("\nDeviations are in lengths of the true gradient, means over %d random choices. The mean of n draws is off by 1/sqrt(n) of that.\n", draws)
}

// right is the share of true captions with an attention, for number i of objects: over seeds, or of the one seed over its scenes.
func right(runs []ran, kind captioning.Attention, i int) stats.Mean {
	figure := func(r Report) stats.Proportion {
		for _, c := range r.Captions {
			if c.Attention == kind {
				return c.Told[i].True
			}
		}
		return stats.Proportion{}
	}
	if len(runs) == 1 {
		return stats.Mean(figure(runs[0].Report))
	}
	return lesson.OverSeeds(runs, func(r Report) float64 { return figure(r).Value })
}

func captionFigure(runs []ran) (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "Captions that are true of their scene", XLabel: "objects in the scene", YLabel: "share (95% interval)", Percent: true}
	for _, n := range runs[0].Config.Objects {
		cfg.Categories = append(cfg.Categories, fmt.Sprint(n))
	}
	for _, kind := range []captioning.Attention{captioning.AttentionSoft, captioning.AttentionUniform} {
		s := plots.BarSeries{Name: map[captioning.Attention]string{captioning.AttentionSoft: "soft attention", captioning.AttentionUniform: "no attention: uniform weights"}[kind]}
		for i := range cfg.Categories {
			m := right(runs, kind, i)
			s.Values, s.Low, s.High = append(s.Values, m.Value), append(s.Low, max(m.Low, 0)), append(s.High, min(m.High, 1))
		}
		cfg.Series = append(cfg.Series, s)
	}
	return plots.Bars(cfg)
}
