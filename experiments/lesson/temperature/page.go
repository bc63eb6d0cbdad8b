package temperature

import (
	"fmt"
	"math"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `The contrastive loss divides every cosine by a temperature tau before the softmax. What does tau do, which one is best, and where does a
learned one end? The lesson says that it is learned, "typically converging to about 0.07".

One model is trained for each fixed tau, all from the same weights and with the same batches: a text transformer against a locked SqueezeNet, on
Flickr8k's training photographs with captions. Two more learn tau, as CLIP does: one keeps the scale 1/tau at most 100 after each step
(Radford et al. 2021, section 2.5), one is free. Their tau has a learning rate of its own, higher than the weights', so that it can arrive within
so few steps (CLIP's has hundreds of thousands of steps to move in). Measured on test photographs: recall (the photograph finds one of its own captions among all), and,
over the first photographs with a caption each, how the softmax looks: its entropy, and how the push that texts get from a photograph that is not theirs
is shared out. InfoNCE pushes text j away from photograph i in proportion to p_ij, so that a sharp softmax pushes the likeliest wrong text alone
(Wang and Liu 2021, arXiv 2012.09740).`

type ran = lesson.Run[Config, Report]

// clipStart is where CLIP's temperature starts (Radford et al. 2021, section 2.5).
const clipStart = 0.07

// of are the figures of training i over all runs.
func of(runs []ran, i int, figure func(Trained) float64) stats.Mean {
	return lesson.OverSeeds(runs, func(r Report) float64 { return figure(r.Trained[i]) })
}

// recall is over seeds, or of the one seed over its pictures.
func recall(runs []ran, i int, figure func(Trained) stats.Proportion) stats.Mean {
	if len(runs) == 1 {
		return stats.Mean(figure(runs[0].Report.Trained[i]))
	}
	return of(runs, i, func(t Trained) float64 { return figure(t).Value })
}

func at1(t Trained) stats.Proportion  { return t.At1 }
func at10(t Trained) stats.Proportion { return t.At10 }

func tauOf(t Trained) float64 { return t.Tau }

func tell(runs []ran) (told lesson.Told, err error) {
	first := runs[0].Report.Trained
	for _, r := range runs {
		if len(r.Report.Trained) != len(first) {
			return told, fmt.Errorf("expected the trainings of seed %d to be those of seed %d", r.Seed, runs[0].Seed)
		}
	}
	best, clamped, free := 0, len(first)-2, len(first)-1
	for i, t := range first {
		if t.Fixed != 0 && recall(runs, i, at10).Value > recall(runs, best, at10).Value {
			best = i
		}
	}
	learned := of(runs, clamped, tauOf)
	told.Answer = fmt.Sprintf("Of the fixed temperatures %g finds most: recall@10 %s. Learned from %g on, tau ends at %s after %d steps, and at %s without the clamp; it finds %s.",
		first[best].Fixed, lesson.PercentOf(recall(runs, best, at10)), runs[0].Config.Start, lesson.Number(learned, 4), runs[0].Config.Pairs.Train.Steps,
		lesson.Number(of(runs, free, tauOf), 4), lesson.PercentOf(recall(runs, clamped, at10)))
	told.Sections, err = sections(runs)
	if runs[0].Config.Start != clipStart || learned.Low <= clipStart && clipStart <= learned.High {
		return told, err // nothing was found that says otherwise
	}
	told.Errata = []lesson.Erratum{{
		Claim: `the temperature is learned, "typically converging to ~0.07".`,
		Found: fmt.Sprintf("0.07 is where training starts (scale 14.3). Here it moved from there to %s in %d steps; the published models end at the clamp, scale 100, tau 0.01.",
			lesson.Number(learned, 4), runs[0].Config.Pairs.Train.Steps),
		Source: "Radford et al. 2021, section 2.5 (start and clamp); OpenAI's README multiplies cosines by 100.",
	}}
	return told, err
}

func sections(runs []ran) ([]lesson.Section, error) {
	recall, err := recallFigure(runs)
	if err != nil {
		return nil, err
	}
	sharp, err := sharpFigure(runs)
	if err != nil {
		return nil, err
	}
	curve, err := curveFigure(runs)
	if err != nil {
		return nil, err
	}
	n := runs[0].Report.Trained[0].Sharp.N
	return []lesson.Section{
		{Heading: "Which temperature finds most", Text: table(runs), Figures: []lesson.Figure{{Name: "recall", Title: "Recall by temperature",
			Caption: "A photograph's own captions among all captions of the test photographs. The bands are 95% intervals, over photographs for one seed and over seeds for several.", Plot: recall}}},
		{Heading: "What it does to the softmax", Text: fmt.Sprintf("Over %d photographs with a caption each, after training. An even softmax has the entropy ln %d = %.2f nats, and would push each of the %d wrong texts equally.",
			n, n, math.Log(float64(n)), n-1), Figures: []lesson.Figure{{Name: "sharpness", Title: "Who is pushed away",
			Caption: "The share of the push that the likeliest wrong text gets, and the likeliest tenth of the wrong texts: of the model that was trained with each temperature, and of one and the same model when its temperature is changed afterwards.", Plot: sharp}}},
		{Heading: "Where a learned temperature goes", Figures: []lesson.Figure{{Name: "learned", Title: "A learned temperature during training",
			Caption: "The mean over seeds, and a band from the lowest to the highest. The lines are where CLIP's starts, 0.07, and its clamp, 0.01.", Plot: curve}}},
	}, nil
}

func table(runs []ran) string {
	var rows [][]string
	for i, t := range runs[0].Report.Trained {
		mean := func(figure func(Trained) float64) stats.Mean { return of(runs, i, figure) }
		rows = append(rows, []string{t.Name, lesson.Number(mean(tauOf), 4), lesson.PercentOf(recall(runs, i, at1)), lesson.PercentOf(recall(runs, i, at10)),
			lesson.Number(mean(func(t Trained) float64 { return t.Loss }), 2), lesson.Number(mean(func(t Trained) float64 { return t.Sharp.Entropy }), 2),
			lesson.Percent(mean(func(t Trained) float64 { return t.Sharp.Own }).Value), lesson.Percent(mean(func(t Trained) float64 { return t.Sharp.Hardest }).Value)})
	}
	return lesson.Table([]string{"training", "tau at the end", "recall@1", "recall@10", "last loss (nats)", "entropy (nats)", "own text's p", "hardest's share"}, rows) +
		fmt.Sprintf("\nGuessing has a recall@10 of about %s. Losses at different temperatures cannot be compared: the same cosines have another loss at another temperature.\n", lesson.Percent(runs[0].Report.Chance))
}

// overTaus is a curve over the fixed temperatures, with a band where there is an interval.
func overTaus(runs []ran, name string, mean func(i int) stats.Mean) plots.Series {
	s := plots.Series{Name: name}
	for i, t := range runs[0].Report.Trained {
		if t.Fixed == 0 {
			continue
		}
		m := mean(i)
		s.X, s.Y = append(s.X, t.Fixed), append(s.Y, m.Value)
		s.Low, s.High = append(s.Low, max(m.Low, 0)), append(s.High, min(m.High, 1))
	}
	return s
}

func recallFigure(runs []ran) (*plots.Figure, error) {
	cfg := plots.CurvesConfig{Title: "Recall on test photographs by temperature", XLabel: "temperature tau", YLabel: "share found (95% interval)", LogX: true,
		Series: []plots.Series{
			overTaus(runs, "recall@10, fixed tau", func(i int) stats.Mean { return recall(runs, i, at10) }),
			overTaus(runs, "recall@1, fixed tau", func(i int) stats.Mean { return recall(runs, i, at1) }),
		}}
	for i, t := range runs[0].Report.Trained {
		if t.Fixed == 0 {
			name := map[bool]string{true: "recall@10, learned, clamped", false: "recall@10, learned, free"}[t.Clamped]
			cfg.Series = append(cfg.Series, plots.Series{Name: name, X: []float64{of(runs, i, tauOf).Value}, Y: []float64{recall(runs, i, at10).Value}})
		}
	}
	cfg.XTicks = cfg.Series[0].X
	return plots.Curves(cfg)
}

func sharpFigure(runs []ran) (*plots.Figure, error) {
	cfg := plots.CurvesConfig{Title: "Who is pushed away", XLabel: "temperature tau", YLabel: "share of the push", LogX: true, Series: []plots.Series{
		overTaus(runs, "likeliest wrong text", func(i int) stats.Mean { return of(runs, i, func(t Trained) float64 { return t.Sharp.Hardest }) }),
		overTaus(runs, "likeliest tenth", func(i int) stats.Mean { return of(runs, i, func(t Trained) float64 { return t.Sharp.Tenth }) }),
		afterwards(runs, "likeliest wrong text, one model", func(s Sharpness) float64 { return s.Hardest }),
		afterwards(runs, "likeliest tenth, one model", func(s Sharpness) float64 { return s.Tenth }),
	}}
	cfg.XTicks = cfg.Series[0].X
	return plots.Curves(cfg)
}

// afterwards is a curve over the fixed temperatures of one model.
func afterwards(runs []ran, name string, figure func(Sharpness) float64) plots.Series {
	s := plots.Series{Name: name, X: runs[0].Config.Taus}
	for i := range s.X {
		s.Y = append(s.Y, lesson.OverSeeds(runs, func(r Report) float64 { return figure(r.Same[i]) }).Value)
	}
	return s
}

func curveFigure(runs []ran) (*plots.Figure, error) {
	cfg := plots.CurvesConfig{Title: "A learned temperature during training", XLabel: "training step", YLabel: "temperature tau", LogY: true,
		References: []plots.ReferenceLine{{Label: "CLIP's start: 0.07", Y: 0.07}, {Label: "CLIP's clamp: 0.01", Y: 0.01}}}
	for i, t := range runs[0].Report.Trained {
		if t.Fixed != 0 {
			continue
		}
		s := plots.Series{Name: t.Name}
		for k, point := range t.Curve {
			low, high, mean := math.Inf(1), 0.0, 0.0
			for _, r := range runs {
				tau := r.Report.Trained[i].Curve[k].Tau
				low, high, mean = min(low, tau), max(high, tau), mean+tau/float64(len(runs))
			}
			s.X, s.Y = append(s.X, float64(point.Step)), append(s.Y, min(max(mean, low), high))
			s.Low, s.High = append(s.Low, low), append(s.High, high)
		}
		cfg.Series = append(cfg.Series, s)
	}
	return plots.Curves(cfg)
}
