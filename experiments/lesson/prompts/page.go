package prompts

import (
	"fmt"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `Zero-shot classification puts the names of the classes into words and takes the class whose words are nearest to the picture. Does it matter into which words? For
ImageNet and their largest models Radford et al. (2021, section 3.1.4) report 1.3 points more for "A photo of a {label}." than for the bare word, and 3.5 more for an ensemble of 80 prompts: the
unit mean of the prompts' unit embeddings stands for the class.

Two small models answer here, each trained in the run. One is a CLIP from scratch on product photographs with their titles, which classifies held-out products by articleType. The other is a text
transformer against a locked SqueezeNet on Flickr8k's photographs and captions, which classifies CIFAR-10's pictures. No class was ever a label in training. For each there are prompts in the manner of the texts
that it learned from, all written before anything was measured:

- the **bare word**, as the data set spells it; **a photo of a** {};
- **other names too**: the ensemble of all the names of a class, such as car and automobile, or T-shirt and Tshirts;
- **class-specific**: two prompts for each class alone, such as "a ship on the ocean";
- ensembles of 1 to **all templates** drawn at random, and a subset **chosen greedily**: the template that helps most comes next, on training pictures that the model was not trained on, and the subset ends where accuracy on them is highest.`

type ran = lesson.Run[Config, Report]

// over is a share over seeds, or of the one seed over its pictures.
func over(runs []ran, figure func(Report) stats.Mean) stats.Mean {
	if len(runs) == 1 {
		return figure(runs[0].Report)
	}
	return lesson.OverSeeds(runs, func(r Report) float64 { return figure(r).Value })
}

func top1(runs []ran, task, wording int) stats.Mean {
	return over(runs, func(r Report) stats.Mean { return stats.Mean(r.Tasks[task].Wordings[wording].Top1) })
}

func gained(runs []ran, task, wording int) stats.Mean {
	return over(runs, func(r Report) stats.Mean { return r.Tasks[task].Wordings[wording].Gain })
}

// points is a difference of shares in percentage points, such as +1.2 (-0.3 to +2.7).
func points(m stats.Mean) string {
	if m.Low == m.High {
		return fmt.Sprintf("%+.1f", 100*m.Value)
	}
	return fmt.Sprintf("%+.1f (%+.1f to %+.1f)", 100*m.Value, 100*m.Low, 100*m.High)
}

func identifier(name string) string { return strings.ReplaceAll(name, " ", "_") }

// number is the place of a wording in a task.
func (t Task) number(name string) int {
	for i, w := range t.Wordings {
		if w.Name == name {
			return i
		}
	}
	return 0
}

func tell(runs []ran) (told lesson.Told, err error) {
	for i, t := range runs[0].Report.Tasks {
		photo, all, chosen := t.number("a photo of a"), t.number("all templates"), t.number("chosen greedily")
		told.Answer += fmt.Sprintf("A model of %s classifies %s in %s by the bare word (chance %s). In points, \"a photo of a {}\" adds %s, all %d templates together %s, a subset that training pictures choose %s. ",
			t.Name, t.Data, lesson.PercentOf(top1(runs, i, 0)), lesson.Percent(1/float64(t.Classes)), points(gained(runs, i, photo)), len(t.Templates), points(gained(runs, i, all)), points(gained(runs, i, chosen)))
		section := lesson.Section{Heading: strings.ToUpper(t.Name[:1]) + t.Name[1:] + ": " + t.Data}
		section.Text = fmt.Sprintf("%d classes, %d pictures; prompts were chosen on %d others.\n\n", t.Classes, t.Pictures, t.Choosing) + wordingTable(runs, i)
		bars, err := wordingFigure(runs, i)
		if err != nil {
			return told, err
		}
		curve, err := ensembleFigure(runs, i)
		if err != nil {
			return told, err
		}
		name := strings.ReplaceAll(t.Name, " ", "-")
		section.Figures = []lesson.Figure{
			{Name: name + "-wordings", Title: "Accuracy by wording, " + t.Name, Caption: "95% intervals, over pictures for one seed and over seeds for several. The gains in the table are paired by picture, which makes them surer than the bars look.", Plot: bars},
			{Name: name + "-ensembles", Title: "Accuracy by the size of the ensemble, " + t.Name,
				Caption: "Random ensembles: mean of the draws, and a band from the worst to the best of them; all averaged over the seeds. Greedy: on the pictures that chose the templates, and on the others, which is what counts.", Plot: curve},
		}
		told.Sections = append(told.Sections, section, lesson.Section{Heading: "Templates for " + t.Name, Text: templateTable(runs, i)})
	}
	return told, nil
}

func wordingTable(runs []ran, task int) string {
	var rows [][]string
	for i, w := range runs[0].Report.Tasks[task].Wordings {
		prompts := fmt.Sprint(w.Prompts)
		if w.Name == "chosen greedily" {
			var sizes []string
			for _, r := range runs {
				sizes = append(sizes, fmt.Sprint(r.Report.Tasks[task].Kept))
			}
			prompts = strings.Join(sizes, ", ")
		}
		rows = append(rows, []string{w.Name, prompts, lesson.PercentOf(top1(runs, task, i)), points(gained(runs, task, i))})
	}
	return lesson.Table([]string{"wording", "prompts a class", "accuracy", "points over the bare word"}, rows)
}

func templateTable(runs []ran, task int) string {
	t := runs[0].Report.Tasks[task]
	var rows [][]string
	for i, a := range t.Templates {
		alone := over(runs, func(r Report) stats.Mean { return stats.Mean(r.Tasks[task].Templates[i].Top1) })
		var places []string
		for _, r := range runs {
			for k, g := range r.Report.Tasks[task].Greedy[:r.Report.Tasks[task].Kept] {
				if g.Template == a.Template {
					places = append(places, fmt.Sprintf("%d (seed %d)", k+1, r.Seed))
				}
			}
		}
		rows = append(rows, []string{"`" + a.Template + "`", lesson.PercentOf(alone), strings.Join(places, ", ")})
	}
	return "Each template by itself, and its place in the subset that was chosen greedily, where it is in it.\n\n" + lesson.Table([]string{"template", "accuracy alone", "chosen as number"}, rows)
}

func wordingFigure(runs []ran, task int) (*plots.Figure, error) {
	t := runs[0].Report.Tasks[task]
	cfg := plots.BarsConfig{Title: fmt.Sprintf("Zero-shot accuracy on %s by wording", t.Data), YLabel: "accuracy (95% interval)", Percent: true, Chance: []float64{1 / float64(t.Classes)}}
	var bars plots.BarSeries
	for i, w := range t.Wordings {
		m := top1(runs, task, i)
		cfg.Categories = append(cfg.Categories, w.Name)
		bars.Values, bars.Low, bars.High = append(bars.Values, m.Value), append(bars.Low, max(m.Low, 0)), append(bars.High, min(m.High, 1))
	}
	cfg.Series = []plots.BarSeries{bars}
	return plots.Bars(cfg)
}

func ensembleFigure(runs []ran, task int) (*plots.Figure, error) {
	t := runs[0].Report.Tasks[task]
	mean := func(figure func(Task) float64) float64 {
		return 100 * lesson.OverSeeds(runs, func(r Report) float64 { return figure(r.Tasks[task]) }).Value
	}
	random, choosing, others := plots.Series{Name: "drawn at random"}, plots.Series{Name: "greedy, on the pictures that chose"}, plots.Series{Name: "greedy, on the others"}
	for i := range t.Random {
		x := float64(i + 1)
		low, high := mean(func(t Task) float64 { return t.Random[i].Lowest }), mean(func(t Task) float64 { return t.Random[i].Highest })
		random.X, random.Y = append(random.X, x), append(random.Y, min(max(mean(func(t Task) float64 { return t.Random[i].Mean }), low), high))
		random.Low, random.High = append(random.Low, low), append(random.High, high)
		choosing.X, choosing.Y = append(choosing.X, x), append(choosing.Y, mean(func(t Task) float64 { return t.Greedy[i].Choosing }))
		others.X, others.Y = append(others.X, x), append(others.Y, mean(func(t Task) float64 { return t.Greedy[i].Top1.Value }))
	}
	return plots.Curves(plots.CurvesConfig{Title: fmt.Sprintf("Accuracy on %s by the number of templates", t.Data), XLabel: "templates in the ensemble", YLabel: "accuracy (%)", WholeX: true,
		Series:     []plots.Series{random, others, choosing},
		References: []plots.ReferenceLine{{Label: "bare word", Y: 100 * over(runs, func(r Report) stats.Mean { return stats.Mean(r.Tasks[task].Wordings[0].Top1) }).Value}}})
}
