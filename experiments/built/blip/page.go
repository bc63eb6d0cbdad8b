package blip

import (
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `CLIP's loss makes a judge and a captioner's loss makes a writer. BLIP has both in one text transformer, and a third between them, which reads a text while it looks at the picture and
says whether the two belong together. Does a model that is taught to judge write better captions? Does reading with the picture in view find what comparing two vectors has missed?

The transformer learns on Flickr8k's training photographs from the places of a frozen SqueezeNet, once by the words' loss alone and once by all three; photographs, scores, steps and batches are those of
[built/captioning](built-captioning.md), which has other language models and Show, Attend and Tell. **Contrast** compares a photograph's vector with a text's. **Matching** reads the texts
(or looks at the photographs) that contrast has put first, and puts these in order. Of the captions in a beam it may also pick one: the paper's filter is a relative, which keeps or drops single
texts by this head.

What is left out of BLIP: the momentum encoder with its queue and soft labels, and learning from captions that the model has written and filtered itself.`

type ran = lesson.Run[Config, Report]

// over is a mean over seeds, or that of the one seed over its pictures.
func over(runs []ran, figure func(Report) stats.Mean) stats.Mean {
	if len(runs) == 1 {
		return figure(runs[0].Report)
	}
	return lesson.OverSeeds(runs, func(r Report) float64 { return figure(r).Value })
}

func alone(r Report) Scores  { return r.Alone.Scores }
func three(r Report) Scores  { return r.Three.Scores }
func picked(r Report) Scores { return r.Picked }

func tell(runs []ran) (told lesson.Told, err error) {
	of := func(scores func(Report) Scores) stats.Mean {
		return over(runs, func(r Report) stats.Mean { return scores(r)[cider] })
	}
	recall := func(found func(Report) evaluate.Retrieval) string {
		return lesson.PercentOf(lesson.ShareOver(runs, func(r Report) stats.Proportion { return found(r).ImageToText[1] }))
	}
	told.Answer = fmt.Sprintf("Captions have a CIDEr-D of %s where the words' loss alone was trained, and %s with all three: %s Where matching picks from each beam it is %s. "+
		"A caption of the photograph's own is the first that contrast finds in %s, and in %s once matching has put the first %d in order: %s",
		lesson.Number(of(alone), 3), lesson.Number(of(three), 3), verdict(runs, of, cider, three, alone), lesson.Number(of(picked), 3),
		recall(contrast), recall(matched), runs[0].Config.Rerank, reranked(runs))
	captionsPlot, err := drawCaptions(runs)
	if err != nil {
		return told, err
	}
	retrievalPlot, err := drawRetrieval(runs)
	if err != nil {
		return told, err
	}
	cfg := runs[0].Config
	how := fmt.Sprintf("%d steps with %d captions a step each, a learning rate of %g and a share of %g dropped; %d layers of width %d.\n\n",
		cfg.Captions.Train.Steps, cfg.Captions.BatchSize, cfg.LR, cfg.BLIP.Text.Dropout, cfg.BLIP.Text.Layers, cfg.BLIP.Text.Width)
	told.Sections = []lesson.Section{
		{Heading: "Captions", Text: how + captionTable(runs), Figures: []lesson.Figure{{Name: "captions", Title: "CIDEr-D of the captions",
			Caption: "95% intervals, over photographs for one seed and over seeds for several.", Plot: captionsPlot}}},
		{Heading: "Retrieval", Text: retrievalTable(runs), Figures: []lesson.Figure{{Name: "retrieval", Title: "Recall of contrast and of matching",
			Caption: "Share of queries whose right answer is among the first k.", Plot: retrievalPlot}}},
		{Heading: "What they say", Text: "Photographs spread evenly over the set, not chosen; seed " + fmt.Sprint(runs[0].Seed) + ".\n\n" + examples(runs[0].Report)},
	}
	return told, nil
}

func contrast(r Report) evaluate.Retrieval { return r.Contrast }
func matched(r Report) evaluate.Retrieval  { return r.Matched }

// verdict says whether one kind of captions is better than another: over several seeds by their differences seed by seed, of one seed by the intervals.
func verdict(runs []ran, of func(func(Report) Scores) stats.Mean, score string, a, b func(Report) Scores) string {
	if len(runs) == 1 {
		switch first, second := of(a), of(b); {
		case first.Low > second.High:
			return "the other two help."
		case second.Low > first.High:
			return "the other two harm."
		}
		return "the intervals overlap, which shows no difference."
	}
	d := lesson.OverSeeds(runs, func(r Report) float64 { return a(r)[score].Value - b(r)[score].Value })
	return lesson.Verdict(d, lesson.Difference(d, 3), "the other two help", "the other two harm")
}

// reranked says whether matching finds more than contrast.
func reranked(runs []ran) string {
	d := lesson.OverSeeds(runs, func(r Report) float64 { return r.Matched.ImageToText[1].Value - r.Contrast.ImageToText[1].Value })
	if len(runs) == 1 {
		return fmt.Sprintf("%+.1f points, of one seed.", 100*d.Value)
	}
	return lesson.Verdict(d, fmt.Sprintf("%+.1f points (%+.1f to %+.1f)", 100*d.Value, 100*d.Low, 100*d.High), "matching finds more", "matching finds less")
}

func captionTable(runs []ran) string {
	var rows [][]string
	add := func(name string, way func(Report) Way, scores func(Report) Scores) {
		percent := func(score string) string {
			m := over(runs, func(r Report) stats.Mean { return scores(r)[score] })
			m.Value, m.Low, m.High = 100*m.Value, 100*m.Low, 100*m.High
			return lesson.Number(m, 1)
		}
		rows = append(rows, []string{name, humanize.SIWithDigits(float64(way(runs[0].Report).Weights), 2, ""),
			fmt.Sprintf("%.0f", lesson.OverSeeds(runs, func(r Report) float64 { return way(r).Seconds }).Value), percent(bleu1), percent(bleu4), percent(rouge),
			lesson.Number(over(runs, func(r Report) stats.Mean { return scores(r)[cider] }), 3)})
	}
	whole := func(r Report) Way { return r.Three }
	add("words alone", func(r Report) Way { return r.Alone }, alone)
	add("three heads", whole, three)
	add("three heads, the beam's best by matching", whole, picked)
	return lesson.Table([]string{"trained", "weights", "seconds of training", "BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr-D"}, rows)
}

// directions are the two of retrieval.
func directions() [2]struct {
	name   string
	recall func(evaluate.Retrieval) map[int]stats.Proportion
} {
	return [2]struct {
		name   string
		recall func(evaluate.Retrieval) map[int]stats.Proportion
	}{
		{"picture to text", func(r evaluate.Retrieval) map[int]stats.Proportion { return r.ImageToText }},
		{"text to picture", func(r evaluate.Retrieval) map[int]stats.Proportion { return r.TextToImage }},
	}
}

// recallOf is the recall of a head at k in a direction.
func recallOf(runs []ran, found func(Report) evaluate.Retrieval, recall func(evaluate.Retrieval) map[int]stats.Proportion, k int) stats.Mean {
	return lesson.ShareOver(runs, func(r Report) stats.Proportion { return recall(found(r))[k] })
}

func retrievalTable(runs []ran) string {
	r := runs[0].Report
	header, rows := []string{"direction", "head"}, [][]string{}
	for _, k := range evaluate.RecallAt() {
		header = append(header, fmt.Sprintf("R@%d", k))
	}
	for _, d := range directions() {
		for _, head := range []struct {
			name  string
			found func(Report) evaluate.Retrieval
		}{{"contrast", contrast}, {"matching", matched}} {
			row := []string{d.name, head.name}
			for _, k := range evaluate.RecallAt() {
				row = append(row, lesson.PercentOf(recallOf(runs, head.found, d.recall, k)))
			}
			rows = append(rows, row)
		}
	}
	right := over(runs, func(r Report) stats.Mean { return stats.Mean{Value: r.Accuracy} })
	return fmt.Sprintf("Among %d photographs and %s captions, all of which the model has not seen; matching puts the first %d of contrast in order, behind which the others stay in contrast's. "+
		"At the end of its training it is right about %.1f%% of the pairs it learns from: two of three do not belong together, so that saying no to all would be right about %.1f%%.\n\n",
		r.Contrast.Images, humanize.Comma(int64(r.Contrast.Texts)), runs[0].Config.Rerank, 100*right.Value, 200./3) + lesson.Table(header, rows)
}

func drawCaptions(runs []ran) (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "CIDEr-D of the captions", YLabel: "CIDEr-D (95% interval)", Categories: []string{"words alone", "three heads", "picked by matching"}}
	series := plots.BarSeries{Name: "CIDEr-D"}
	for _, scores := range []func(Report) Scores{alone, three, picked} {
		put(&series, over(runs, func(r Report) stats.Mean { return scores(r)[cider] }))
	}
	cfg.Series = []plots.BarSeries{series}
	return plots.Bars(cfg)
}

func drawRetrieval(runs []ran) (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "Recall of contrast and of matching", YLabel: "recall (95% interval)", Percent: true}
	first, second := plots.BarSeries{Name: "contrast"}, plots.BarSeries{Name: "matching"}
	for _, d := range directions() {
		for _, k := range evaluate.RecallAt() {
			cfg.Categories = append(cfg.Categories, fmt.Sprintf("%s, R@%d", d.name, k))
			put(&first, recallOf(runs, contrast, d.recall, k))
			put(&second, recallOf(runs, matched, d.recall, k))
		}
	}
	cfg.Series = []plots.BarSeries{first, second}
	return plots.Bars(cfg)
}

// put adds a bar; one that cannot be below 0 ends there.
func put(s *plots.BarSeries, m stats.Mean) {
	s.Values, s.Low, s.High = append(s.Values, m.Value), append(s.Low, max(m.Low, 0)), append(s.High, m.High)
}

func examples(r Report) string {
	var rows [][]string
	for k, e := range r.Alone.Examples {
		rows = append(rows, []string{e.ID, "words alone", e.Caption, fmt.Sprintf("%.2f", e.CIDEr)})
		e = r.Three.Examples[k]
		rows = append(rows, []string{"", "three heads", e.Caption, fmt.Sprintf("%.2f", e.CIDEr)})
	}
	return lesson.Table([]string{"photograph", "trained", "caption", "CIDEr-D"}, rows)
}
