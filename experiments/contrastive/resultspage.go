package contrastive

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// seedsAsked is how many seeds a bar is about: with fewer there is no verdict.
const seedsAsked = 3

// bar is a score that issue 3 asks for, the mean over seeds.
type bar struct {
	what   string
	least  float64
	figure func(r Report) stats.Proportion
	chance func(r Report) float64
}

// told is what the page says about an experiment besides its figures.
type told struct {
	title string
	about string
	bars  []bar
}

func recallBar(k int, least float64) bar {
	return bar{fmt.Sprintf("recall@%d, picture to text", k), least,
		func(r Report) stats.Proportion { return r.OnHeldOut.Retrieval.ImageToText[k] },
		func(r Report) float64 { return float64(k) / float64(r.OnHeldOut.Retrieval.Images) }}
}

func classChance(r Report) float64 { return r.OnHeldOut.ZeroShot.Chance }

// stories are the experiments in the page's order.
func stories() map[string]told {
	return map[string]told{
		"clip/lit": {"LiT: a text transformer against a locked SqueezeNet", `Photographs of Flickr8k. The picture tower is SqueezeNet 1.0 with ImageNet's weights, locked: nothing of it is trained,
and what it says of a picture (the means and maxima over its 13x13 grid of each of 512 channels, and its 1,000 class
scores) is computed once for the photograph and for its mirror image. Trained from scratch: the byte-pair vocabulary, the
text transformer, what reads the locked tower (square roots, standardised by the training photographs' statistics, then a
linear map and a hidden layer where the configuration has one), and the temperature. A test photograph's embedding is the mean of those of itself and its mirror image. Any of a
photograph's five captions counts as found. Every choice was made on dev photographs, of which as many are used as there
are test photographs.`, []bar{recallBar(1, 0.20), recallBar(10, 0.60)}},
		"clip/products": {"CLIP from scratch on product titles", `Product photographs with titles. Both towers start from random weights and learn from pictures and titles alone; 600 of the
training pictures are set apart for every choice. In training, titles lose words at random, and a text whose words are all in another picture's title is no negative of that
picture. The classes are the values of articleType with at least 20 pictures in val; no class was ever a label in training.
` + "`glimpse eval zeroshot --model RUN --data fashion-products`" + ` measures the accuracy by prompts once more.

Two ways to classify with the same model and without a label: by prompts, the usual one, a few class names in the manner of
titles written for this project (clip/evaluate); and by titles, the softmax over all training titles, of which each that names a class votes for it. Two things
tell them apart: the titles are prompts such as the model knows, and a contrastive loss learns how much more likely a text is with a picture than without
it, which leaves out how common it is; prompts then favour rare classes (a T-shirt that may be a top counts as a top), and titles do not.`, []bar{
			{"zero-shot accuracy, by prompts", 0.70, func(r Report) stats.Proportion { return r.OnHeldOut.ZeroShot.Top1 }, classChance},
			{"zero-shot accuracy, by titles", 0.70, func(r Report) stats.Proportion { return r.OnHeldOut.ByTitles.Top1 }, classChance},
		}},
	}
}

// page is docs/results/clip.md.
func (r Recorded) page() string {
	var b strings.Builder
	b.WriteString("# CLIPs trained on real pairs\n\n<!-- written by `glimpse report clip`, do not edit -->\n\n" +
		"Each row is a run of its own; the held-out pictures were looked at once, at its end. Intervals are 95%: Wilson's for a\n" +
		"run (over pictures), Student's t over the seeds' runs for the mean. Seconds are those of the whole run on the machine\n" +
		"named, which was busy with other work besides; processor seconds are the run's own, all cores together. Settings: `glimpse train NAME --show` at the commit given.\n")
	for _, name := range r.experiments() {
		story := stories()[name]
		fmt.Fprintf(&b, "\n## %s\n\n`glimpse train %s --seed N`\n\n%s\n", story.title, name, story.about)
		runs := r.of(name)
		writeBars(&b, story, runs)
		writeRuns(&b, name, runs)
		fmt.Fprintf(&b, "\n![Dev figures during training, all seeds](../images/%s)\n", curvesName(name)[len("docs/images/"):])
		r.writeTried(&b, name, runs[0])
	}
	return b.String()
}

// writeBars writes what was asked for, the runs' figures and their mean.
func writeBars(b *strings.Builder, story told, runs []Record) {
	b.WriteString("\n| measured | held-out | chance |")
	for _, run := range runs {
		fmt.Fprintf(b, " seed %d |", run.Seed)
	}
	b.WriteString(" mean over seeds | bar | |\n| --- | ---: | ---: |" + strings.Repeat(" ---: |", len(runs)) + " ---: | ---: | --- |\n")
	for _, bar := range story.bars {
		fmt.Fprintf(b, "| %s | %d | %s |", bar.what, bar.figure(runs[0].Report).N, percent(bar.chance(runs[0].Report)))
		var values []float64
		for _, run := range runs {
			p := bar.figure(run.Report)
			values = append(values, p.Value)
			fmt.Fprintf(b, " %s (%s–%s) |", percent(p.Value), percent(p.Low), percent(p.High))
		}
		mean := stats.Repeated(values)
		verdict := "reached"
		switch {
		case len(values) < seedsAsked:
			verdict = fmt.Sprintf("of %d seeds: %d", seedsAsked, len(values))
		case mean.Value < bar.least:
			verdict = "missed"
		}
		spread := "one seed"
		if len(values) > 1 {
			spread = "± " + percent(mean.High-mean.Value)
		}
		fmt.Fprintf(b, " **%s** %s | %s | %s |\n", percent(mean.Value), spread, percent(bar.least), verdict)
	}
}

// writeRuns writes the other figures and the circumstances of each run.
func writeRuns(b *strings.Builder, name string, runs []Record) {
	b.WriteString("\n| seed | recall@1, @5, @10 picture to text | text to picture |")
	if name == "clip/products" {
		b.WriteString(" mean per class |")
	}
	b.WriteString(" dev | pictures trained on | steps | s a step | preparing s | whole run s | processor s | backend, machine | started | commit |\n| --- | --- | --- |")
	if name == "clip/products" {
		b.WriteString(" ---: |")
	}
	b.WriteString(" --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- | --- |\n")
	for _, run := range runs {
		r := run.Report
		three := func(found map[int]stats.Proportion) string {
			return fmt.Sprintf("%s, %s, %s", percent(found[1].Value), percent(found[5].Value), percent(found[10].Value))
		}
		fmt.Fprintf(b, "| %d | %s | %s |", run.Seed, three(r.OnHeldOut.Retrieval.ImageToText), three(r.OnHeldOut.Retrieval.TextToImage))
		if z := r.OnHeldOut.ZeroShot; z != nil {
			fmt.Fprintf(b, " %s |", percent(z.MeanPerClass.Value))
		}
		fmt.Fprintf(b, " %s | %d | %d | %.2f | %.0f | %.0f | %s | %s, %s | %s | `%s` |\n", devOf(run), r.Training, r.Trained.Last.Step, r.Trained.StepSeconds,
			r.Prepared, run.Seconds, known(r.Processor), run.Backend, run.Machine, run.Started, experiments.ShortCommit(run.Commit))
	}
	if name != "clip/products" {
		return
	}
	b.WriteString("\nAccuracy of the prompts by class, all seeds together: ")
	var parts []string
	z := runs[0].Report.OnHeldOut.ZeroShot
	for i, class := range z.Classes {
		sum := 0.0
		for _, run := range runs {
			sum += run.Report.OnHeldOut.ZeroShot.PerClass[i].Value / float64(len(runs))
		}
		parts = append(parts, fmt.Sprintf("%s %s (of %d)", class, percent(sum), z.PerClass[i].N))
	}
	b.WriteString(strings.Join(parts, ", ") + ".\n")
}

// devOf are a run's figures on the dev pictures.
func devOf(r Record) string {
	if f := r.Report.OnDev; f.ZeroShot != nil {
		return fmt.Sprintf("accuracy by prompts %s, by titles %s", percent(f.ZeroShot.Top1.Value), percent(f.ByTitles.Top1.Value))
	}
	found := r.Report.OnDev.Retrieval.ImageToText
	return fmt.Sprintf("recall@1 %s, @10 %s", percent(found[1].Value), percent(found[10].Value))
}

// writeTried writes what else was tried, by its difference from the recorded configuration.
func (r Recorded) writeTried(b *strings.Builder, name string, final Record) {
	first := true
	for _, t := range r.Tried {
		if t.Experiment != name {
			continue
		}
		if first {
			fmt.Fprintf(b, "\nWhat was tried, measured on dev pictures (the recorded configuration there: %s, seed %d):\n\n| different | seed | dev | s |\n| --- | ---: | --- | ---: |\n", devOf(final), final.Seed)
			first = false
		}
		fmt.Fprintf(b, "| %s | %d | %s | %.0f |\n", difference(t.Config, final.Config), t.Seed, devOf(t), t.Seconds)
	}
}

// difference lists the settings of a that differ from b.
func difference(a, b json.RawMessage) string { return experiments.Difference(a, b, "final") }

func seeds(n int) string {
	if n == 1 {
		return "1 seed"
	}
	return fmt.Sprintf("%d seeds", n)
}

// known is a number of seconds, if it was measured.
func known(seconds float64) string {
	if seconds == 0 {
		return "not measured"
	}
	return fmt.Sprintf("%.0f", seconds)
}

func percent(v float64) string { return fmt.Sprintf("%.1f%%", 100*v) }

// drawSeeds draws the dev figures of an experiment over the steps: the mean of the seeds, and a band from the least to the
// greatest.
func drawSeeds(path string, runs []Record) error {
	r := runs[0].Report
	cfg := plots.CurvesConfig{Title: "On dev pictures during training, " + seeds(len(runs)), XLabel: "training step", YLabel: "share found (band: all seeds)"}
	for _, s := range []struct{ name, column string }{
		{"zero-shot accuracy, by prompts", devTop1}, {"zero-shot accuracy, by titles", devByTitles}, {"recall@1, picture to text", devRecall(1)}, {"recall@10, picture to text", devRecall(10)},
	} {
		curve := plots.Series{Name: s.name}
		for i, point := range runs[0].Curve {
			if _, ok := point[s.column]; !ok {
				continue
			}
			low, high, sum := math.Inf(1), math.Inf(-1), 0.0
			for _, run := range runs {
				if i < len(run.Curve) {
					v := run.Curve[i][s.column]
					low, high, sum = min(low, v), max(high, v), sum+v/float64(len(runs))
				}
			}
			curve.X, curve.Y = append(curve.X, point["step"]), append(curve.Y, min(max(sum, low), high))
			curve.Low, curve.High = append(curve.Low, low), append(curve.High, high)
		}
		if len(curve.X) > 0 {
			cfg.Series = append(cfg.Series, curve)
		}
	}
	for _, bar := range stories()[runs[0].Experiment].bars {
		cfg.References = append(cfg.References, plots.ReferenceLine{Label: fmt.Sprintf("chance, %s: %s", bar.what, percent(bar.chance(r))), Y: bar.chance(r)})
	}
	figure, err := plots.Curves(cfg)
	if err != nil {
		return fmt.Errorf("cannot draw the learning curves: %w", err)
	}
	return figure.Save(path)
}
