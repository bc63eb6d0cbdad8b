package captions

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// seedsAsked is how many seeds a comparison of kinds is about: with fewer there is no verdict.
const seedsAsked = 3

type column struct {
	name, shown string
	times       float64
	digits      int
}

// columns are the scores of the page: their names in reports, on the page, and what they are multiplied by there, as papers do.
var columns = []column{
	{"Bleu_1", "BLEU-1", 100, 1}, {"Bleu_2", "BLEU-2", 100, 1}, {"Bleu_3", "BLEU-3", 100, 1}, {"Bleu_4", "BLEU-4", 100, 1},
	{"METEOR_like", "METEOR-like", 100, 1}, {"ROUGE_L", "ROUGE-L", 100, 1}, {"CIDEr", "CIDEr-D", 1, 3},
}

// page is docs/results/captioning.md.
func (r Recorded) page() string {
	var b strings.Builder
	b.WriteString("# Captions of photographs\n\n<!-- written by `glimpse report captions`, do not edit -->\n\n")
	if len(r.Runs) == 0 {
		b.WriteString("No run is recorded yet.\n")
		return b.String()
	}
	first := r.Runs[0].Report
	fmt.Fprintf(&b, "`glimpse train captions/flickr8k --seed N`, and `--set model.attention=uniform`, or `hard` with `--set critical.train.steps=0`, for the others.\n\n"+
		"%s: %d training photographs, %d dev photographs for every choice, %d test photographs, looked at once, at a run's end;\n"+
		"%d words. %s. Captions are written by beam search and scored as coco-caption does,\n"+
		"all tokenised alike (lower case, punctuation dropped). Intervals are 95%%: a bootstrap over pictures for one run, Student's t\n"+
		"over seeds for a mean. METEOR-like lacks METEOR's synonyms and paraphrases and is not comparable with published METEOR.\n", r.data(), first.Training, first.Dev, first.HeldOut, first.Words, r.eye())
	r.writeBars(&b)
	r.writeWays(&b)
	r.writeVerdict(&b)
	if r.hasCurves() {
		fmt.Fprintf(&b, "\n![CIDEr-D of greedy captions on dev pictures during training](../images/%s)\n", curvesFile[len("docs/images/"):])
	}
	r.writeRuns(&b)
	r.writeEnsembles(&b)
	r.writeExamples(&b)
	r.writeTried(&b)
	return b.String()
}

// data is the name of the first run's pictures.
func (r Recorded) data() string {
	if name := r.Runs[0].Report.Data; name != "flickr8k" {
		return name
	}
	return "Flickr8k"
}

// eye says how the first run sees pictures.
func (r Recorded) eye() string {
	var cfg Config
	if err := json.Unmarshal(r.Runs[0].Config, &cfg); err != nil {
		return "The configuration is damaged"
	}
	switch {
	case cfg.Encoder == "squeezenet":
		return "SqueezeNet's ImageNet features, frozen"
	case cfg.FineTune:
		return "Pictures are seen by `" + cfg.Encoder + "`, trained further with the decoder"
	case cfg.Encoder == "cnn":
		return "Pictures are seen by a small network, trained from scratch with the decoder"
	}
	return "Features of `" + cfg.Encoder + "`, frozen"
}

// way is a way of captioning, with what its runs scored.
type way struct {
	name string
	runs []Scored
}

// ways are all ways with test scores, from the worst to the best as one would expect them.
func (r Recorded) ways() (ways []way) {
	for i, baseline := range r.Runs[0].Report.Baselines {
		ways = append(ways, way{name: baseline.Name, runs: []Scored{r.Runs[0].Report.Baselines[i].Scored}})
	}
	for _, kind := range kinds {
		foretold, critical := way{name: named(kind)}, way{name: named(kind) + thenCritical}
		for _, run := range r.of(kind) {
			foretold.runs = append(foretold.runs, *run.Report.Foretold.OnHeldOut)
			if run.Report.Critical != nil {
				critical.runs = append(critical.runs, *run.Report.Critical.OnHeldOut)
			}
		}
		for _, w := range []way{foretold, critical} {
			if len(w.runs) > 0 {
				ways = append(ways, w)
			}
		}
	}
	for _, run := range r.Ensembles {
		ways = append(ways, way{name: run.Report.name(), runs: []Scored{*run.Report.OnHeldOut}})
	}
	return ways
}

// mean of a score over the runs of a way: over seeds, or with the pictures' interval where there is one run.
func (w way) mean(name string) stats.Mean {
	if len(w.runs) == 1 {
		return w.runs[0].Interval[name]
	}
	var values []float64
	for _, s := range w.runs {
		values = append(values, s.Interval[name].Value)
	}
	return stats.Repeated(values)
}

func shown(m stats.Mean, times float64, digits int) string {
	return fmt.Sprintf("%.*f (%.*f–%.*f)", digits, times*m.Value, digits, times*m.Low, digits, times*m.High)
}

// writeWays writes all ways beside each other.
func (r Recorded) writeWays(b *strings.Builder) {
	b.WriteString("\n## Beside each other, on the test photographs\n\n| captions by | seeds |")
	for _, c := range columns {
		fmt.Fprintf(b, " %s |", c.shown)
	}
	b.WriteString("\n| --- | ---: |" + strings.Repeat(" ---: |", len(columns)) + "\n")
	ways := r.ways()
	for i, w := range ways {
		seeds := fmt.Sprint(len(w.runs))
		if i < len(r.Runs[0].Report.Baselines) {
			seeds = "none needed"
		}
		if i >= len(ways)-len(r.Ensembles) {
			seeds = "one run"
		}
		fmt.Fprintf(b, "| %s | %s |", w.name, seeds)
		for _, c := range columns {
			fmt.Fprintf(b, " %s |", shown(w.mean(c.name), c.times, c.digits))
		}
		b.WriteString("\n")
	}
}

// bars are what issue 4 asks of soft attention.
var bars = []struct {
	column   int
	least    float64
	critical bool
}{{0, 0.62, false}, {3, 0.205, false}, {6, 0.50, false}, {6, 0.60, true}}

// writeBars writes what was asked for beside what was reached.
func (r Recorded) writeBars(b *strings.Builder) {
	runs := r.of(captioning.AttentionSoft)
	if len(runs) == 0 {
		return
	}
	var heads []string
	for _, run := range runs {
		heads = append(heads, fmt.Sprintf("seed %d", run.Seed))
	}
	if len(r.Ensembles) > 0 {
		heads = append(heads, "as an ensemble")
	}
	fmt.Fprintf(b, "\n## What was asked for\n\nSoft attention, beam search.\n\n| measured | bar | %s | |\n| --- | ---: |%s --- |\n",
		strings.Join(heads, " | "), strings.Repeat(" ---: |", len(heads)))
	for _, bar := range bars {
		c, after := columns[bar.column], "after cross-entropy"
		if bar.critical {
			after = "after self-critical training"
		}
		fmt.Fprintf(b, "| %s %s | %.*f |", c.shown, after, c.digits, c.times*bar.least)
		reached, measured := 0, 0
		for _, run := range runs {
			phase := run.Report.Foretold
			if bar.critical {
				phase = run.Report.Critical
			}
			if phase == nil {
				b.WriteString(" not run |")
				continue
			}
			m := phase.OnHeldOut.Interval[c.name]
			if measured++; m.Value >= bar.least {
				reached++
			}
			fmt.Fprintf(b, " %s |", shown(m, c.times, c.digits))
		}
		verdict := fmt.Sprintf("reached by %d of %d", reached, measured)
		if len(r.Ensembles) > 0 {
			cell, by := r.ensembleBar(bar.critical, bar.least, c)
			fmt.Fprintf(b, " %s |", cell)
			verdict += by
		}
		fmt.Fprintf(b, " %s |\n", verdict)
	}
}

// ensembleBar is what the largest ensemble of soft attention, after self-critical training or before, scored, and whether that reaches the bar, in words.
func (r Recorded) ensembleBar(critical bool, least float64, c column) (cell, verdict string) {
	var largest *EnsembleReport
	for i := range r.Ensembles {
		report := &r.Ensembles[i].Report
		if report.allSoft(critical) && (largest == nil || len(report.Members) > len(largest.Members)) {
			largest = report
		}
	}
	if largest == nil {
		return "not run", ""
	}
	m := largest.OnHeldOut.Interval[c.name]
	verdict = ", missed as an ensemble"
	if m.Value >= least {
		verdict = ", reached as an ensemble"
	}
	return fmt.Sprintf("%s of %d", shown(m, c.times, c.digits), len(largest.Members)), verdict
}

// writeVerdict says whether attention helps, by the intervals over seeds.
func (r Recorded) writeVerdict(b *strings.Builder) {
	byName := map[string]way{}
	for _, w := range r.ways() {
		byName[w.name] = w
	}
	soft, none := byName[named(captioning.AttentionSoft)], byName[named(captioning.AttentionUniform)]
	if len(soft.runs) == 0 || len(none.runs) == 0 {
		return
	}
	b.WriteString("\n")
	with, without := r.of(captioning.AttentionSoft)[0], r.of(captioning.AttentionUniform)[0]
	// The captions are those after cross-entropy, trained in the run itself or in the one that it starts from: learntFrom has the steps.
	but := []string{"model.attention", "start", "train.steps", "critical."}
	if more := experiments.Difference(with.Config, without.Config, but...); more != "nothing" || learntFrom(with) != learntFrom(without) {
		fmt.Fprintf(b, "The runs with attention, on %s, differ from those without, on %s, in more than attention (%s): they give no verdict on it.\n",
			learntFrom(with), learntFrom(without), more)
		return
	}
	helps := true
	for _, column := range []int{6, 3} {
		c := columns[column]
		x, y := soft.mean(c.name), none.mean(c.name)
		switch {
		case min(len(soft.runs), len(none.runs)) < seedsAsked:
			fmt.Fprintf(b, "%s with and without attention: %s and %s, of %d and %d seeds; three of each are needed for a verdict.\n",
				c.shown, shown(x, c.times, c.digits), shown(y, c.times, c.digits), len(soft.runs), len(none.runs))
		case x.Low > y.High:
			fmt.Fprintf(b, "Soft attention is better than none in %s: the intervals do not overlap.\n", c.shown)
		case x.Value > y.Value:
			fmt.Fprintf(b, "Soft attention has the higher %s, but the intervals over seeds overlap: these runs do not show that it helps.\n", c.shown)
		default:
			fmt.Fprintf(b, "Soft attention is NOT better than none in %s.\n", c.shown)
		}
		helps = helps && x.Low > y.High
	}
	if !helps && min(len(soft.runs), len(none.runs)) >= seedsAsked {
		b.WriteString(whyNot)
	}
}

// whyNot is what can be said where attention does not help.
const whyNot = `
Why it does not help was not measured on these photographs. Without attention the decoder still sees the mean over all places at every step, from
the same network. Supposed, not shown: captions of Flickr8k name few things, and the features of an ImageNet network say which wherever they lie.
Where a caption has to tell objects apart and the truth is known, on drawn scenes, the same comparison is made by the number of
objects: ` + "`glimpse train lesson/attention`" + `, in [the list of the lesson's claims](lesson.md).
`

// writeRuns writes the circumstances of each run.
func (r Recorded) writeRuns(b *strings.Builder) {
	b.WriteString("\n## The runs\n\nSeconds are by the clock, on a machine that was busy with other work besides; processor seconds are the run's own, all cores\n" +
		"together, with those of the run that it started from. Settings: `glimpse train captions/flickr8k --show` at the commit given; what differs from the first run is named.\n\n" +
		"| captions by | seed | different | steps, s a step | self-critical steps, s a step | dev CIDEr-D | then | whole run s | processor s | backend, machine | started | commit |\n" +
		"| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- | --- |\n")
	for _, run := range r.Runs {
		report := run.Report
		self, then := "none", ""
		if c := report.Critical; c != nil {
			self, then = fmt.Sprintf("%d, %.2f", c.Trained.Last.Step, c.Trained.StepSeconds), shown(c.OnDev.Interval["CIDEr"], 1, 3)
		}
		fmt.Fprintf(b, "| %s | %d | %s | %d, %.2f | %s | %s | %s | %.0f | %.0f | %s, %s | %s | `%s` |\n", named(kindOf(run)), run.Seed,
			experiments.Difference(run.Config, r.Runs[0].Config), report.Foretold.Trained.Last.Step, report.Foretold.Trained.StepSeconds, self,
			shown(report.Foretold.OnDev.Interval["CIDEr"], 1, 3), then, run.Seconds, report.Processor+report.Earlier, run.Backend, run.Machine, run.Started, experiments.ShortCommit(run.Commit))
	}
}

// writeExamples writes what the first soft run says of some test pictures, good and bad.
func (r Recorded) writeExamples(b *strings.Builder) {
	runs := r.of(captioning.AttentionSoft)
	if len(runs) == 0 {
		return
	}
	phase := runs[0].Report.Foretold
	if runs[0].Report.Critical != nil {
		phase = runs[0].Report.Critical
	}
	examples := slices.Clone(phase.OnHeldOut.Examples)
	slices.SortStableFunc(examples, func(a, b Example) int { return cmp.Compare(b.CIDEr, a.CIDEr) })
	fmt.Fprintf(b, "\n## Good and bad\n\nTest photographs spread evenly over the set, not chosen; soft attention, seed %d, the best caption first. "+
		"The data set has the photographs and what people say of them.\n\n| photograph | caption | CIDEr-D |\n| --- | --- | ---: |\n", runs[0].Seed)
	for _, e := range examples {
		fmt.Fprintf(b, "| %s | %s | %.2f |\n", e.ID, e.Caption, e.CIDEr)
	}
}

// writeTried writes what else was tried, by its difference from the first soft run.
func (r Recorded) writeTried(b *strings.Builder) {
	runs := r.of(captioning.AttentionSoft)
	if len(r.Tried) == 0 || len(runs) == 0 {
		return
	}
	b.WriteString("\n## What was tried\n\nMeasured on dev pictures, beside the recorded soft run:\n\n| different | seed | dev CIDEr-D | after self-critical training | s |\n| --- | ---: | ---: | ---: | ---: |\n")
	for _, t := range append([]Record{runs[0]}, r.Tried...) {
		then := "not run"
		if t.Report.Critical != nil {
			then = shown(t.Report.Critical.OnDev.Interval["CIDEr"], 1, 3)
		}
		fmt.Fprintf(b, "| %s | %d | %s | %s | %.0f |\n", experiments.Difference(t.Config, runs[0].Config, "final"), t.Seed,
			shown(t.Report.Foretold.OnDev.Interval["CIDEr"], 1, 3), then, t.Seconds)
	}
}

// hasCurves says whether any run was measured on dev pictures while it trained.
func (r Recorded) hasCurves() bool {
	return slices.ContainsFunc(r.Runs, func(run Record) bool { return len(run.Curve) > 0 })
}

// draw draws the dev figures of every kind over the steps, the mean of its seeds, at those steps that all of them have.
func (r Recorded) draw(path string) error {
	cfg := plots.CurvesConfig{Title: "CIDEr-D of greedy captions on dev pictures", XLabel: "training step, self-critical ones last", YLabel: "CIDEr-D (band: all seeds)"}
	for _, kind := range kinds {
		if curve := curveOf(kind, r.of(kind)); len(curve.X) > 0 {
			cfg.Series = append(cfg.Series, curve)
		}
	}
	figure, err := plots.Curves(cfg)
	if err != nil {
		return fmt.Errorf("cannot draw the learning curves: %w", err)
	}
	return figure.Save(path)
}

// curveOf is the curve of a kind's runs. Those that went on from another run's captioner count steps of their own, and are left out where there are
// others.
func curveOf(kind captioning.Attention, runs []Record) plots.Series {
	curve := plots.Series{Name: named(kind)}
	wentOn := func(r Record) bool { return experiments.Flat(r.Config)["train.steps"] == "0" }
	if whole := slices.DeleteFunc(slices.Clone(runs), wentOn); len(whole) > 0 {
		runs = whole
	}
	var found []map[float64]float64 // of each run, CIDEr-D by the step
	for _, run := range runs {
		byStep, before, last := map[float64]float64{}, 0.0, 0.0
		for _, point := range run.Curve {
			if point["step"] <= last { // the second training counts anew
				before += last
			}
			last = point["step"]
			byStep[before+last] = point[devCIDEr]
		}
		found = append(found, byStep)
	}
	if len(found) == 0 {
		return curve
	}
	for _, step := range slices.Sorted(maps.Keys(found[0])) {
		var values []float64
		for _, byStep := range found {
			if v, ok := byStep[step]; ok {
				values = append(values, v)
			}
		}
		if len(values) < len(found) {
			continue
		}
		low, high := slices.Min(values), slices.Max(values)
		mean := min(max(stats.Repeated(values).Value, low), high) // rounding may lead out of the band
		curve.X, curve.Y = append(curve.X, step), append(curve.Y, mean)
		curve.Low, curve.High = append(curve.Low, low), append(curve.High, high)
	}
	return curve
}
