package describing

import (
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `CLIP does not write. What does it take to let a language model speak of what an image tower sees? ClipCap makes a prefix of a few vectors from the picture,
by a network of one hidden layer or by a transformer; LLaVA makes a vector of every place by a matrix; Flamingo lets the model's blocks look at resampled
vectors through gates that are closed at first. Does any of them describe photographs better than an LSTM with attention?

A small GPT-2 with each of these bridges, and Show, Attend and Tell, learn from Flickr8k's training photographs with the same frozen encoder, vocabulary, batches and number
of steps; captions are written by the same beam search and scored on the 700 test photographs. The language model starts from nothing: what a published one
brings along from other texts is not in this comparison. Nor are their image towers: ClipCap maps CLIP's one vector, and here it maps the mean of the places, or reads the
places, of SqueezeNet. BLIP, whose text transformer has three heads, has [an experiment of its own](built-blip.md).`

type ran = lesson.Run[Config, Report]

// score is a decoder's score over seeds, or of the one seed over its pictures.
func score(runs []ran, i int, name string) stats.Mean {
	if len(runs) == 1 {
		return runs[0].Report.Decoders[i].Intervals[name]
	}
	return lesson.OverSeeds(runs, func(r Report) float64 { return r.Decoders[i].Intervals[name].Value })
}

func tell(runs []ran) (told lesson.Told, err error) {
	r := runs[0].Report
	onDev := func(i int) float64 {
		return lesson.OverSeeds(runs, func(r Report) float64 { return r.Decoders[i].OnDev }).Value
	}
	best := 1 // chosen on dev photographs
	for i := range r.Decoders[1:] {
		if onDev(i+1) > onDev(best) {
			best = i + 1
		}
	}
	sat, lm := score(runs, 0, cider), score(runs, best, cider)
	told.Answer = fmt.Sprintf("Of the language models %s does best on dev photographs; on test photographs it has CIDEr-D %s, Show, Attend and Tell %s: %s",
		nameOf(r.Decoders[best].Bridge), lesson.Number(lm, 3), lesson.Number(sat, 3), verdict(runs, best))
	plot, err := bars(runs)
	if err != nil {
		return told, err
	}
	cfg := runs[0].Config
	how := fmt.Sprintf("%d steps each, with %d captions a step. What differs: the learning rate, %g for the language models and %g for Show, Attend and Tell, and the share that is dropped, %g and %g.\n\n",
		cfg.Captions.Train.Steps, cfg.Captions.BatchSize, cfg.LR, cfg.Captions.Train.Optimizer.LR, cfg.Language.Language.Dropout, cfg.Captions.Model.Dropout)
	told.Sections = []lesson.Section{
		{Heading: "Beside each other", Text: how + table(runs), Figures: []lesson.Figure{{Name: "cider", Title: "CIDEr-D of each decoder's captions",
			Caption: "95% intervals, over photographs for one seed and over seeds for several.", Plot: plot}}},
		{Heading: "What they say", Text: "Photographs spread evenly over the set, not chosen; seed " + fmt.Sprint(runs[0].Seed) + ".\n\n" + examples(r)},
	}
	return told, nil
}

// verdict says which of the two is better: over several seeds by their differences seed by seed, of one seed by the intervals over photographs.
func verdict(runs []ran, best int) string {
	const more, less = "the language model is better", "Show, Attend and Tell is better"
	if len(runs) > 1 {
		d := lesson.OverSeeds(runs, func(r Report) float64 {
			return r.Decoders[best].Intervals[cider].Value - r.Decoders[0].Intervals[cider].Value
		})
		return lesson.Verdict(d, lesson.Difference(d, 3), more, less)
	}
	switch sat, lm := score(runs, 0, cider), score(runs, best, cider); {
	case lm.Low > sat.High:
		return more + "."
	case sat.Low > lm.High:
		return less + "."
	}
	return "the intervals overlap, which shows no difference."
}

func table(runs []ran) string {
	var rows [][]string
	for i, d := range runs[0].Report.Decoders {
		percent := func(name string) string {
			m := score(runs, i, name)
			m.Value, m.Low, m.High = 100*m.Value, 100*m.Low, 100*m.High
			return lesson.Number(m, 1)
		}
		rows = append(rows, []string{nameOf(d.Bridge), humanize.SIWithDigits(float64(d.Weights), 2, ""),
			fmt.Sprintf("%.0f", lesson.OverSeeds(runs, func(r Report) float64 { return r.Decoders[i].Seconds }).Value),
			percent(bleu1), percent(bleu4), percent(rouge), lesson.Number(score(runs, i, cider), 3)})
	}
	return lesson.Table([]string{"decoder", "weights", "seconds of training", "BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr-D"}, rows)
}

func bars(runs []ran) (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "CIDEr-D of each decoder's captions", YLabel: "CIDEr-D (95% interval)"}
	series := plots.BarSeries{Name: "CIDEr-D"}
	for i, d := range runs[0].Report.Decoders {
		m := score(runs, i, cider)
		cfg.Categories = append(cfg.Categories, shortOf(d.Bridge))
		series.Values, series.Low, series.High = append(series.Values, m.Value), append(series.Low, max(m.Low, 0)), append(series.High, m.High)
	}
	cfg.Series = []plots.BarSeries{series}
	return plots.Bars(cfg)
}

// shortOf names a decoder below a bar.
func shortOf(bridge captioning.Bridge) string {
	if bridge == "" {
		return "attend"
	}
	return string(bridge)
}

func examples(r Report) string {
	var rows [][]string
	for k, e := range r.Decoders[0].Examples {
		for i, d := range r.Decoders {
			id := ""
			if i == 0 {
				id = e.ID
			}
			rows = append(rows, []string{id, nameOf(d.Bridge), d.Examples[k].Caption, fmt.Sprintf("%.2f", d.Examples[k].CIDEr)})
		}
	}
	return lesson.Table([]string{"photograph", "decoder", "caption", "CIDEr-D"}, rows)
}
