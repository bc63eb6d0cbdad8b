package retrieval

import (
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

const asks = `Two models answer, both trained in the run. A text transformer against a locked SqueezeNet learns from Flickr8k's photographs and captions; among test photographs it finds captions by photographs and
photographs by captions. A CLIP from scratch learns from product photographs and their titles, and classifies held-out products by articleType, zero-shot by prompts. How well do they do, and what do they take for what when they are
wrong and sure of it?

**Confidence** is the softmax of cosines at the temperature that training learned (among fewer candidates: the 256 pairs of a batch, or 128), over all test photographs, all their captions, or all classes; from photograph to text it is
summed over the captions of the photograph whose caption was found.

**What is confused.** A mistake of retrieval puts a caption to a photograph that is not its own. What the caption says is compared with what people say of that photograph: a content word that stands in none of the
photograph's captions is a word too much. Words are numbers, colours, people and animals (three lists of synonyms, where a child may be a boy or a girl, a person anyone, and many three or more), actions (words that the training
captions write with -ing in a fifth of the cases or more), or things and places (all others); the last two are compared by Porter's stems. "Two" against pictures of "a dog" counts as a number too much; "a dog" against "two dogs"
does not. One caption of the photograph, that of the same number, is left out, so that the same measure can be taken of right captions: judged by the others of their own photographs, they show how much people differ; put to random photographs, they show
what guessing would give. A mistake whose content words are all, or for the most part, in the photograph's captions may be no mistake: Flickr8k says of each caption which photograph it was written for, not which others it fits.

Photographs, captions and titles belong to the data sets and are not on this page, which names them (NAME.jpg#2 is a photograph's third caption). A run draws them on sheets in its folder, below ` + "`examples/`" + `.`

type ran = lesson.Run[Config, Report]

// shareOf is over seeds, or of the one seed over its pictures.
func shareOf(runs []ran, figure func(Report) stats.Proportion) stats.Mean {
	return meanOf(runs, func(r Report) stats.Mean { return stats.Mean(figure(r)) })
}

// meanOf is likewise, of a mean.
func meanOf(runs []ran, figure func(Report) stats.Mean) stats.Mean {
	if len(runs) == 1 {
		return figure(runs[0].Report)
	}
	return lesson.OverSeeds(runs, func(r Report) float64 { return figure(r).Value })
}

// way is one direction of retrieval.
type way struct {
	name, identifier string
	recall           func(Report) map[int]stats.Proportion
	median           func(Report) stats.Mean
	direction        func(Report) Direction
}

func ways() [2]way {
	return [2]way{
		{"picture to text", "picture-to-text", func(r Report) map[int]stats.Proportion { return r.Found.ImageToText }, func(r Report) stats.Mean { return r.Found.ImageToTexts.Median }, func(r Report) Direction { return r.ToTexts }},
		{"text to picture", "text-to-picture", func(r Report) map[int]stats.Proportion { return r.Found.TextToImage }, func(r Report) stats.Mean { return r.Found.TextToImages.Median }, func(r Report) Direction { return r.ToImages }},
	}
}

// chance is the probability that one of own right answers is among k of all candidates, drawn at random.
func chance(own, all, k int) float64 {
	missed := 1.0
	for i := range k {
		missed *= max(float64(all-own-i), 0) / float64(all-i)
	}
	return 1 - missed
}

// guessed is what guessing reaches in a direction: recall at k, and the median rank.
func guessed(r Report, toTexts bool, k int) (recall float64, median int) {
	own, all := 1, r.Found.Images
	if toTexts {
		own, all = int(math.Round(float64(r.Found.Texts)/float64(r.Found.Images))), r.Found.Texts
	}
	median = 1
	for median < all && chance(own, all, median) < 0.5 {
		median++
	}
	return chance(own, all, min(k, all)), median
}

func tell(runs []ran) (told lesson.Told, err error) {
	r, w := runs[0].Report, ways()
	for _, other := range runs[1:] {
		if !slices.Equal(other.Report.Classes.Classes, r.Classes.Classes) {
			return told, fmt.Errorf("expected runs with the same classes, found seed %d with %d and seed %d with %d, not all the same; record runs on one data set", runs[0].Seed, len(r.Classes.Classes), other.Seed, len(other.Report.Classes.Classes))
		}
	}
	at := func(i, k int) string {
		return lesson.PercentOf(shareOf(runs, func(r Report) stats.Proportion { return w[i].recall(r)[k] }))
	}
	most := func(figure func(Report) Said) string {
		return lesson.PercentOf(shareOf(differing(runs, figure), func(r Report) stats.Proportion { return figure(r).Most }))
	}
	level := r.Classes.Levels[0]
	told.Answer = fmt.Sprintf("Among %d photographs of %s and %d captions recall@1 and @10 are %s and %s from picture to text, %s and %s from text to picture. Of the %d most confident mistakes picture to text %s have at least half of their content words in the photograph's captions "+
		"(of right captions %s, of random ones %s). Zero-shot classification of %s is right in %s, and %s of its mistakes stay within one %s (%s were they spread evenly).",
		r.Found.Images, r.Data, r.Found.Texts, at(0, 1), at(0, 10), at(1, 1), at(1, 10), r.ToTexts.Confident.N,
		most(func(r Report) Said { return r.ToTexts.Confident }), most(func(r Report) Said { return r.Right }), most(func(r Report) Said { return r.Random }),
		r.Classes.Data, lesson.PercentOf(shareOf(runs, func(r Report) stats.Proportion { return r.Classes.Top1 })),
		lesson.PercentOf(shareOf(runs, func(r Report) stats.Proportion { return r.Classes.Levels[0].Mistakes })), level.Attribute,
		lesson.Percent(lesson.OverSeeds(runs, func(r Report) float64 { return r.Classes.Levels[0].Chance }).Value))
	for _, section := range []func([]ran) (lesson.Section, error){recallSection, spreadSection, confusedSection, mistakesSection, swapsSection, confidenceSection, classesSection, misnamedSection} {
		s, err := section(runs)
		if err != nil {
			return told, err
		}
		told.Sections = append(told.Sections, s)
	}
	return told, nil
}

const (
	byPhotograph = "95% intervals: over photographs for one seed, over seeds for several."
	byAnswer     = "95% intervals: over answers for one seed, as if those to several captions of a photograph were independent, over seeds for several."
)

func recallSection(runs []ran) (s lesson.Section, err error) {
	r := runs[0].Report
	var rows, each [][]string
	for i, w := range ways() {
		row := []string{w.name}
		var guess []string
		for _, k := range evaluate.RecallAt() {
			p, _ := guessed(r, i == 0, k)
			guess = append(guess, lesson.Percent(p))
			row = append(row, lesson.PercentOf(shareOf(runs, func(r Report) stats.Proportion { return w.recall(r)[k] })))
		}
		_, median := guessed(r, i == 0, 1)
		rows = append(rows, append(row, lesson.Number(meanOf(runs, w.median), 1)), append(append([]string{"guessing, " + w.name}, guess...), fmt.Sprint(median)))
		for _, run := range runs {
			row := []string{fmt.Sprintf("seed %d, %s", run.Seed, w.name)}
			for _, k := range evaluate.RecallAt() {
				row = append(row, lesson.PercentOf(stats.Mean(w.recall(run.Report)[k])))
			}
			each = append(each, append(row, lesson.Number(w.median(run.Report), 1)))
		}
	}
	header := []string{"", "recall@1", "recall@5", "recall@10", "median rank"}
	s = lesson.Section{Heading: "Recall both ways", Text: lesson.Table(header, rows)}
	if len(runs) > 1 {
		s.Text += "\nEach run, with intervals over its photographs (a bootstrap that draws photographs with all their captions; Wilson's for recall from picture to text):\n\n" + lesson.Table(header, each)
	}
	s.Text += fmt.Sprintf("\n%d photographs, %d captions; any of a photograph's own captions counts as found, and rank 1 is the best.", r.Found.Images, r.Found.Texts)
	f, err := recallFigure(runs)
	s.Figures = []lesson.Figure{{Name: "recall", Title: "Recall both ways", Caption: byPhotograph + " The dashed line is guessing.", Plot: f}}
	return s, err
}

func spreadSection(runs []ran) (s lesson.Section, err error) {
	var rows [][]string
	for _, x := range runs[0].Report.Spread {
		rows = append(rows, []string{x.Photograph, fmt.Sprint(x.Rank), x.Caption, listOr(x.Missing), fmt.Sprint(x.TextRank)})
	}
	text := fmt.Sprintf("Test photographs spread evenly over the set, not chosen; seed %d. `%s/picture-to-text.png` and `%s/text-to-picture.png` in the run's folder show them.\n\n", runs[0].Seed, folder, folder) +
		lesson.Table([]string{"photograph", "rank of its own best caption", "the caption nearest to it", "words too much in that caption", "rank of the photograph for its first caption"}, rows)
	return lesson.Section{Heading: "Examples", Text: text}, nil
}

// saidRow is a row of the table of what captions say.
type saidRow struct {
	name string
	said func(Report) Said
}

// differing are the runs that intervals are over: the first alone where all say the same, because no model has a part in it, such as of right captions.
func differing(runs []ran, said func(Report) Said) []ran {
	for _, r := range runs[1:] {
		if !reflect.DeepEqual(said(r.Report), said(runs[0].Report)) {
			return runs
		}
	}
	return runs[:1]
}

func saidRows(w way) []saidRow {
	return []saidRow{
		{"the most confident mistakes", func(r Report) Said { return w.direction(r).Confident }},
		{"all mistakes", func(r Report) Said { return w.direction(r).Mistakes }},
		{"right captions", func(r Report) Said { return r.Right }},
		{"random pairs", func(r Report) Said { return r.Random }},
	}
}

func confusedSection(runs []ran) (s lesson.Section, err error) {
	s.Heading = "What is confused"
	for _, w := range ways() {
		var rows [][]string
		for _, x := range saidRows(w) {
			runs := differing(runs, x.said)
			row := []string{x.name, lesson.Number(lesson.OverSeeds(runs, func(r Report) float64 { return float64(x.said(r).N) }), 0)}
			for _, k := range Kinds() {
				row = append(row, lesson.PercentOf(shareOf(runs, func(r Report) stats.Proportion { return x.said(r).Kinds[k] })))
			}
			row = append(row, lesson.PercentOf(shareOf(runs, func(r Report) stats.Proportion { return x.said(r).All })),
				lesson.PercentOf(shareOf(runs, func(r Report) stats.Proportion { return x.said(r).Most })), lesson.PercentOf(meanOf(runs, func(r Report) stats.Mean { return x.said(r).Covered })))
			rows = append(rows, row)
		}
		header := []string{w.name, "captions"}
		for _, k := range Kinds() {
			header = append(header, string(k))
		}
		s.Text += lesson.Table(append(header, "nothing too much", "at least half fits", "words that fit"), rows) + "\n"
		f, err := kindsFigure(runs, w)
		if err != nil {
			return s, err
		}
		s.Figures = append(s.Figures, lesson.Figure{Name: w.identifier + "-kinds", Title: "What captions say too much, " + w.name,
			Caption: "Captions that were put to the wrong photographs, and how often something of each kind in them is in none of the photograph's captions. Right captions show how much people differ, random pairs what guessing gives; they are the same with every seed, so that their intervals are over captions. " + byAnswer, Plot: f})
	}
	s.Text += fmt.Sprintf("A caption may have words too much of several kinds. Counting every answer as right whose content words all stand in the photograph's captions, recall@1 would be %s from picture to text instead of %s, and %s instead of %s from text to picture; "+
		"counting those of which at least half do, %s and %s. Not all of them are right: of random pairs %s and %s would count as well.",
		lesson.PercentOf(lenient(runs, ways()[0], func(s Said) stats.Proportion { return s.All })), lesson.PercentOf(shareOf(runs, func(r Report) stats.Proportion { return r.Found.ImageToText[1] })),
		lesson.PercentOf(lenient(runs, ways()[1], func(s Said) stats.Proportion { return s.All })), lesson.PercentOf(shareOf(runs, func(r Report) stats.Proportion { return r.Found.TextToImage[1] })),
		lesson.PercentOf(lenient(runs, ways()[0], func(s Said) stats.Proportion { return s.Most })), lesson.PercentOf(lenient(runs, ways()[1], func(s Said) stats.Proportion { return s.Most })),
		lesson.Percent(runs[0].Report.Random.All.Value), lesson.Percent(runs[0].Report.Random.Most.Value))
	return s, nil
}

// lenient is recall@1 if mistakes that fit counted as right.
func lenient(runs []ran, w way, fit func(Said) stats.Proportion) stats.Mean {
	return lesson.OverSeeds(runs, func(r Report) float64 {
		recall := w.recall(r)[1].Value
		return recall + (1-recall)*fit(w.direction(r).Mistakes).Value
	})
}

func mistakesSection(runs []ran) (s lesson.Section, err error) {
	s.Heading = "The most confident mistakes of retrieval"
	s.Text = fmt.Sprintf("Seed %d, what was found shown once where it was found for several; `%s/picture-to-text-mistakes.png` and `%s/text-to-picture-mistakes.png` in the run's folder draw them. Instead: numbers, colours, people and animals that at least half of the photograph's captions have and the caption has not.\n",
		runs[0].Seed, folder, folder)
	for _, w := range ways() {
		var rows [][]string
		for _, x := range w.direction(runs[0].Report).Examples {
			rows = append(rows, []string{x.Photograph, x.Caption, listOr(x.Missing) + fmt.Sprintf(" (of %d)", x.Words), listOr(x.Instead), lesson.Percent(x.Confidence), fmt.Sprint(x.Rank)})
		}
		hub := func(figure func(Hubs) float64) string {
			return lesson.Number(lesson.OverSeeds(runs, func(r Report) float64 { return figure(w.direction(r).Hubs) }), 0)
		}
		s.Text += fmt.Sprintf("\nHubs, %s: of %d candidates %s were found by mistake at all, the commonest of them %s times, by %s mistakes.\n", w.name, w.direction(runs[0].Report).Hubs.Candidates,
			hub(func(h Hubs) float64 { return float64(h.Distinct) }), hub(func(h Hubs) float64 { return float64(h.Most) }),
			lesson.Number(lesson.OverSeeds(runs, func(r Report) float64 { return float64(w.direction(r).Mistakes.N) }), 0))
		s.Text += "\n" + lesson.Table([]string{w.name + ": photograph", "caption", "words too much", "instead", "confidence", "rank of the best right answer"}, rows)
	}
	return s, nil
}

// commonest are swaps of all seeds together, the commonest first.
func commonest(runs []ran, w way, n int) (all []Swap) {
	place := map[[2]string]int{}
	for _, r := range runs {
		for _, x := range w.direction(r.Report).Swaps {
			key := [2]string{x.Said, x.Is}
			if _, ok := place[key]; !ok {
				place[key] = len(all)
				all = append(all, Swap{Said: x.Said, Is: x.Is})
			}
			all[place[key]].Count += x.Count
			all[place[key]].Chance += x.Chance
		}
	}
	sortSwaps(all)
	return all[:min(n, len(all))]
}

func swapsSection(runs []ran) (s lesson.Section, err error) {
	s.Heading = "Words in the place of others"
	s.Text = fmt.Sprintf("The commonest, over all mistakes of %s; beside them how many there would be if as many captions were put to random photographs.\n", seedsOf(runs))
	for _, w := range ways() {
		var rows [][]string
		for _, x := range commonest(runs, w, 12) {
			rows = append(rows, []string{x.Said, x.Is, fmt.Sprint(x.Count), fmt.Sprintf("%.1f", x.Chance)})
		}
		s.Text += "\n" + lesson.Table([]string{w.name + ": the caption says", "the photograph's captions say", "mistakes", "by chance"}, rows)
	}
	return s, nil
}

func seedsOf(runs []ran) string {
	if len(runs) == 1 {
		return "the seed"
	}
	return fmt.Sprintf("all %d seeds together", len(runs))
}

func confidenceSection(runs []ran) (s lesson.Section, err error) {
	s.Heading = "How sure it is when it is wrong"
	var rows [][]string
	for _, x := range answered() {
		last := len(x.tenths(runs[0].Report)) - 1
		top := func(r Report) Tenth { return x.tenths(r)[last] }
		rows = append(rows, []string{x.name, lesson.PercentOf(meanOf(runs, x.right)), lesson.PercentOf(meanOf(runs, x.wrong)),
			lesson.Percent(lesson.OverSeeds(runs, func(r Report) float64 { return top(r).Confidence }).Value), lesson.PercentOf(shareOf(runs, func(r Report) stats.Proportion { return top(r).Right }))})
	}
	s.Text = lesson.Table([]string{"", "confidence of right answers", "of wrong ones", "of the most confident tenth", "of that tenth are right"}, rows) +
		fmt.Sprintf("\nThe expected calibration error of the classification, in ten bins, is %s; the temperature of retrieval %s.",
			lesson.PercentOf(lesson.OverSeeds(runs, func(r Report) float64 { return r.Classes.ECE })), lesson.Number(lesson.OverSeeds(runs, func(r Report) float64 { return r.Temp }), 4))
	f, err := confidenceFigure(runs)
	s.Figures = []lesson.Figure{{Name: "confidence", Title: "Right answers by confidence",
		Caption: "Answers in tenths by their confidence; below the line of honest confidence a model promises too much, above it too little. " + byAnswer, Plot: f}}
	return s, err
}
