package shardedloss

import (
	"fmt"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `CLIP's batches are too large for one device: each of many holds a part. But the loss compares every picture with every text of the whole batch. How do
the devices share it, and do they still have its gradient? open_clip offers four ways (its options local_loss and gather_with_grad; one of them
is the true loss, computed once more on each device); a single device can also take the parts in turn.

The devices are simulated: the graph of each way says what each device would compute, which embeddings of others it treats as constants, and the mean over the devices
that data-parallel training takes at the end. First the gradients themselves, of two linear towers and the temperature for one random batch, beside the gradient of one
device that holds the whole batch. Then three trainings of a text transformer against a locked SqueezeNet on Flickr8k, from the same weights with the same batches: the true
gradient, and the two ways that do not have it.`

type ran = lesson.Run[Config, Report]

// identifier is a way as part of a metric's name.
func identifier(way string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ':
			return '_'
		case ',':
			return -1
		}
		return r
	}, way)
}

func compared(runs []ran, i int, figure func(Compared) float64) stats.Mean {
	return lesson.OverSeeds(runs, func(r Report) float64 { return figure(r.Compared[i]) })
}

// same is how far a gradient may be from another that it is equal to but for float32's rounding, relative to its length.
const same = 1e-4

func tell(runs []ran) (told lesson.Told, err error) {
	var right, longer, wrong []string
	devices := runs[0].Config.Devices[len(runs[0].Config.Devices)-1]
	for i, c := range runs[0].Report.Compared {
		if c.Devices != devices || c.Way == global {
			continue
		}
		differs, cosine := compared(runs, i, func(c Compared) float64 { return c.Differs }).Value, compared(runs, i, func(c Compared) float64 { return c.Cosine }).Value
		switch {
		case differs < same:
			right = append(right, c.Way)
		case 1-cosine < same:
			longer = append(longer, fmt.Sprintf("%s (%.3f of its length)", c.Way, compared(runs, i, func(c Compared) float64 { return c.Length }).Value))
		default:
			wrong = append(wrong, fmt.Sprintf("%s (cosine %.3f)", c.Way, cosine))
		}
	}
	told.Answer = fmt.Sprintf("On %d devices the true gradient is that of: %s. Its direction alone: %s. Another direction: %s. Trained by them, a photograph finds one of its captions among the first ten in %s.",
		devices, listed(right), listed(longer), listed(wrong), trainedWords(runs))
	figure, err := cosineFigure(runs)
	if err != nil {
		return told, err
	}
	recall, err := recallFigure(runs)
	if err != nil {
		return told, err
	}
	var about string
	for _, w := range ways() {
		about += fmt.Sprintf("- **%s**: %s.\n", w.name, w.about)
	}
	told.Sections = []lesson.Section{
		{Heading: "The ways", Text: about},
		{Heading: "Their gradients", Text: gradientTable(runs) + "\nThe towers' weights, and in the last column the temperature, which every device has whole. A gradient of another length alone does not matter to AdamW, whose step does not depend on it; " +
			"to plain SGD it is another learning rate, and clipping by the norm of all gradients together weighs weights and temperature differently.",
			Figures: []lesson.Figure{{Name: "gradients", Title: "Direction of the gradient by number of devices",
				Caption: "Cosine with the gradient of one device that holds the whole batch: 1 is the same direction. Curves that lie on each other at 1 are the ways that have it.", Plot: figure}}},
		{Heading: "What the wrong ones cost", Text: fmt.Sprintf("%d steps of batches of %d pairs on %d simulated devices.", runs[0].Config.Pairs.Train.Steps, runs[0].Config.Pairs.BatchSize, devices),
			Figures: []lesson.Figure{{Name: "recall", Title: "Recall after training", Caption: "Test photographs; 95% intervals, over photographs for one seed and over seeds for several.", Plot: recall}}},
	}
	return told, nil
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, "; ")
}

// trained is recall after the training i: over seeds, or of the one seed over its pictures.
func trained(runs []ran, i int, figure func(Trained) stats.Proportion) stats.Mean {
	if len(runs) == 1 {
		return stats.Mean(figure(runs[0].Report.Trained[i]))
	}
	return lesson.OverSeeds(runs, func(r Report) float64 { return figure(r.Trained[i]).Value })
}

func at1(t Trained) stats.Proportion  { return t.At1 }
func at10(t Trained) stats.Proportion { return t.At10 }

func trainedWords(runs []ran) string {
	var parts []string
	for i, t := range runs[0].Report.Trained {
		parts = append(parts, fmt.Sprintf("%s (%s)", lesson.PercentOf(trained(runs, i, at10)), t.Way))
	}
	return strings.Join(parts, ", ")
}

func gradientTable(runs []ran) string {
	var rows [][]string
	for i, c := range runs[0].Report.Compared {
		rows = append(rows, []string{fmt.Sprintf("%s, %d devices", c.Way, c.Devices),
			fmt.Sprintf("%.2g", compared(runs, i, func(c Compared) float64 { return c.Differs }).Value),
			fmt.Sprintf("%.4f", compared(runs, i, func(c Compared) float64 { return c.Length }).Value),
			fmt.Sprintf("%.4f", compared(runs, i, func(c Compared) float64 { return c.Cosine }).Value),
			fmt.Sprintf("%.4f", compared(runs, i, func(c Compared) float64 { return c.Scale }).Value)})
	}
	return lesson.Table([]string{"way", "difference over the true length", "length over the true length", "cosine", "temperature's over its true one"}, rows)
}

func cosineFigure(runs []ran) (*plots.Figure, error) {
	cfg := plots.CurvesConfig{Title: "Direction of the gradient by number of devices", XLabel: "simulated devices", YLabel: "cosine with the true gradient", LogX: true}
	for _, w := range ways() {
		curve := plots.Series{Name: w.name}
		for i, c := range runs[0].Report.Compared {
			if c.Way == w.name {
				curve.X, curve.Y = append(curve.X, float64(c.Devices)), append(curve.Y, compared(runs, i, func(c Compared) float64 { return c.Cosine }).Value)
			}
		}
		cfg.Series, cfg.XTicks = append(cfg.Series, curve), curve.X
	}
	return plots.Curves(cfg)
}

func recallFigure(runs []ran) (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "Recall on test pictures, picture to text", YLabel: "share found (95% interval)", Percent: true}
	ten, one := plots.BarSeries{Name: "recall@10"}, plots.BarSeries{Name: "recall@1"}
	for i, t := range runs[0].Report.Trained {
		cfg.Categories = append(cfg.Categories, t.Way)
		for series, figure := range map[*plots.BarSeries]func(Trained) stats.Proportion{&ten: at10, &one: at1} {
			m := trained(runs, i, figure)
			series.Values, series.Low, series.High = append(series.Values, m.Value), append(series.Low, max(m.Low, 0)), append(series.High, m.High)
		}
	}
	cfg.Series = []plots.BarSeries{ten, one}
	return plots.Bars(cfg)
}
