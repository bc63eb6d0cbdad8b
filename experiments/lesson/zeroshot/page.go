package zeroshot

import (
	"fmt"
	"math"

	"github.com/dustin/go-humanize"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `CLIP classifies pictures by the names of the classes, without a labelled one. What is that worth beside labels? The lesson answers with a table that sets
zero-shot CLIP beside supervised networks on four data sets; those figures come from several places, and further down the page says from which.

Here the comparison is made with everything else equal. A small CLIP is trained from scratch on product photographs with their titles; then, on held-out products of the
common articleTypes:

- **zero-shot, by prompts**: class names in the manner of titles, a few prompts each; **by titles**: every training title that names a class votes for it, so that common classes are known to be common;
- **probe on k labels a class**: a logistic regression on CLIP's frozen features, fitted to k labelled training pictures of each class, drawn several times; and on all labels;
- **the same tower trained on labels**: CLIP's image tower with a projection onto the classes, from fresh weights, on the same pictures with the same augmentation, for as many steps, with their labels in the place of their titles.

The pictures that the probes are fitted to are those that CLIP was trained on with titles; the held-out ones neither has seen.`

type ran = lesson.Run[Config, Report]

// share is over seeds, or of the one seed over its pictures.
func share(runs []ran, figure func(Report) stats.Proportion) stats.Mean {
	if len(runs) == 1 {
		return stats.Mean(figure(runs[0].Report))
	}
	return lesson.OverSeeds(runs, func(r Report) float64 { return figure(r).Value })
}

// shots is over seeds, or of the one seed over its draws.
func shots(runs []ran, i int) stats.Mean {
	if len(runs) == 1 {
		return runs[0].Report.Shots[i].Top1
	}
	return lesson.OverSeeds(runs, func(r Report) float64 { return r.Shots[i].Top1.Value })
}

// way is one way to classify.
type way struct {
	name, labels string
	top1         stats.Mean
}

func ways(runs []ran) []way {
	r := runs[0].Report
	all := []way{
		{"zero-shot, by prompts", "none", share(runs, func(r Report) stats.Proportion { return r.ZeroShot })},
		{"zero-shot, by titles", "none", share(runs, func(r Report) stats.Proportion { return r.ByTitles })},
	}
	for i, s := range r.Shots {
		labels := fmt.Sprintf("%d a class", s.Shots)
		if s.Short > 0 {
			labels += fmt.Sprintf(" (%d classes have fewer)", s.Short)
		}
		all = append(all, way{fmt.Sprintf("probe, %d a class", s.Shots), labels, shots(runs, i)})
	}
	return append(all,
		way{"probe, all labels", fmt.Sprint(r.Labelled), share(runs, func(r Report) stats.Proportion { return r.Probe })},
		way{"tower trained on labels", fmt.Sprint(r.Labelled), share(runs, func(r Report) stats.Proportion { return r.Supervised })})
}

// worth is how many labels a class a probe needs for an accuracy, between those measured on a logarithmic scale; said in words.
func worth(runs []ran, accuracy float64) string {
	at := func(i int) (x, y float64) {
		return math.Log(float64(runs[0].Report.Shots[i].Shots)), shots(runs, i).Value
	}
	first, last := runs[0].Report.Shots[0].Shots, len(runs[0].Report.Shots)-1
	if _, y := at(0); accuracy <= y {
		return fmt.Sprintf("at most %d labelled pictures a class", first)
	}
	for i := 1; i <= last; i++ {
		x0, y0 := at(i - 1)
		if x1, y1 := at(i); accuracy <= y1 && y1 > y0 {
			return fmt.Sprintf("about %.1f labelled pictures a class", math.Exp(x0+(x1-x0)*(accuracy-y0)/(y1-y0)))
		}
	}
	return fmt.Sprintf("more than %d labelled pictures a class", runs[0].Report.Shots[last].Shots)
}

func tell(runs []ran) (told lesson.Told, err error) {
	r, all := runs[0].Report, ways(runs)
	prompts, titles, probe, tower := all[0].top1, all[1].top1, all[len(all)-2].top1, all[len(all)-1].top1
	told.Answer = fmt.Sprintf("On %d classes of %s zero-shot reaches %s by prompts and %s by titles, which a linear probe on the same features reaches with %s and %s. With all %d labels the probe reaches %s, and the same tower trained on labels alone %s.",
		r.Classes, r.Data, lesson.PercentOf(prompts), lesson.PercentOf(titles), worth(runs, prompts.Value), worth(runs, titles.Value), r.Labelled, lesson.PercentOf(probe), lesson.PercentOf(tower))
	bars, err := barsFigure(runs)
	if err != nil {
		return told, err
	}
	curve, err := shotsFigure(runs)
	if err != nil {
		return told, err
	}
	var rows [][]string
	for _, w := range all {
		rows = append(rows, []string{w.name, w.labels, lesson.PercentOf(w.top1)})
	}
	text := lesson.Table([]string{"", "labels", "accuracy"}, rows) + fmt.Sprintf("\n%d held-out pictures; guessing is right in %s, the commonest class alone in %s. CLIP's image tower has %s weights and learned from %s titles, the one trained on labels has %s.",
		r.HeldOut, lesson.Percent(r.Chance), lesson.Percent(r.Majority), humanize.Comma(int64(r.Weights.CLIP)), humanize.Comma(int64(r.Titles)), humanize.Comma(int64(r.Weights.Supervised)))
	told.Sections = []lesson.Section{
		{Heading: "Measured here", Text: text, Figures: []lesson.Figure{{Name: "ways", Title: "Zero-shot, probes and training on labels",
			Caption: "95% intervals: for one seed over pictures (the few-shot probes: over draws of the labelled pictures), for several over seeds.", Plot: bars}}},
		{Heading: "How many labels zero-shot is worth", Figures: []lesson.Figure{{Name: "shots", Title: "Accuracy by labelled pictures a class",
			Caption: "A probe on CLIP's features with more and more labels, against what needs none (dashed) or all of them.", Plot: curve}}},
		{Heading: "The lesson's table, with sources", Text: publishedTable()},
	}
	told.Errata = errata()
	return told, nil
}

func barsFigure(runs []ran) (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "Accuracy without labels, with some, and with all", YLabel: "accuracy (95% interval)", Percent: true, Chance: []float64{runs[0].Report.Majority}, ChanceLabel: "the commonest class alone"}
	var bars plots.BarSeries
	for _, w := range ways(runs) {
		cfg.Categories = append(cfg.Categories, w.name)
		bars.Values, bars.Low, bars.High = append(bars.Values, w.top1.Value), append(bars.Low, max(w.top1.Low, 0)), append(bars.High, min(w.top1.High, 1))
	}
	cfg.Series = []plots.BarSeries{bars}
	return plots.Bars(cfg)
}

func shotsFigure(runs []ran) (*plots.Figure, error) {
	curve := plots.Series{Name: "probe on CLIP's features"}
	for i, s := range runs[0].Report.Shots {
		m := shots(runs, i)
		curve.X, curve.Y = append(curve.X, float64(s.Shots)), append(curve.Y, 100*m.Value)
		curve.Low, curve.High = append(curve.Low, 100*m.Low), append(curve.High, 100*m.High)
	}
	cfg := plots.CurvesConfig{Title: "What a few labels add", XLabel: "labelled pictures a class", YLabel: "accuracy (%, 95% interval)", LogX: true, XTicks: curve.X, Series: []plots.Series{curve}}
	for _, w := range ways(runs) {
		if w.labels == "none" || w.name == "tower trained on labels" {
			cfg.References = append(cfg.References, plots.ReferenceLine{Label: w.name, Y: 100 * w.top1.Value})
		}
	}
	return plots.Curves(cfg)
}
