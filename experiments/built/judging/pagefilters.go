package judging

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

func pairsSection(runs []ran) (s lesson.Section, err error) {
	f := runs[0].Config.Filter
	cfg := plots.CurvesConfig{Title: "Pairs kept by a threshold", XLabel: "right pairs that are kept (recall)", YLabel: "right ones among the kept (precision)",
		References: []plots.ReferenceLine{{Label: "no filter", Y: 1 - f.Wrong}}}
	var rows [][]string
	for i, p := range runs[0].Report.Pairs {
		line := plots.Series{Name: string(p.Kind)}
		for _, k := range p.Curve {
			line.X, line.Y = append(line.X, k.Right), append(line.Y, k.Precision(f.Wrong))
		}
		cfg.Series = append(cfg.Series, line)
		right := share(runs, func(r Report) stats.Proportion { return r.Pairs[i].Right })
		wrong := share(runs, func(r Report) stats.Proportion { return r.Pairs[i].Wrong })
		rows = append(rows, []string{string(p.Kind), fmt.Sprint(p.AUC.N), lesson.Number(over(runs, func(r Report) stats.Mean { return r.Pairs[i].AUC }), 3), lesson.PercentOf(right), lesson.PercentOf(wrong),
			lesson.Percent(stats.Kept{Right: right.Value, Wrong: wrong.Value}.Precision(f.Wrong))})
	}
	plot, err := plots.Curves(cfg)
	if err != nil {
		return s, err
	}
	return lesson.Section{Heading: "Pairs filtered", Text: fmt.Sprintf("Each scene has a caption that is true of it and one that is false. The threshold keeps %s of the right pairs of dev scenes. Precision is for a collection of which %s is wrong.\n\n",
		lesson.Percent(f.Keep), lesson.Percent(f.Wrong)) +
		lesson.Table([]string{"what is wrong", "scenes", "AUC", "right pairs kept", "wrong pairs kept", "precision"}, rows),
		Figures: []lesson.Figure{{Name: "pairs", Title: cfg.Title, Caption: fmt.Sprintf("Seed %d. A collection of which %s is wrong.", runs[0].Seed, lesson.Percent(f.Wrong)), Plot: plot}}}, nil
}

func conceptsSection(runs []ran) (s lesson.Section, err error) {
	allowed := runs[0].Config.Filter.FalsePositives
	cfg := plots.CurvesConfig{Title: "Finding the pictures that show a concept", XLabel: "pictures without it that are let through (false positives)", YLabel: "pictures with it that are found"}
	sheet := plots.SheetConfig{Title: "The pictures with the highest scores"}
	var rows [][]string
	for i, g := range runs[0].Report.Concepts {
		line := plots.Series{Name: string(g.Kind)}
		for k, at := range g.Curve {
			line.X = append(line.X, at.Wrong)
			line.Y = append(line.Y, lesson.OverSeeds(runs, func(r Report) float64 { return r.Concepts[i].Curve[k].Right }).Value)
		}
		cfg.Series = append(cfg.Series, line)
		of := func(figure func(Group) stats.Mean) stats.Mean {
			return over(runs, func(r Report) stats.Mean { return figure(r.Concepts[i]) })
		}
		worst := g.Concepts[0]
		for _, c := range g.Concepts {
			if c.AUC < worst.AUC {
				worst = c
			}
		}
		rows = append(rows, []string{string(g.Kind), g.Wording, fmt.Sprint(len(g.Concepts)), lesson.Number(of(func(g Group) stats.Mean { return g.AUC }), 3), lesson.PercentOf(of(func(g Group) stats.Mean { return g.False })),
			lesson.PercentOf(of(func(g Group) stats.Mean { return g.True })), fmt.Sprintf("%s, %.3f", worst.Text, worst.AUC)})
		row, err := foundRow(runs[0].Config, g)
		if err != nil {
			return s, err
		}
		sheet.Rows = append(sheet.Rows, row)
	}
	plot, err := plots.Curves(cfg)
	if err != nil {
		return s, err
	}
	pictures, err := plots.Sheet(sheet)
	if err != nil {
		return s, err
	}
	return lesson.Section{Heading: "A concept filter", Text: fmt.Sprintf("A picture shows a concept if any of its objects does. For every kind of concept one of several wordings was chosen on dev scenes, and for every concept a threshold that lets %s of those without it through; the table says what it does on test scenes. "+
		"Pairs never seen are measured on scenes that each have one. Wording and smallest area are those of seed %d.\n\n", lesson.Percent(allowed), runs[0].Seed) +
		lesson.Table([]string{"concepts", "as it is put", "number", "AUC, mean", "false positives", "found", "smallest AUC"}, rows) +
		"\nCLIP was trained on whole captions, so that the wording counts: \"a star\" alone is hardly one.\n",
		Figures: []lesson.Figure{{Name: "roc", Title: cfg.Title, Caption: "ROC curves, the mean over the concepts of each kind and over the seeds.", Plot: plot},
			{Name: "found", Title: sheet.Title, Caption: fmt.Sprintf("For the first concept of each kind, seed %d, in falling order with their cosines; framed: shows it.", runs[0].Seed), Plot: pictures}}}, nil
}

// foundRow are the pictures that a kind's first concept finds first.
func foundRow(c Config, g Group) (plots.SheetRow, error) {
	set, err := c.CLIP.Scenes(g.Kind.split(), testSeed, c.Tests)
	row := plots.SheetRow{Heading: g.Concepts[0].Text}
	if err != nil {
		return row, err
	}
	for _, f := range g.First {
		img := set.Scene(f.Scene).Image()
		row.Pictures = append(row.Pictures, plots.SheetPicture{Picture: judge.Enlarged(img, img.Rect, 2), Note: fmt.Sprintf("%.2f", f.Score), Marked: f.Shows})
	}
	return row, nil
}

func searchSection(runs []ran) (s lesson.Section, err error) {
	c := runs[0].Config
	set, err := c.CLIP.Scenes(scenes.Test, testSeed, c.Search.Scenes)
	if err != nil {
		return s, err
	}
	cfg := plots.SheetConfig{Title: "True captions, and the words that CLIP likes best"}
	for _, f := range runs[0].Report.Search.First {
		verdict := "not a sentence"
		if f.Language {
			verdict = fmt.Sprintf("a sentence, true: %t", f.True)
		}
		img := set.Scene(f.Scene).Image()
		cfg.Rows = append(cfg.Rows, plots.SheetRow{Pictures: []plots.SheetPicture{{Picture: judge.Enlarged(img, img.Rect, 2)}},
			Lines: []string{fmt.Sprintf("%.2f  %s", f.OwnCosine, f.Own), fmt.Sprintf("%.2f  %s — %s", f.Cosine, f.Text, verdict)}})
	}
	plot, err := plots.Sheet(cfg)
	if err != nil {
		return s, err
	}
	number := func(figure func(Searched) stats.Mean) string {
		return lesson.Number(over(runs, func(r Report) stats.Mean { return figure(r.Search) }), 2)
	}
	percent := func(figure func(Searched) stats.Proportion) string {
		return lesson.PercentOf(share(runs, func(r Report) stats.Proportion { return figure(r.Search) }))
	}
	list := fmt.Sprintf("A list of captions can be ranked, but it has to be there. %d scenes are tried. Of %d captions, one of which is true, CLIP likes the true one best in %s of the scenes, with a cosine of %s at the top. Without the true one it "+
		"chooses a false one every time, with a cosine of %s: it has no way to say that nothing fits, and none to write what does.\n\n",
		c.Search.Scenes, c.Search.List, percent(func(s Searched) stats.Proportion { return s.Listed }), number(func(s Searched) stats.Mean { return s.WithTrue }), number(func(s Searched) stats.Mean { return s.WithoutAny }))
	climbed := fmt.Sprintf("And if a text is put together of the words of all captions, word by word, each time the one that CLIP likes best (at most %d words, and %d passes in which each is exchanged for a better one)?\n\n", c.Search.Words, c.Search.Passes) +
		lesson.Table([]string{"text", "cosine, mean", "liked better than every true caption", "a sentence", "true"}, [][]string{
			{"the best of the scene's own captions", number(func(s Searched) stats.Mean { return s.Own }), "", lesson.Percent(1), lesson.Percent(1)},
			{"found word by word", number(func(s Searched) stats.Mean { return s.Climb }), percent(func(s Searched) stats.Proportion { return s.Above }), percent(func(s Searched) stats.Proportion { return s.Language }), percent(func(s Searched) stats.Proportion { return s.True })},
		})
	return lesson.Section{Heading: "What it cannot output", Text: list + climbed, Figures: []lesson.Figure{{Name: "words", Title: cfg.Title,
		Caption: fmt.Sprintf("The first scenes of the test, seed %d, not chosen: cosine and text, above of the scene's own captions the one that is liked best, below what was found word by word.", runs[0].Seed), Plot: plot}}}, nil
}
