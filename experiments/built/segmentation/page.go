package segmentation

import (
	"fmt"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `CLIPSeg (Lüddecke and Ecker 2022, arXiv 2112.10003) puts a small decoder on a CLIP whose weights stay as they are. The decoder sees what the image
tower knows of the places of a picture at several depths; what is to be found is one vector, an embedding in the space that texts and pictures share.
So it can be asked for by a text, or by an example picture of it, though it is one network.

A CLIP is trained from nothing on scenes of one to three objects and their captions, and frozen. The decoder (package clip/segmenting) takes the grids
of 6 x 6, 12 x 12 and 24 x 24 places of its image tower; FiLM (Perez et al. 2018, arXiv 1709.07871) scales and shifts the channels of every block as
the condition says. It learns from scenes that are each seen once, with phrases of five kinds ("something red", "the circles", "something large", "the
red circle", "the large red circle"), up to three in ten of which fit nothing. As in the paper, the condition in training lies anywhere between the text and
an example: another scene in which all but one such object is dark. That is done for phrases of colour and shape; an example cannot say which of its
attributes is meant.

The truth is exact: the pixels in sight of every object that the phrase fits. Measured is intersection over union (IoU), phrase by phrase. The split
test has pairs of colour and shape as training had them; of the split unseen the objects are asked for whose pair training never had, neither in a
caption of the CLIP nor in a phrase.

Compared with masks that nobody trained: the cosine of every place of CLIP's last grid with the text (MaskCLIP, Zhou et al. 2022, arXiv 2112.01071),
as it is and stretched from 0 to 1 in each picture; and with the whole picture as the mask. Thresholds are chosen on scenes of their own.

Set beforehand: a mean IoU of at least 0.6 on seen pairs, over all phrases, and of at least 0.45 for phrases that name a pair never seen.`

// The bars that were set beforehand.
const (
	wantedSeen   = 0.60
	wantedUnseen = 0.45
)

type ran = lesson.Run[Config, Report]

// find is a way's mean IoU in one run.
func (r Report) find(way, group string, split scenes.Split) stats.Mean {
	for _, x := range r.Results {
		if x.Way == way && x.Group == group && x.Split == split {
			return x.IoU
		}
	}
	return stats.Mean{}
}

// absent is what a way marks where there is nothing.
func (r Report) absent(way string) Absent {
	for _, a := range r.Absent {
		if a.Way == way {
			return a
		}
	}
	return Absent{}
}

// fit is over seeds, or of the one seed over its scenes.
func fit(runs []ran, way, group string, split scenes.Split) stats.Mean {
	return lesson.ShareOver(runs, func(r Report) stats.Proportion { return stats.Proportion(r.find(way, group, split)) })
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{}
	for _, x := range r.Results {
		lesson.PutMean(out, identifier(x.Way)+"_"+identifier(x.Group)+"_"+string(x.Split), x.IoU)
	}
	for _, a := range r.Absent {
		lesson.PutMean(out, identifier(a.Way)+"_absent_pixels", a.Pixels)
		out[identifier(a.Way)+"_absent_marked"] = a.Marked.Value
	}
	for way, threshold := range r.Thresholds {
		out[identifier(way)+"_threshold"] = threshold
	}
	return out
}

func identifier(name string) string {
	return strings.NewReplacer(", ", "_", " ", "_", "'", "").Replace(name)
}

func tell(runs []ran) (told lesson.Told, err error) {
	seen, unseen := fit(runs, withText, everything, scenes.Test), fit(runs, withText, novel, scenes.Unseen)
	untrained := func(group string, split scenes.Split) stats.Mean {
		a, b := fit(runs, asPlaces, group, split), fit(runs, asStretched, group, split)
		if a.Value > b.Value {
			return a
		}
		return b
	}
	number := func(m stats.Mean) string { return lesson.Number(m, 2) }
	told.Answer = fmt.Sprintf("Asked for by a text, masks on seen pairs have a mean IoU of %s (%s), and for phrases that name a pair never seen %s (%s); "+
		"where another object has the same colour, so that the shape must tell, %s and %s (of %d and %d scenes, the same for every seed). For phrases of colour and shape a text comes to %s and %s, an example picture to %s and %s. ",
		number(seen), held(seen.Value, wantedSeen), number(unseen), held(unseen.Value, wantedUnseen),
		number(fit(runs, withText, sameAsColour, scenes.Test)), number(fit(runs, withText, sameAsColour, scenes.Unseen)),
		runs[0].Report.find(withText, sameAsColour, scenes.Test).N, runs[0].Report.find(withText, sameAsColour, scenes.Unseen).N,
		number(fit(runs, withText, byPair, scenes.Test)), number(fit(runs, withText, byPair, scenes.Unseen)),
		number(fit(runs, withExample, byPair, scenes.Test)), number(fit(runs, withExample, byPair, scenes.Unseen)))
	told.Answer += fmt.Sprintf("CLIP's places compared with the text, untrained, come to %s and %s with one threshold for all kinds of phrases, the whole picture as the mask to %s. "+
		"Of phrases that fit nothing, the decoder marks something for %s.",
		number(untrained(everything, scenes.Test)), number(untrained(novel, scenes.Unseen)), number(fit(runs, asWhole, everything, scenes.Test)),
		lesson.Percent(lesson.OverSeeds(runs, func(r Report) float64 { return r.absent(withText).Marked.Value }).Value))
	bySplit, err := seenAndUnseen(runs)
	if err != nil {
		return told, err
	}
	byWay, err := waysByKind(runs)
	if err != nil {
		return told, err
	}
	told.Sections = []lesson.Section{
		{Heading: "By kind of phrase", Text: "Mean IoU on the split test: scenes that were never trained on, with pairs of colour and shape that were.\n\n" + table(runs, scenes.Test) +
			"\nMost objects are the only one of their colour, so that the colour alone finds them. The two rows at the end have the phrases of colour and shape, with the size and without, where it does not: " +
			"something else in the scene has the colour and another shape, or the shape and another colour; such scenes are few. " + fewer,
			Figures: []lesson.Figure{{Name: "kinds", Title: "Masks by kind of phrase", Plot: byWay, Caption: "Split test. 95% intervals: over scenes for one seed, and for several over the seeds, whose decoders are asked about the same scenes: that others would be easier or harder is not in them."}}},
		{Heading: "Pairs never seen", Text: "The same for objects of a pair of colour and shape that no training scene had, such as a red cross. The last row has the phrases that name such a pair, with the size and without.\n\n" +
			table(runs, scenes.Unseen) + "\n" + fewer,
			Figures: []lesson.Figure{{Name: "unseen", Title: "Seen and unseen pairs of colour and shape", Plot: bySplit, Caption: "The decoder with a text, on both splits; on the right phrases of colour and shape where something else has that colour, too. 95% intervals as above."}}},
		{Heading: "What is not there", Text: "Phrases that fit nothing in their scene, one of each kind where there is one; many of them join the colour of one object and the shape of another. An empty mask is right. An example picture shows a colour and a shape, and stands for phrases of that kind alone.\n\n" + absentTable(runs)},
	}
	sheets, err := examples(runs[0])
	told.Sections = append(told.Sections, lesson.Section{Heading: "Masks", Figures: sheets,
		Text: "The first phrase about each of the first scenes: not chosen, good and bad. Below each mask is its IoU."})
	return told, err
}

// fewer says which columns cannot be compared in which rows.
const fewer = "An example picture stands for phrases of colour and shape without the size: in the last rows it has fewer phrases than the text, and only the row *colour and shape* compares the two."

// held says whether a bar was reached.
func held(found, wanted float64) string {
	if found >= wanted {
		return fmt.Sprintf("bar %.2f, reached", wanted)
	}
	return fmt.Sprintf("bar %.2f, missed", wanted)
}

// table is a row for each group of phrases and a column for each way.
func table(runs []ran, split scenes.Split) string {
	header := []string{"phrases", "scenes"}
	for _, w := range ways() {
		header = append(header, w.name)
	}
	var rows [][]string
	for _, group := range groups() {
		if runs[0].Report.find(withText, group, split).N == 0 {
			continue
		}
		row := []string{group, fmt.Sprint(runs[0].Report.find(withText, group, split).N)}
		for _, w := range ways() {
			cell := "–"
			if runs[0].Report.find(w.name, group, split).N > 0 && (group != everything || w.threshold != withText) {
				cell = lesson.Number(fit(runs, w.name, group, split), 2)
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return lesson.Table(header, rows)
}

func absentTable(runs []ran) string {
	var rows [][]string
	for _, w := range ways() {
		pixels, marked := runs[0].Report.absent(w.name).Pixels, runs[0].Report.absent(w.name).Marked
		share := stats.Mean(marked)
		if len(runs) > 1 {
			pixels = lesson.OverSeeds(runs, func(r Report) float64 { return r.absent(w.name).Pixels.Value })
			share = lesson.OverSeeds(runs, func(r Report) float64 { return r.absent(w.name).Marked.Value })
		}
		rows = append(rows, []string{w.name, fmt.Sprint(marked.N), lesson.PercentOf(pixels), lesson.PercentOf(share)})
	}
	return lesson.Table([]string{"mask", "phrases", "pixels that are marked", "phrases for which any are"}, rows)
}

// bars is one series of a figure.
func bars(runs []ran, name, way string, groups []string, split scenes.Split) plots.BarSeries {
	s := plots.BarSeries{Name: name}
	for _, group := range groups {
		m := fit(runs, way, group, split)
		s.Values, s.Low, s.High = append(s.Values, m.Value), append(s.Low, max(m.Low, 0)), append(s.High, min(m.High, 1))
	}
	return s
}

func waysByKind(runs []ran) (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "Masks by kind of phrase", XLabel: "what the phrase says", YLabel: "mean IoU (95% interval)", Categories: kinds()}
	for _, way := range []string{withText, asPlaces, asStretched, asWhole} {
		cfg.Series = append(cfg.Series, bars(runs, way, way, kinds(), scenes.Test))
	}
	return plots.Bars(cfg)
}

func seenAndUnseen(runs []ran) (*plots.Figure, error) {
	shown := append(kinds(), sameAsColour)
	cfg := plots.BarsConfig{Title: "Seen and unseen pairs of colour and shape", XLabel: "phrases", YLabel: "mean IoU (95% interval)",
		Categories: []string{"colour", "shape", "size", "colour, shape", "all three", "colour shared"}}
	cfg.Series = []plots.BarSeries{
		bars(runs, "pairs as in training", withText, shown, scenes.Test), bars(runs, "objects of a pair never seen", withText, shown, scenes.Unseen),
	}
	return plots.Bars(cfg)
}

// examples are the sheets of a run's first scenes.
func examples(run ran) (figures []lesson.Figure, err error) {
	for _, sheet := range []struct {
		split       scenes.Split
		name, title string
	}{
		{scenes.Test, "masks", "Masks in the first scenes, seen pairs"},
		{scenes.Unseen, "masks-unseen", "Masks in the first scenes with a pair never seen"},
	} {
		cfg := plots.SheetConfig{Title: sheet.title}
		for _, s := range run.Report.Shown {
			if s.Split != sheet.split || len(cfg.Rows) == shownRows {
				continue
			}
			row, err := s.Strip.Row(s.Phrase, s.Notes)
			if err != nil {
				return nil, err
			}
			cfg.Rows = append(cfg.Rows, row)
		}
		plot, err := plots.Sheet(cfg)
		if err != nil {
			return nil, err
		}
		figures = append(figures, lesson.Figure{Name: sheet.name, Title: sheet.title, Plot: plot,
			Caption: fmt.Sprintf("Seed %d. What is outside a mask is dark. The example picture is another scene, dark but for one object.", run.Seed)})
	}
	return figures, nil
}

// shownRows is of how many scenes of a split the page shows the masks: a figure of moderate size. The report has more.
const shownRows = 5
