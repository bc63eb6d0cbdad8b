package batchsize

import (
	"fmt"
	"math"

	"github.com/dustin/go-humanize"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `In a batch of N pairs every picture has N-1 wrong texts, its negatives. CLIP's batches hold 32,768 pairs, and the lesson says that more negatives make a better
model. Do they, when every model sees equally many pairs? And what do large batches cost?

A text transformer is trained against a locked SqueezeNet on Flickr8k, from the same weights, with batches of different sizes; the number of steps makes up for it, and
the learning rate follows the square root of the size, as is usual with Adam. Batches above a limit are cut into chunks with gradient caching (Gao et al. 2021), which has the same gradients and keeps one
chunk's activations in memory at a time. Losses of batches of different sizes cannot be compared (chance is ln N): the loss on test pairs is over equally many for all.`

type ran = lesson.Run[Config, Report]

func over(runs []ran, i int, figure func(Trained) float64) stats.Mean {
	return lesson.OverSeeds(runs, func(r Report) float64 { return figure(r.Trained[i]) })
}

// recall is over seeds, or of the one seed over its pictures.
func recall(runs []ran, i int, figure func(Trained) stats.Proportion) stats.Mean {
	if len(runs) == 1 {
		return stats.Mean(figure(runs[0].Report.Trained[i]))
	}
	return over(runs, i, func(t Trained) float64 { return figure(t).Value })
}

func at1(t Trained) stats.Proportion  { return t.At1 }
func at10(t Trained) stats.Proportion { return t.At10 }

func tell(runs []ran) (told lesson.Told, err error) {
	all := runs[0].Report.Trained
	best, last := 0, len(all)-1
	for i := range all {
		if recall(runs, i, at10).Value > recall(runs, best, at10).Value {
			best = i
		}
	}
	told.Answer = fmt.Sprintf("After %s pairs, batches of %d find one of a photograph's captions among the first ten in %s, batches of %d in %s; batches of %d do best (%s). Chance is %s.",
		humanize.Comma(int64(runs[0].Config.Seen)), all[0].Size, lesson.PercentOf(recall(runs, 0, at10)), all[last].Size, lesson.PercentOf(recall(runs, last, at10)),
		all[best].Size, lesson.PercentOf(recall(runs, best, at10)), lesson.Percent(runs[0].Report.Chance))
	figure, err := recallFigure(runs)
	if err != nil {
		return told, err
	}
	told.Sections = []lesson.Section{{Heading: "Sizes beside each other", Text: table(runs), Figures: []lesson.Figure{{Name: "recall", Title: "Recall by size of the batch",
		Caption: "Test photographs, picture to text. The bands are 95% intervals, over photographs for one seed and over seeds for several.", Plot: figure}}}}
	return told, nil
}

func table(runs []ran) string {
	var rows [][]string
	for i, t := range runs[0].Report.Trained {
		rows = append(rows, []string{fmt.Sprint(t.Size), fmt.Sprint(t.Steps), fmt.Sprint(t.Chunks), lesson.PercentOf(recall(runs, i, at1)), lesson.PercentOf(recall(runs, i, at10)),
			lesson.Number(over(runs, i, func(t Trained) float64 { return t.Loss - math.Log(float64(t.Size)) }), 2), lesson.Number(over(runs, i, func(t Trained) float64 { return t.Test }), 2),
			fmt.Sprintf("%.0f", over(runs, i, func(t Trained) float64 { return t.Seconds }).Value),
			humanize.IBytes(uint64(over(runs, i, func(t Trained) float64 { return float64(t.Peak) }).Value))})
	}
	return lesson.Table([]string{"pairs in a batch", "steps", "chunks", "recall@1", "recall@10", "last loss minus ln N (nats)", "loss on test pairs (nats)", "processor seconds", "largest memory so far"}, rows) +
		fmt.Sprintf("\nThe loss on test pairs is over %d of them, for which chance is %.2f nats. Memory is the process's largest until then, the sizes in this order; "+
			"a size that does not raise it needs no more than those before it.\n", runs[0].Report.Trained[0].N, math.Log(float64(runs[0].Report.Trained[0].N)))
}

func recallFigure(runs []ran) (*plots.Figure, error) {
	ten, one := plots.Series{Name: "recall@10"}, plots.Series{Name: "recall@1"}
	for i, t := range runs[0].Report.Trained {
		for _, s := range []struct {
			series *plots.Series
			figure func(Trained) stats.Proportion
		}{{&ten, at10}, {&one, at1}} {
			m := recall(runs, i, s.figure)
			s.series.X, s.series.Y = append(s.series.X, float64(t.Size)), append(s.series.Y, m.Value)
			s.series.Low, s.series.High = append(s.series.Low, max(m.Low, 0)), append(s.series.High, min(m.High, 1))
		}
	}
	return plots.Curves(plots.CurvesConfig{Title: "Recall by size of the batch, pairs seen being equal", XLabel: "pairs in a batch", YLabel: "share found (95% interval)", LogX: true, XTicks: ten.X,
		Series:     []plots.Series{ten, one},
		References: []plots.ReferenceLine{{Label: "chance, recall@10", Y: runs[0].Report.Chance}}})
}
