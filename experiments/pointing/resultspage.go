package pointing

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// The bars of issue 4, for soft attention.
const (
	leastTrue  = 0.98
	leastRatio = 3.0
)

const about = `Captioners trained on drawn scenes, where it is known which object a word names and where it lies: Show, Attend and Tell
(Xu et al. 2015) on a small convolutional network that is trained with it from scratch, with soft attention, with hard
attention (places drawn while training, the likeliest one while writing) and with none (every place alike), all else being
equal. A scene has two objects, a caption says how they lie to each other, and at times their sizes and textures; the captions
that are trained on begin with the object on the left or above, since the paper's attention of a step is computed before
the word of the step before is read: where either object may come first, it cannot know after "a red" which one is red. Every
training scene is drawn anew and seen once. Choices were made on dev scenes; test scenes were looked at once,
at the end of each run.

**True** means that ` + "`scenes.True`" + ` says so: the caption is of the grammar of Scenes, and objects of the scene can be given to its
parts so that every colour, shape, size, texture, number and place said holds. Intervals are 95%: Wilson's for shares of captions, a
bootstrap over scenes for means over words.

**Pointing.** For every noun of a caption, the map of the step that said it is compared with the box around the pixels in sight
of the object that it names. *In the box* is sum_i alpha_i f_i, f_i being the share of cell i's area in the box; *even map*
is the same with 1/L for alpha, the box's share of the picture; *times even* is their ratio. *Hit*: the map is largest in a
cell whose middle is in the box, without tolerance (the pointing game of Zhang et al. 2016); *by chance* are the hits of an
even map. *Other objects* is the part of the map in boxes of objects that the word does not name. Where words
fit several objects, all those count that the word can mean if the whole caption is true; words of a false caption may
mean whatever they fit by themselves, and those that fit nothing are left out.

**Gradient** is the saliency map of the same word from the same model, |d log p(word) / d pixel| summed over colours and averaged over
the attention's cells (Simonyan et al. 2014): it needs no attention, and is what attention has to be better than. With hard
attention *place* is the one cell that was looked at, and *attention* the weights by which it was chosen.
`

// page is docs/results/pointing.md.
func (r Recorded) page() string {
	var b strings.Builder
	b.WriteString("# Does attention look at what is being said?\n\n<!-- written by `glimpse report pointing`, do not edit -->\n\n")
	b.WriteString("`glimpse train captions/scenes --seed N`, with `--set model.attention=hard` or `uniform` for the others.\n\n" + about)
	r.writeBars(&b)
	fmt.Fprintf(&b, "\n![Share of the map in the box of the object that a noun names](../images/%s)\n", filepath.Base(barsFile))
	writeMaps(&b, "Nouns", r.Runs, func(s Scored) []Pointed { return s.Nouns })
	writeMaps(&b, "Adjectives: size, texture and colour", r.Runs, func(s Scored) []Pointed { return s.Adjs })
	r.writeOffsets(&b)
	r.writeCaptions(&b)
	r.writeCosts(&b)
	r.writeExamples(&b)
	return b.String()
}

// writeBars writes what was asked for, and whether soft attention reaches it.
func (r Recorded) writeBars(b *strings.Builder) {
	runs := r.of(captioning.AttentionSoft)
	if len(runs) == 0 {
		b.WriteString("\nThere is no run with soft attention yet.\n")
		return
	}
	b.WriteString("\n| soft attention, test scenes |")
	for _, run := range runs {
		fmt.Fprintf(b, " seed %d |", run.Seed)
	}
	b.WriteString(" mean over seeds | bar | |\n| --- |" + strings.Repeat(" ---: |", len(runs)) + " ---: | ---: | --- |\n")
	row := func(name string, figure func(Scored) stats.Mean, show func(float64) string, least float64) {
		fmt.Fprintf(b, "| %s |", name)
		var values []float64
		for _, run := range runs {
			m := figure(*run.Report.OnHeldOut)
			values = append(values, m.Value)
			fmt.Fprintf(b, " %s (%s–%s) |", show(m.Value), show(m.Low), show(m.High))
		}
		over, verdict := stats.Repeated(values), "missed"
		if over.Value >= least {
			verdict = "reached"
		}
		spread := "one seed"
		if len(values) > 1 {
			spread = fmt.Sprintf("(%s–%s, Student's t)", show(over.Low), show(over.High))
		}
		fmt.Fprintf(b, " **%s** %s | %s | %s |\n", show(over.Value), spread, show(least), verdict)
	}
	row("captions that are true", func(s Scored) stats.Mean { return stats.Mean(s.True) }, percent, leastTrue)
	row("attention in the noun's box, times even", func(s Scored) stats.Mean { return s.Nouns[0].Ratio }, times, leastRatio)
}

// writeMaps writes how well the maps of all runs point.
func writeMaps(b *strings.Builder, title string, runs []Record, of func(Scored) []Pointed) {
	fmt.Fprintf(b, "\n## %s\n\n| attention | seed | map | words | in the box | even map | times even | other objects | hits | by chance |\n"+
		"| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n", title)
	for _, run := range runs {
		for _, p := range of(*run.Report.OnHeldOut) {
			fmt.Fprintf(b, "| %s | %d | %s | %d | %s | %s | %s | %s | %s | %s |\n", run.Report.Attention, run.Seed, p.Map, p.Words,
				within(p.Share, percent), percent(p.Uniform.Value), within(p.Ratio, times), percent(p.Elsewhere.Value), within(p.Hits, percent), percent(p.Chance.Value))
		}
	}
}

// writeOffsets writes where the attention was a step before the noun's and a step after.
func (r Recorded) writeOffsets(b *strings.Builder) {
	b.WriteString("\n## A step early, a step late\n\nThe weights of a step are computed before the word of the step before is read, so attention may run ahead of the words or behind them. Nouns, *times even* with the map of a neighbouring step:\n\n" +
		"| attention | seed | a step before | the noun's own | a step after |\n| --- | ---: | ---: | ---: | ---: |\n")
	for _, run := range r.Runs {
		s := run.Report.OnHeldOut
		fmt.Fprintf(b, "| %s | %d | %s | %s | %s |\n", run.Report.Attention, run.Seed, within(s.Early.Ratio, times), within(s.Nouns[0].Ratio, times), within(s.Late.Ratio, times))
	}
}

// writeCaptions writes how good the captions are, and what is wrong with those that are false.
func (r Recorded) writeCaptions(b *strings.Builder) {
	b.WriteString("\n## The captions\n\n| attention | seed | true | of scenes | words | objects named | different | BLEU-4 | CIDEr | ROUGE-L |")
	for _, m := range scenes.Mistakes() {
		fmt.Fprintf(b, " %s |", m)
	}
	b.WriteString("\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |" + strings.Repeat(" ---: |", len(scenes.Mistakes())) + "\n")
	for _, run := range r.Runs {
		s := run.Report.OnHeldOut
		fmt.Fprintf(b, "| %s | %d | %s | %d | %.1f | %.2f | %d | %.1f | %.2f | %.3f |", run.Report.Attention, run.Seed, within(stats.Mean(s.True), percent), s.Scenes, s.Words,
			s.Named, s.Distinct, 100*s.Scores.Bleu4, s.Scores.CIDEr, s.Scores.ROUGEL)
		for _, m := range scenes.Mistakes() {
			fmt.Fprintf(b, " %d |", s.Mistakes[string(m)])
		}
		b.WriteString("\n")
	}
	b.WriteString("\nThe last columns count false captions by the one thing without which they would be true: the place said (*left of*), a number, the *pair* of a colour and a " +
		"shape that are both there but in different objects, and so on; *several* where nothing left out by itself would do, *no parse* for what is no sentence of the grammar.\n")
}

// writeCosts writes the circumstances of each run.
func (r Recorded) writeCosts(b *strings.Builder) {
	b.WriteString("\n## What it took\n\n| attention | seed | scenes seen | steps | s a step | training, processor s | measuring, processor s | whole run s | memory | backend, machine | started | commit |\n" +
		"| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- | --- |\n")
	for _, run := range r.Runs {
		p := run.Report
		fmt.Fprintf(b, "| %s | %d | %d | %d | %.2f | %.0f | %.0f | %.0f | %.2f GB | %s, %s | %s | `%s` |\n", p.Attention, run.Seed, p.Training, p.Trained.Last.Step, p.Trained.StepSeconds,
			p.Processor, p.Measuring, run.Seconds, float64(p.Peak)/1e9, run.Backend, run.Machine, run.Started, experiments.ShortCommit(run.Commit))
	}
	b.WriteString("\nSeconds are those of a machine that was busy with other work besides; processor seconds are the run's own, all cores together. The figures on dev scenes " +
		"that training is followed by are part of its processor seconds.\n")
}

// examplesShown is the run whose examples the page shows: the first.
func (r Recorded) examplesShown() (Record, []Example) {
	return r.Runs[0], r.Runs[0].Report.OnHeldOut.Examples
}

func (r Recorded) writeExamples(b *strings.Builder) {
	run, shown := r.examplesShown()
	fmt.Fprintf(b, "\n## Where it looked\n\nThe first true and the first false captions of the test scenes (%s attention, seed %d), not chosen. Bright is where the attention was as the word was said.\n",
		run.Report.Attention, run.Seed)
	for i, e := range shown {
		verdict := "True"
		if e.Mistake != scenes.NoMistake {
			verdict = fmt.Sprintf("False (%s)", e.Mistake)
		}
		fmt.Fprintf(b, "\n%s: *%s*. One of the scene's own captions: *%s*.\n\n![Attention at each word](../images/%s)\n", verdict, e.Caption, e.Own, filepath.Base(fmt.Sprintf(exampleFile, i+1)))
	}
}

func percent(v float64) string { return fmt.Sprintf("%.1f%%", 100*v) }
func times(v float64) string   { return fmt.Sprintf("%.2f", v) }

// within is a figure with its interval.
func within(m stats.Mean, show func(float64) string) string {
	return fmt.Sprintf("%s (%s–%s)", show(m.Value), show(m.Low), show(m.High))
}

// drawAll draws the page's figures.
func (r Recorded) drawAll(root string) error {
	figure, err := r.bars()
	if err != nil {
		return fmt.Errorf("cannot draw how well the maps point: %w", err)
	}
	if err := figure.Save(filepath.Join(root, barsFile)); err != nil {
		return err
	}
	run, shown := r.examplesShown()
	for i, e := range shown {
		figure, err := strip(run.Config, e, testSeed, run.Report.OnHeldOut.Scenes, run.Report.Grid)
		if err != nil {
			return err
		}
		if err := figure.Save(filepath.Join(root, fmt.Sprintf(exampleFile, i+1))); err != nil {
			return err
		}
	}
	return nil
}

// bars are the shares in the box of all runs: what the attention looked with, and the gradient beside it where it was measured.
func (r Recorded) bars() (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "In the box of the object that a noun names, test scenes", YLabel: "share of the map (95% interval)", ChanceLabel: "an even map", Percent: true}
	for _, run := range r.Runs {
		cfg.Categories = append(cfg.Categories, fmt.Sprintf("%s, seed %d", run.Report.Attention, run.Seed))
		cfg.Chance = append(cfg.Chance, run.Report.OnHeldOut.Nouns[0].Uniform.Value)
	}
	cfg.Series = r.barSeries()
	return plots.Bars(cfg)
}

func (r Recorded) barSeries() []plots.BarSeries {
	series := []plots.BarSeries{{Name: "what it looked with"}}
	if r.Runs[0].Config.Saliency { // in all runs or in none
		series = append(series, plots.BarSeries{Name: "gradient of the word"})
	}
	for _, run := range r.Runs {
		maps := run.Report.OnHeldOut.Nouns
		for i, p := range []Pointed{maps[0], maps[len(maps)-1]}[:len(series)] {
			s := &series[i]
			s.Values, s.Low, s.High = append(s.Values, p.Share.Value), append(s.Low, p.Share.Low), append(s.High, p.Share.High)
		}
	}
	return series
}
