package judging

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// name is an identifier for scripts.
func name(s string) string {
	return strings.ToLower(strings.NewReplacer(", ", "_", "'", "", " ", "_").Replace(s))
}

// counts are 1 and the numbers of candidates of the picks.
func counts[P any](picks []P, n func(P) int) []int {
	var all []int
	for _, p := range picks {
		all = append(all, n(p))
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}

// curve is a figure at each number of candidates.
func curve(name string, counts []int, at func(n int) stats.Mean) plots.Series {
	s := plots.Series{Name: name}
	for _, n := range counts {
		m := at(n)
		s.X, s.Y, s.Low, s.High = append(s.X, float64(n)), append(s.Y, m.Value), append(s.Low, max(m.Low, 0)), append(s.High, min(m.High, 1))
	}
	return s
}

func ticks(counts []int) (all []float64) {
	for _, n := range counts {
		all = append(all, float64(n))
	}
	return all
}

func captionsSection(runs []ran) (s lesson.Section, err error) {
	ns := counts(runs[0].Report.Captions.Picks, func(p Pick) int { return p.N })
	at := func(r Ranker, n int) stats.Mean {
		return share(runs, func(x Report) stats.Proportion { return x.Captions.pick(r, n).True })
	}
	cfg := plots.CurvesConfig{Title: "True captions by the number that is drawn", XLabel: "captions drawn of a scene", YLabel: "true (95% interval)", LogX: true, XTicks: ticks(ns)}
	var rows [][]string
	for _, n := range ns {
		row := []string{fmt.Sprint(n)}
		for _, r := range rankers() {
			row = append(row, lesson.PercentOf(at(r, n)))
		}
		rows = append(rows, row)
	}
	for _, r := range rankers() {
		cfg.Series = append(cfg.Series, curve(string(r), ns, func(n int) stats.Mean { return at(r, n) }))
	}
	plot, err := plots.Curves(cfg)
	if err != nil {
		return s, err
	}
	sheet, err := captionsSheet(runs[0])
	if err != nil {
		return s, err
	}
	c := runs[0].Config.Captions
	header := []string{"captions drawn"}
	for _, r := range rankers() {
		header = append(header, string(r))
	}
	most := ns[len(ns)-1]
	s = lesson.Section{Heading: "Best of n captions", Text: fmt.Sprintf("Of %d test scenes. *log p* is the logarithm of the captioner's own probability of a caption, in nats; *log p and CLIP* is log p plus a weight times the cosine; the weight, %g, was chosen on dev scenes among %v.\n\n", c.Scenes, runs[0].Report.Captions.Weight, c.Weights) +
		lesson.Table(header, rows) + fmt.Sprintf("\nOf what an oracle gains over one draw, CLIP gains %s with %d draws and %s with %d: among more candidates there are more that it likes for something else than being true. "+
		"Most often its favourite is wrong in %s. Captions that differ in a place alone are the same to it (see the pairs below).\n", gained(at, ns[1]), ns[1], gained(at, most), most, commonest(runs, most)) +
		"\nWhat is wrong with the favourites, in points of all scenes, and how many words they have. *Pair*: colour and shape are there, in different objects; *several*: whatever one thing is left out, it does not become true; *no parse*: not a sentence of the captions' grammar.\n\n" + mistakesTable(runs, most),
		Figures: []lesson.Figure{{Name: "captions", Title: cfg.Title, Caption: "The oracle takes a true caption wherever one was drawn. " + intervals, Plot: plot},
			{Name: "captions-first", Title: "What is drawn, and what is chosen", Caption: fmt.Sprintf("The first scenes of the test, seed %d, not chosen, with the first draw and the favourites out of all %d.", runs[0].Seed, c.Draws), Plot: sheet}}}
	return s, nil
}

// gained is CLIP's part of what the oracle gains over one draw.
func gained(at func(Ranker, int) stats.Mean, n int) string {
	one := at(ByDraw, 1).Value
	if at(Oracle, n).Value <= one {
		return "nothing"
	}
	return lesson.Percent((at(ByCLIP, n).Value - one) / (at(Oracle, n).Value - one))
}

// commonest is what CLIP's favourites out of n are most often wrong in, where they are wrong in one thing.
func commonest(runs []ran, n int) string {
	share := func(m scenes.Mistake) float64 {
		return lesson.OverSeeds(runs, func(x Report) float64 {
			p := x.Captions.pick(ByCLIP, n)
			return float64(p.Mistakes[m]) / float64(p.True.N)
		}).Value
	}
	one := slices.DeleteFunc(scenes.Mistakes(), func(m scenes.Mistake) bool { return m == scenes.WrongMoreThings || m == scenes.NotParsed })
	worst := slices.MaxFunc(one, func(a, b scenes.Mistake) int { return cmp.Compare(share(a), share(b)) })
	return fmt.Sprintf("the %s (%.1f points of all scenes, out of %d)", worst, 100*share(worst), n)
}

// mistakesTable is what is wrong with one draw, and with each ranker's favourites out of n.
func mistakesTable(runs []ran, n int) string {
	header := []string{"", "words"}
	for _, m := range scenes.Mistakes() {
		header = append(header, string(m))
	}
	var rows [][]string
	for _, r := range append([]Ranker{ByDraw}, rankers()...) {
		n := n
		if r == ByDraw {
			n = 1
		}
		row := []string{fmt.Sprintf("%s, of %d", r, n), fmt.Sprintf("%.1f", lesson.OverSeeds(runs, func(x Report) float64 { return x.Captions.pick(r, n).Words }).Value)}
		for _, m := range scenes.Mistakes() {
			row = append(row, fmt.Sprintf("%.1f", 100*lesson.OverSeeds(runs, func(x Report) float64 {
				p := x.Captions.pick(r, n)
				return float64(p.Mistakes[m]) / float64(p.True.N)
			}).Value))
		}
		rows = append(rows, row)
	}
	return lesson.Table(header, rows)
}

func captionsSheet(run ran) (*plots.Figure, error) {
	set, err := run.Config.captionScenes(testSeed)
	if err != nil {
		return nil, err
	}
	cfg := plots.SheetConfig{Title: "What is drawn, and what is chosen"}
	for _, w := range run.Report.Captions.First {
		img := set.Scene(w.Scene).Image()
		row := plots.SheetRow{Pictures: []plots.SheetPicture{{Picture: judge.Enlarged(img, img.Rect, 2)}}}
		line := func(who Ranker, c candidate) {
			what := "true"
			if c.Mistake != scenes.NoMistake {
				what = "wrong: " + string(c.Mistake)
			}
			row.Lines = append(row.Lines, fmt.Sprintf("%s: %s — %s (log p %.1f, cosine %.2f)", who, c.Text, what, c.LogP, c.Cosine))
		}
		line(ByDraw, w.Draws[0])
		for k, r := range rankers() {
			if r != Oracle {
				line(r, w.Draws[w.Chosen[k]])
			}
		}
		cfg.Rows = append(cfg.Rows, row)
	}
	return plots.Sheet(cfg)
}

// pick is what a ranker came to with n samples.
func (p Pictures) pick(r Ranker, n int) PicturePick {
	if n == 1 {
		r = ByDraw
	}
	return p.Picks[slices.IndexFunc(p.Picks, func(x PicturePick) bool { return x.Ranker == r && x.N == n })]
}

func scaleName(scale float64) string {
	if scale == 0 {
		return "unguided"
	}
	return fmt.Sprintf("guided, scale %g", scale)
}

func picturesSection(runs []ran) (s lesson.Section, err error) {
	ns := counts(runs[0].Report.Pictures[0].Picks, func(p PicturePick) int { return p.N })
	cfg := plots.CurvesConfig{Title: "True pictures by the number that is sampled", XLabel: "samples of a prompt", YLabel: "true, seen pairs (95% interval)", LogX: true, XTicks: ticks(ns)}
	sheet := plots.SheetConfig{Title: "One sample, and the best by CLIP"}
	var rows [][]string
	for i, p := range runs[0].Report.Pictures {
		of := func(r Ranker, n int, unseen bool) stats.Mean {
			return share(runs, func(x Report) stats.Proportion {
				found := x.Pictures[i].pick(r, n)
				if unseen {
					return found.Unseen
				}
				return found.Seen
			})
		}
		for _, n := range ns {
			rows = append(rows, []string{scaleName(p.Scale), fmt.Sprint(n), lesson.PercentOf(of(ByCLIP, n, false)), lesson.PercentOf(of(Oracle, n, false)), lesson.PercentOf(of(ByCLIP, n, true)), lesson.PercentOf(of(Oracle, n, true))})
		}
		cfg.Series = append(cfg.Series, curve(scaleName(p.Scale)+", by CLIP", ns, func(n int) stats.Mean { return of(ByCLIP, n, false) }))
		if p.Scale == 0 {
			cfg.Series = append(cfg.Series, curve(scaleName(p.Scale)+", oracle", ns, func(n int) stats.Mean { return of(Oracle, n, false) }))
		}
		for k, what := range []string{"one sample", fmt.Sprintf("best of %d by CLIP", runs[0].Config.Samples)} {
			row, err := p.First[k].Row(scaleName(p.Scale)+", "+what, nil)
			if err != nil {
				return s, err
			}
			sheet.Rows = append(sheet.Rows, row)
		}
	}
	plot, err := plots.Curves(cfg)
	if err != nil {
		return s, err
	}
	samples, err := plots.Sheet(sheet)
	if err != nil {
		return s, err
	}
	return lesson.Section{Heading: "Best of n pictures", Text: "The diffusion model knows no text: without guidance a sample shows any of the 48 pairs, and more samples are the only hope. " +
		"Guidance asks CLIP at every step of the way; here the samples are ranked by the same CLIP at the end.\n\n" +
		lesson.Table([]string{"", "samples", "by CLIP, seen pairs", "oracle, seen pairs", "by CLIP, pairs never seen", "oracle, pairs never seen"}, rows),
		Figures: []lesson.Figure{{Name: "pictures", Title: cfg.Title, Caption: "The oracle takes a true picture wherever one was sampled. " + intervals, Plot: plot},
			{Name: "pictures-first", Title: sheet.Title, Caption: fmt.Sprintf("The first prompts of seed %d, not chosen; framed where the classifier finds what the prompt says.", runs[0].Seed), Plot: samples}}}, nil
}
