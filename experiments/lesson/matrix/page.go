package matrix

import (
	"fmt"
	"math"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `The heart of CLIP is a matrix: every picture of a batch against every text, the pairs on the diagonal. Training makes the diagonal stand out. The lesson draws
it; here it is measured while a model learns, on pairs that it never trained on.

A text transformer is trained against a locked SqueezeNet on Flickr8k's training photographs with captions. Before training and after some of its steps, test
photographs are compared with one caption each. A model that cannot tell texts apart has the loss ln N for N pairs: that is chance, and the first hurdle.`

type ran = lesson.Run[Config, Report]

// at is a figure of moment i over all runs.
func at(runs []ran, i int, figure func(Moment) float64) stats.Mean {
	return lesson.OverSeeds(runs, func(r Report) float64 { return figure(r.Moments[i]) })
}

func name(m Moment) string {
	if m.Step == 0 {
		return "before training"
	}
	return fmt.Sprintf("after %d steps", m.Step)
}

func tell(runs []ran) (told lesson.Told, err error) {
	first := runs[0].Report.Moments
	last := len(first) - 1
	chance := math.Log(float64(first[0].N))
	told.Answer = fmt.Sprintf("Before training the %d pairs have the loss %s nats (chance is ln %d = %.2f) and a picture finds its own text in %s; after %d steps %s nats and %s. "+
		"The mean cosine of a pair is then %s, that of a picture and another's text %s.",
		first[0].N, lesson.Number(at(runs, 0, loss), 2), first[0].N, chance, lesson.PercentOf(at(runs, 0, found)), first[last].Step, lesson.Number(at(runs, last, loss), 2),
		lesson.PercentOf(at(runs, last, found)), lesson.Number(at(runs, last, own), 2), lesson.Number(at(runs, last, other), 2))
	heat, err := heatFigure(runs[0].Report)
	if err != nil {
		return told, err
	}
	spread, err := spreadFigure(runs[0].Report)
	if err != nil {
		return told, err
	}
	curve, err := lossFigure(runs)
	if err != nil {
		return told, err
	}
	told.Sections = []lesson.Section{
		{Heading: "The matrix", Text: table(runs), Figures: []lesson.Figure{{Name: "matrix", Title: "Pictures against texts",
			Caption: fmt.Sprintf("The first %d test pairs, seed %d. A row is a picture, a column a text; the outlined diagonal holds the pairs.", len(first[0].Cosines), runs[0].Seed), Plot: heat}}},
		{Heading: "Diagonal and rest", Figures: []lesson.Figure{{Name: "spread", Title: "Cosines of pairs and of others",
			Caption: fmt.Sprintf("How the cosines of %d pairs, and of all other pictures and texts, are distributed, seed %d. Training pulls the two apart; what still overlaps is confused.", first[0].N, runs[0].Seed), Plot: spread}}},
		{Heading: "The loss against ln N", Figures: []lesson.Figure{{Name: "loss", Title: "Loss against chance",
			Caption: "Training batches (curve; with several seeds their mean, and a band from the lowest to the highest), and the test pairs (dots), which are fewer or more: each is to be read against its own ln N.", Plot: curve}}},
	}
	return told, nil
}

func loss(m Moment) float64  { return m.Loss }
func found(m Moment) float64 { return m.Found.Value }
func own(m Moment) float64   { return m.Pairs.Mean }
func other(m Moment) float64 { return m.Others.Mean }

func table(runs []ran) string {
	var rows [][]string
	for i, m := range runs[0].Report.Moments {
		sd := func(s func(Moment) Spread) string {
			return fmt.Sprintf("%.2f", at(runs, i, func(m Moment) float64 { return s(m).SD }).Value)
		}
		rows = append(rows, []string{name(m), lesson.Number(at(runs, i, loss), 2), lesson.PercentOf(at(runs, i, found)),
			lesson.Number(at(runs, i, own), 2), sd(func(m Moment) Spread { return m.Pairs }), lesson.Number(at(runs, i, other), 2), sd(func(m Moment) Spread { return m.Others })})
	}
	return lesson.Table([]string{"", "loss (nats)", "pictures that find their text", "cosine of pairs", "SD", "of others", "SD"}, rows)
}

func heatFigure(r Report) (*plots.Figure, error) {
	cfg := plots.HeatmapConfig{Title: "Test pictures against their texts", XLabel: "texts", YLabel: "pictures", ValueLabel: "cosine similarity", Colors: plots.Vik(), HighlightDiagonal: true}
	for _, m := range r.Moments {
		cfg.Matrices = append(cfg.Matrices, plots.Matrix{Title: name(m), Values: m.Cosines})
	}
	return plots.Heatmap(cfg)
}

func spreadFigure(r Report) (*plots.Figure, error) {
	cfg := plots.CurvesConfig{Title: "Cosines of pairs and of others", XLabel: "cosine", YLabel: fmt.Sprintf("share, in bins of %.3f", 2.0/bins)}
	for _, i := range []int{0, len(r.Moments) - 1} {
		m := r.Moments[i]
		for _, s := range []struct {
			what   string
			spread Spread
		}{{"pairs", m.Pairs}, {"others", m.Others}} {
			curve := plots.Series{Name: s.what + " " + name(m)}
			for k, share := range s.spread.Counts {
				curve.X, curve.Y = append(curve.X, (float64(k)+0.5)*2/bins-1), append(curve.Y, share)
			}
			cfg.Series = append(cfg.Series, curve)
		}
	}
	return plots.Curves(cfg)
}

func lossFigure(runs []ran) (*plots.Figure, error) {
	r := runs[0].Report
	training := plots.Series{Name: fmt.Sprintf("training batches of %d", r.Batch)}
	for k, point := range r.Losses {
		low, high, mean := math.Inf(1), math.Inf(-1), 0.0
		for _, run := range runs {
			v := run.Report.Losses[k].Loss
			low, high, mean = min(low, v), max(high, v), mean+v/float64(len(runs))
		}
		training.X, training.Y = append(training.X, float64(point.Step)), append(training.Y, min(max(mean, low), high))
		training.Low, training.High = append(training.Low, low), append(training.High, high)
	}
	if len(runs) == 1 {
		training.Low, training.High = nil, nil
	}
	cfg := plots.CurvesConfig{Title: "The contrastive loss against chance", XLabel: "training step", YLabel: "InfoNCE loss (nats)", Series: []plots.Series{training}}
	test := plots.Series{Name: fmt.Sprintf("%d test pairs", r.Moments[0].N)}
	for i, m := range r.Moments {
		test.X, test.Y = append(test.X, float64(m.Step)), append(test.Y, at(runs, i, loss).Value)
	}
	cfg.Series = append(cfg.Series, test)
	for _, n := range []int{r.Batch, r.Moments[0].N} {
		line := plots.ReferenceLine{Label: fmt.Sprintf("chance: ln %d = %.2f", n, math.Log(float64(n))), Y: math.Log(float64(n))}
		if len(cfg.References) == 0 || cfg.References[0] != line {
			cfg.References = append(cfg.References, line)
		}
	}
	return plots.Curves(cfg)
}
