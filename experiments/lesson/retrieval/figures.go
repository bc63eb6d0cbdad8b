package retrieval

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

func sortSwaps(all []Swap) {
	slices.SortStableFunc(all, func(a, b Swap) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Said, b.Said), cmp.Compare(a.Is, b.Is))
	})
}

// add puts a bar with its interval, which stays a share, behind the others.
func add(bars *plots.BarSeries, m stats.Mean) {
	bars.Values, bars.Low, bars.High = append(bars.Values, m.Value), append(bars.Low, max(m.Low, 0)), append(bars.High, min(m.High, 1))
}

func recallFigure(runs []ran) (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "Recall both ways", YLabel: "share found (95% interval)", Percent: true}
	for _, k := range evaluate.RecallAt() {
		cfg.Categories = append(cfg.Categories, fmt.Sprintf("recall@%d", k))
		p, _ := guessed(runs[0].Report, false, k)
		cfg.Chance = append(cfg.Chance, p)
	}
	for _, w := range ways() {
		bars := plots.BarSeries{Name: w.name}
		for _, k := range evaluate.RecallAt() {
			add(&bars, shareOf(runs, func(r Report) stats.Proportion { return w.recall(r)[k] }))
		}
		cfg.Series = append(cfg.Series, bars)
	}
	return plots.Bars(cfg)
}

func kindsFigure(runs []ran, w way) (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "What captions say too much, " + w.name, YLabel: "share of captions (95% interval)", Percent: true}
	for _, k := range Kinds() {
		cfg.Categories = append(cfg.Categories, string(k))
	}
	cfg.Categories = append(cfg.Categories, "nothing")
	for _, x := range saidRows(w) {
		bars, runs := plots.BarSeries{Name: x.name}, differing(runs, x.said)
		for _, k := range Kinds() {
			add(&bars, shareOf(runs, func(r Report) stats.Proportion { return x.said(r).Kinds[k] }))
		}
		add(&bars, shareOf(runs, func(r Report) stats.Proportion { return x.said(r).All }))
		cfg.Series = append(cfg.Series, bars)
	}
	return plots.Bars(cfg)
}

// answering is something that answers with a confidence.
type answering struct {
	name         string
	right, wrong func(Report) stats.Mean
	tenths       func(Report) []Tenth
}

func answered() (all []answering) {
	for _, w := range ways() {
		all = append(all, answering{w.name, func(r Report) stats.Mean { return w.direction(r).Right }, func(r Report) stats.Mean { return w.direction(r).Wrong },
			func(r Report) []Tenth { return w.direction(r).Tenths }})
	}
	return append(all, answering{"classification", func(r Report) stats.Mean { return r.Classes.Right }, func(r Report) stats.Mean { return r.Classes.Wrong }, func(r Report) []Tenth { return r.Classes.Tenths }})
}

func confidenceFigure(runs []ran) (*plots.Figure, error) {
	most := 0.0
	cfg := plots.CurvesConfig{Title: "Right answers by confidence", XLabel: "confidence (%, mean of a tenth of the answers)", YLabel: "answers that are right (%, 95% interval)"}
	for _, x := range answered() {
		curve := plots.Series{Name: x.name}
		for i := range x.tenths(runs[0].Report) {
			m := shareOf(runs, func(r Report) stats.Proportion { return x.tenths(r)[i].Right })
			confidence := 100 * lesson.OverSeeds(runs, func(r Report) float64 { return x.tenths(r)[i].Confidence }).Value
			curve.X, most = append(curve.X, confidence), max(most, confidence)
			curve.Y, curve.Low, curve.High = append(curve.Y, 100*m.Value), append(curve.Low, 100*max(m.Low, 0)), append(curve.High, 100*min(m.High, 1))
		}
		cfg.Series = append(cfg.Series, curve)
	}
	cfg.Series = append(cfg.Series, plots.Series{Name: "honest: as sure as right", X: []float64{0, most}, Y: []float64{0, most}})
	return plots.Curves(cfg)
}

// taken are the pairs of classes of all seeds together, the commonest first; counts and pictures are sums, the confidence a mean.
func taken(runs []ran) (all []Pair) {
	place := map[[2]string]int{}
	for _, r := range runs {
		for _, x := range r.Report.Classes.Pairs {
			key := [2]string{x.Class, x.Said}
			i, ok := place[key]
			if !ok {
				i, place[key] = len(all), len(all)
				all = append(all, Pair{Class: x.Class, Said: x.Said, Of: x.Of * len(runs), Siblings: x.Siblings})
			}
			p := &all[i]
			p.Confidence = (p.Confidence*float64(p.Count) + x.Confidence*float64(x.Count)) / float64(p.Count+x.Count)
			p.Count += x.Count
		}
	}
	slices.SortStableFunc(all, func(a, b Pair) int { return cmp.Compare(b.Count, a.Count) })
	return all
}

const shown = 12 // pairs of classes

func classesSection(runs []ran) (s lesson.Section, err error) {
	c, pairs := runs[0].Report.Classes, taken(runs)
	s.Heading = "Classes that are taken for others"
	s.Text = fmt.Sprintf("%d classes of %s, %d held-out pictures; right in %s, guessing in %s, the commonest class alone in %s. The commonest mistakes of %s:\n\n",
		len(c.Classes), c.Data, c.Top1.N, lesson.PercentOf(shareOf(runs, func(r Report) stats.Proportion { return r.Classes.Top1 })), lesson.Percent(1/float64(len(c.Classes))), lesson.Percent(c.Majority), seedsOf(runs))
	all := 0
	for _, p := range pairs {
		all += p.Count
	}
	var rows [][]string
	for _, p := range pairs[:min(shown, len(pairs))] {
		siblings := "no"
		if p.Siblings {
			siblings = "yes"
		}
		rows = append(rows, []string{p.Class, p.Said, fmt.Sprint(p.Count), lesson.Percent(float64(p.Count) / float64(p.Of)), lesson.Percent(float64(p.Count) / float64(all)), lesson.Percent(p.Confidence), siblings})
	}
	s.Text += lesson.Table([]string{"class", "taken for", "pictures", "of the class", "of all mistakes", "mean confidence", "one " + c.Levels[0].Attribute}, rows) +
		fmt.Sprintf("\nMistakes between classes of one %s, siblings in the catalogue:\n\n", strings.Join(attributes(c), ", of one "))
	rows = nil
	for i, l := range c.Levels {
		rows = append(rows, []string{l.Attribute, lesson.PercentOf(shareOf(runs, func(r Report) stats.Proportion { return r.Classes.Levels[i].Mistakes })),
			lesson.PercentOf(shareOf(runs, func(r Report) stats.Proportion { return r.Classes.Levels[i].Confident })), lesson.Percent(lesson.OverSeeds(runs, func(r Report) float64 { return r.Classes.Levels[i].Chance }).Value)})
	}
	s.Text += lesson.Table([]string{"siblings by", "of all mistakes", fmt.Sprintf("of the %d most confident", c.Levels[0].Confident.N), "were every other class as likely"}, rows)
	heat, err := heatFigure(runs)
	if err != nil {
		return s, err
	}
	bars, err := pairsFigure(runs)
	s.Figures = []lesson.Figure{
		{Name: "classes", Title: "Classes that are taken for others", Caption: "Pictures of each class (row) by the class that was said, averaged over the seeds; siblings stand beside each other.", Plot: heat},
		{Name: "pairs", Title: "The commonest mistakes, and how sure they are", Caption: "The share of a class's pictures that is taken for another class, and the mean confidence of those mistakes, all seeds together.", Plot: bars},
	}
	return s, err
}

func attributes(c Classification) (names []string) {
	for _, l := range c.Levels {
		names = append(names, l.Attribute)
	}
	return names
}

func heatFigure(runs []ran) (*plots.Figure, error) {
	c := runs[0].Report.Classes
	values := make([][]float64, len(c.Classes))
	for i := range values {
		values[i] = make([]float64, len(c.Classes))
		for j := range values[i] {
			values[i][j] = 100 * lesson.OverSeeds(runs, func(r Report) float64 {
				n := 0
				for _, count := range r.Classes.Confusion[i] {
					n += count
				}
				return float64(r.Classes.Confusion[i][j]) / float64(max(n, 1))
			}).Value
		}
	}
	return plots.Heatmap(plots.HeatmapConfig{Title: "Classes by the class that was said", XLabel: "said", YLabel: "class of the catalogue", ValueLabel: "pictures of the class (%)", Min: 0, Max: 100,
		ShowValues: true, HighlightDiagonal: true, LabelEveryRow: true, Matrices: []plots.Matrix{{Values: values, RowLabels: c.Classes, ColLabels: c.Classes}}})
}

func pairsFigure(runs []ran) (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "The commonest mistakes, and how sure they are", YLabel: "share", Percent: true}
	share, sure := plots.BarSeries{Name: "share of the class's pictures (95% interval)"}, plots.BarSeries{Name: "mean confidence"}
	for _, p := range taken(runs) {
		if len(cfg.Categories) == shown {
			break
		}
		of := stats.Mean(stats.NewProportion(p.Count, p.Of))
		if len(runs) > 1 {
			of = lesson.OverSeeds(runs, func(r Report) float64 { return r.Classes.rate(p.Class, p.Said) })
		}
		cfg.Categories = append(cfg.Categories, p.Class+" → "+p.Said)
		add(&share, of)
		sure.Values = append(sure.Values, p.Confidence)
	}
	if len(cfg.Categories) == 0 {
		cfg.Categories, share, sure.Values = []string{"no mistakes"}, plots.BarSeries{Name: share.Name, Values: []float64{0}}, []float64{0}
	}
	cfg.Series = []plots.BarSeries{share, sure}
	return plots.Bars(cfg)
}

// rate is the share of a class's pictures that was taken for another class.
func (c Classification) rate(class, said string) float64 {
	for _, p := range c.Pairs {
		if p.Class == class && p.Said == said {
			return float64(p.Count) / float64(p.Of)
		}
	}
	return 0
}

func misnamedSection(runs []ran) (s lesson.Section, err error) {
	r := runs[0].Report.Classes
	s.Heading = "The most confident mistakes of classification"
	of := func(figure func(Titles) stats.Proportion) string {
		return lesson.PercentOf(shareOf(runs, func(r Report) stats.Proportion { return figure(r.Classes.Titles) }))
	}
	s.Text = fmt.Sprintf("Some may be the catalogue's. The titles of the pictures, which the model did not see, name the catalogue's class in %s of all pictures; in %s of the mistakes, and %s of the %d most confident ones, they name instead the class that the model said.\n\n",
		of(func(t Titles) stats.Proportion { return t.Own }), of(func(t Titles) stats.Proportion { return t.Mistakes }), of(func(t Titles) stats.Proportion { return t.Confident }), r.Titles.Confident.N)
	var rows [][]string
	for _, x := range r.Examples {
		rows = append(rows, []string{x.Picture, x.Class, x.Said, lesson.Percent(x.Confidence)})
	}
	s.Text += fmt.Sprintf("Seed %d; `%s/classes.png` in the run's folder shows them.\n\n", runs[0].Seed, folder) + lesson.Table([]string{"picture", "class", "taken for", "confidence"}, rows)
	return s, nil
}
