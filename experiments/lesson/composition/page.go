package composition

import (
	"fmt"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `CLIP learns which text belongs to which picture of a batch. To do so it must know words; must it also know how they go together? The lesson shows that CLIP fails at
word order. On drawn scenes the truth is known, so that it can be counted.

Two CLIPs are trained from scratch on scenes of two objects and captions such as "a red circle left of a blue square": one with a transformer as its text tower, one with a bag
of words, which cannot know their order. No training scene has certain pairs of colour and shape (there are no red crosses, though there are red circles and blue crosses). Then each is given a new scene with its
right caption and one that is wrong in one way, and chooses the nearer one. Guessing is right in half of the cases; a bag of words cannot do better where both captions have the same words.`

type ran = lesson.Run[Config, Report]

func identifier(name string) string {
	return strings.ReplaceAll(strings.TrimPrefix(name, "the "), " ", "_")
}

// right is over seeds, or of the one seed over its scenes.
func right(runs []ran, tower string, test Test, split scenes.Split) stats.Mean {
	figure := func(r Report) stats.Mean {
		for _, x := range r.Results {
			if x.Tower == tower && x.Test == test && x.Split == split {
				return x.Right
			}
		}
		return stats.Mean{}
	}
	if len(runs) == 1 {
		return figure(runs[0].Report)
	}
	return lesson.OverSeeds(runs, func(r Report) float64 { return figure(r).Value })
}

func tell(runs []ran) (told lesson.Told, err error) {
	told.Answer = fmt.Sprintf("The transformer tells a right caption from one with another colour in %s, from one with the colours exchanged in %s, and from one with the objects exchanged in %s; the bag of words in %s, %s and %s. "+
		"Of an object whose colour and shape were never trained on together, another colour is told in %s (transformer).",
		lesson.PercentOf(right(runs, transformer, Attribute, scenes.Test)), lesson.PercentOf(right(runs, transformer, Binding, scenes.Test)), lesson.PercentOf(right(runs, transformer, Order, scenes.Test)),
		lesson.PercentOf(right(runs, bag, Attribute, scenes.Test)), lesson.PercentOf(right(runs, bag, Binding, scenes.Test)), lesson.PercentOf(right(runs, bag, Order, scenes.Test)),
		lesson.PercentOf(right(runs, transformer, Attribute, scenes.Unseen)))
	seen, err := figure(runs, scenes.Test, "Right captions chosen, pairs of colour and shape that were trained on")
	if err != nil {
		return told, err
	}
	unseen, err := figure(runs, scenes.Unseen, "Right captions chosen, with a pair that was never trained on")
	if err != nil {
		return told, err
	}
	const caption = "Scenes that were never trained on; 95% intervals, over scenes for one seed, and for several over the models of the seeds, which see the same scenes. The dashed line is guessing."
	told.Sections = []lesson.Section{
		{Heading: "The tests", Text: "- **another colour**, **another shape**: of one object, such as nothing in the scene has. Knowing words is enough.\n" +
			"- **colours exchanged**: \"a blue circle left of a red square\" for \"a red circle left of a blue square\". The same words.\n" +
			"- **objects exchanged**: \"a blue square left of a red circle\". The same words, in another order.\n" +
			"- **the opposite relation**: \"right of\" in the place of \"left of\".\n\n" +
			"Among seen pairs neither caption names a pair that was never trained on. Among pairs never seen the right caption names one, at the object that is changed: there the wrong caption may be the more familiar one."},
		{Heading: "Seen pairs", Text: table(runs, scenes.Test), Figures: []lesson.Figure{{Name: "seen", Title: "Right captions chosen, seen pairs", Caption: caption, Plot: seen}}},
		{Heading: "Pairs never seen", Text: table(runs, scenes.Unseen), Figures: []lesson.Figure{{Name: "unseen", Title: "Right captions chosen, pairs never seen", Caption: caption, Plot: unseen}}},
	}
	return told, nil
}

func table(runs []ran, split scenes.Split) string {
	var rows [][]string
	for _, test := range Tests() {
		rows = append(rows, []string{string(test), lesson.PercentOf(right(runs, transformer, test, split)), lesson.PercentOf(right(runs, bag, test, split))})
	}
	return lesson.Table([]string{"the wrong caption has", transformer, bag}, rows)
}

func figure(runs []ran, split scenes.Split, title string) (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: title, XLabel: "what is wrong with the other caption", YLabel: "right choices (95% interval)", Percent: true, ChanceLabel: "guessing"}
	for _, test := range Tests() {
		cfg.Categories, cfg.Chance = append(cfg.Categories, strings.TrimPrefix(string(test), "the ")), append(cfg.Chance, 0.5)
	}
	for _, tower := range []string{transformer, bag} {
		s := plots.BarSeries{Name: tower}
		for _, test := range Tests() {
			m := right(runs, tower, test, split)
			s.Values, s.Low, s.High = append(s.Values, m.Value), append(s.Low, max(m.Low, 0)), append(s.High, min(m.High, 1))
		}
		cfg.Series = append(cfg.Series, s)
	}
	return plots.Bars(cfg)
}
