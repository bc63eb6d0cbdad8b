package answering

import (
	"fmt"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `Visual question answering (Antol et al. 2015, arXiv 1505.00468): a picture, a question, and one answer of a fixed list. CLIP was never asked a question, but it has seen
pictures and words together; "How Much Can CLIP Benefit Vision-and-Language Tasks?" (Shen et al. 2022, arXiv 2107.06383) puts its image tower in the place of the usual one and finds
that what is to be taken from it is the grid of its last layer, not the embedding that CLIP compares with texts.

A CLIP is trained from nothing on scenes of one object and their captions: where a batch has many red things it has to tell their shapes, sizes and textures too (captions that are true of two pictures of a batch, which are few, count as wrong). On its image tower stands a small network (package clip/answering): the question
tells the places of the picture what to look for, by scaling and shifting what is known of them (FiLM, Perez et al. 2018, arXiv 1709.07871). A GRU reads the question word by word. The questions are about scenes of one to three objects. The network learns from scenes that are each seen once, with some of the questions that Scenes asks about them: for the colour, shape, size or texture of an object,
for a number, for existence ("is there a red circle?"), for a relation ("is the red circle left of the star?"). A relation is between two things that a network has to find first. So after 1,000
steps of each training, and all through the fine-tuning, relations are asked more often than in the tests: up to half of the questions about a picture. (The baselines learn from that mixture too: what they guess is
a little off for the tests.) The network is then asked up to nine questions about each new scene: one for each attribute, one for a number, two for existence, two for a relation. The scenes of the split test have pairs of colour and
shape as training had them; each scene of the split unseen has at least one pair that training never had.

The same network is trained on less, to see what each part brings: the **question alone** (it sees nothing), the **picture alone** (it does not hear the question), the **pooled embedding** (CLIP's vector for
the whole picture is the one place there is; this CLIP was never shown two things at once), and the **grid** of a tower that is frozen as CLIP left it. Last, that network goes on with its tower learning too, **fine-tuned** from CLIP's weights. The first two are trained for
2,000 steps, the next two for 3,000, the last for 4,000 after the 3,000 of the one it begins with: between the last two lie the tower's learning and the further steps, which this study does not part.

Set beforehand: at least 90% of all questions answered right on the split test, and at least 25 points more than the question alone.`

// The bars that were set beforehand.
const (
	wantedRight = 0.90
	wantedMore  = 0.25
)

type ran = lesson.Run[Config, Report]

// find is a network's share of right answers in one run.
func (r Report) find(network, group string, split scenes.Split) stats.Mean {
	for _, x := range r.Results {
		if x.Network == network && x.Group == group && x.Split == split {
			return x.Right
		}
	}
	return stats.Mean{}
}

// right is over seeds, or of the one seed over its scenes.
func right(runs []ran, network, group string, split scenes.Split) stats.Mean {
	return lesson.ShareOver(runs, func(r Report) stats.Proportion { return stats.Proportion(r.find(network, group, split)) })
}

// more is by how much a network does better than another on all questions of the split test, over seeds.
func more(runs []ran, network, than string) stats.Mean {
	return lesson.OverSeeds(runs, func(r Report) float64 {
		return r.find(network, everything, scenes.Test).Value - r.find(than, everything, scenes.Test).Value
	})
}

func figures(r Report) map[string]float64 {
	out := map[string]float64{}
	for _, x := range r.Results {
		lesson.PutMean(out, identifier(x.Network)+"_"+identifier(x.Group)+"_"+string(x.Split), x.Right)
	}
	return out
}

func identifier(name string) string {
	return strings.NewReplacer(", ", "_", " ", "_", "-", "_").Replace(name)
}

func tell(runs []ran) (told lesson.Told, err error) {
	overall := func(network string) string { return lesson.PercentOf(right(runs, network, everything, scenes.Test)) }
	told.Answer = fmt.Sprintf("On the grid of CLIP's tower, fine-tuned, %s of the questions are answered right (%s), on the frozen grid %s, on CLIP's pooled embedding %s; from the question alone %s, from the picture alone %s. "+
		"The fine-tuned network is %s points above the question alone (%s). Among scenes with a pair of colour and shape never trained on, the fine-tuned network is right in %s.",
		overall(gridTuned), held(right(runs, gridTuned, everything, scenes.Test).Value, wantedRight, "bar 90%"), overall(gridFrozen), overall(pooled), overall(questionAlone), overall(pictureAlone),
		points(more(runs, gridTuned, questionAlone)), held(more(runs, gridTuned, questionAlone).Value, wantedMore, "bar 25"),
		lesson.PercentOf(right(runs, gridTuned, everything, scenes.Unseen)))
	kinds, err := byKind(runs)
	if err != nil {
		return told, err
	}
	splits, err := bySplit(runs)
	if err != nil {
		return told, err
	}
	told.Sections = []lesson.Section{
		{Heading: "By kind of question", Text: "Share of right answers on the split test: scenes that were never trained on, with pairs of colour and shape that were.\n\n" + table(runs, scenes.Test) +
			"\nYes and no come equally often, and of two objects a relation is asked once as it is and once turned round: who does not see the places can only guess. The picture alone has one answer to all questions about a picture: where that is yes or no, it is right for half of those and for no other.",
			Figures: []lesson.Figure{{Name: "kinds", Title: "Right answers by kind of question", Plot: kinds,
				Caption: "Split test. 95% intervals: over scenes for one seed, and for several over the seeds, whose networks are asked about the same scenes."}}},
		{Heading: "Pairs never seen", Text: "The same for scenes that each have at least one pair of colour and shape that no training scene had, such as a red cross. The last row has the questions that are about such a pair itself.\n\n" + table(runs, scenes.Unseen),
			Figures: []lesson.Figure{{Name: "unseen", Title: "Seen and unseen pairs of colour and shape", Plot: splits, Caption: "The fine-tuned network on both splits. 95% intervals as above."}}},
	}
	sheets, err := examples(runs[0])
	if err != nil {
		return told, err
	}
	told.Sections = append(told.Sections, lesson.Section{Heading: "Answers", Figures: sheets,
		Text: "The fine-tuned network's answers to all questions that were asked about the first scenes of each split: not chosen, right and wrong."})
	return told, nil
}

// held says whether a bar was reached.
func held(found, wanted float64, bar string) string {
	if found >= wanted {
		return bar + ", reached"
	}
	return bar + ", missed"
}

// points is a difference of shares in points.
func points(m stats.Mean) string {
	return lesson.Number(stats.Mean{Value: 100 * m.Value, Low: 100 * m.Low, High: 100 * m.High, N: m.N}, 1)
}

// table is a row for each group of questions and a column for each network.
func table(runs []ran, split scenes.Split) string {
	header := []string{"questions"}
	for _, v := range variants() {
		header = append(header, v.name)
	}
	var rows [][]string
	for _, group := range groups() {
		if runs[0].Report.find(gridTuned, group, split).N == 0 {
			continue
		}
		row := []string{group}
		for _, v := range variants() {
			row = append(row, lesson.PercentOf(right(runs, v.name, group, split)))
		}
		rows = append(rows, row)
	}
	return lesson.Table(header, rows)
}

// kindsShown are the groups of the figures.
func kindsShown() []string {
	return []string{everything, string(scenes.AskAttribute), string(scenes.AskCount), string(scenes.AskExistence), string(scenes.AskRelation)}
}

// bars is one series of a figure.
func bars(runs []ran, name, network string, groups []string, split scenes.Split) plots.BarSeries {
	s := plots.BarSeries{Name: name}
	for _, group := range groups {
		m := right(runs, network, group, split)
		s.Values, s.Low, s.High = append(s.Values, m.Value), append(s.Low, max(m.Low, 0)), append(s.High, min(m.High, 1))
	}
	return s
}

func byKind(runs []ran) (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "Right answers by kind of question", XLabel: "kind of question", YLabel: "right answers (95% interval)", Percent: true, Categories: kindsShown()}
	for _, v := range variants() {
		cfg.Series = append(cfg.Series, bars(runs, v.name, v.name, kindsShown(), scenes.Test))
	}
	return plots.Bars(cfg)
}

func bySplit(runs []ran) (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "Seen and unseen pairs of colour and shape", XLabel: "kind of question", YLabel: "right answers (95% interval)", Percent: true, Categories: kindsShown()}
	cfg.Series = []plots.BarSeries{bars(runs, "pairs as in training", gridTuned, kindsShown(), scenes.Test), bars(runs, "at least one pair never seen", gridTuned, kindsShown(), scenes.Unseen)}
	return plots.Bars(cfg)
}

// examples are the sheets of a run's first scenes, drawn again.
func examples(run ran) (figures []lesson.Figure, err error) {
	for _, sheet := range []struct {
		split       scenes.Split
		name, title string
	}{
		{scenes.Test, "answers", "Answers about the first scenes, seen pairs"},
		{scenes.Unseen, "answers-unseen", "Answers about the first scenes with a pair never seen"},
	} {
		set, err := run.Config.testScenes(sheet.split)
		if err != nil {
			return nil, err
		}
		cfg := plots.SheetConfig{Title: sheet.title}
		asked, good := 0, 0
		for _, s := range run.Report.Shown {
			if s.Split != sheet.split {
				continue
			}
			row := plots.SheetRow{Pictures: []plots.SheetPicture{{Picture: set.Scene(s.Scene).Image()}}}
			for _, a := range s.Asked {
				line := fmt.Sprintf("%s %s", a.Question, a.Answer)
				asked++
				if a.Answer == a.Truth {
					good++
				} else {
					line += fmt.Sprintf(" — wrong, it is %s", a.Truth)
				}
				row.Lines = append(row.Lines, line)
			}
			cfg.Rows = append(cfg.Rows, row)
		}
		plot, err := plots.Sheet(cfg)
		if err != nil {
			return nil, err
		}
		figures = append(figures, lesson.Figure{Name: sheet.name, Title: sheet.title, Plot: plot, Caption: fmt.Sprintf("Seed %d; %d of these %d are right.", run.Seed, good, asked)})
	}
	return figures, nil
}
