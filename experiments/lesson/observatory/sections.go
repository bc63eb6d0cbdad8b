package observatory

import (
	"fmt"
	"math"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

func mapsSection(runs []ran) (s lesson.Section, err error) {
	first := runs[0].Report.Products.Moments
	n := len(first[0].Maps[0].X) / 2
	s.Heading = "Both modalities in training"
	var rows [][]string
	for i, m := range first {
		for k, drawn := range m.Maps {
			rows = append(rows, []string{moment(m.Step), drawn.Method, lesson.PercentOf(either(runs, func(r Report) stats.Mean { return r.Products.Moments[i].Maps[k].Kept })),
				lesson.Number(over(runs, func(r Report) float64 { return r.Products.Moments[i].Maps[k].Trustworthiness }), 3)})
		}
	}
	s.Text = fmt.Sprintf("Maps of %d held-out pairs, %d points; %d nearest neighbours. Without a map, by chance, %s of them would be kept.\n\n", n, 2*n, runs[0].Config.Neighbours,
		lesson.Percent(float64(runs[0].Config.Neighbours)/float64(2*n-1))) + lesson.Table([]string{"", "method", "neighbours kept", "trustworthiness"}, rows)
	for k, drawn := range first[0].Maps {
		figure, err := pairsFigure(runs[0], k)
		if err != nil {
			return s, err
		}
		caption := fmt.Sprintf("Products of seed %d. Lines join %d pictures with their own titles. Above each picture: the share of the %d nearest neighbours that it keeps, and its trustworthiness (T).",
			runs[0].Seed, runs[0].Config.Joined, runs[0].Config.Neighbours)
		if drawn.Ratio == nil {
			caption += " The axes mean nothing."
		}
		s.Figures = append(s.Figures, lesson.Figure{Name: strings.ToLower(strings.ReplaceAll(drawn.Method, "-", "")), Title: drawn.Method + " of pictures and titles in training", Caption: caption, Plot: figure})
	}
	return s, nil
}

func gapSection(runs []ran) (s lesson.Section, err error) {
	s.Heading = "The modality gap"
	var rows [][]string
	for _, set := range watched() {
		for i, m := range set.of(runs[0].Report).Moments {
			figure := func(of func(Gap) float64) stats.Mean {
				return over(runs, func(r Report) float64 { return of(set.of(r).Moments[i].Gap) })
			}
			rows = append(rows, []string{set.name + " " + moment(m.Step), lesson.Number(figure(func(g Gap) float64 { return g.Length }), 2),
				lesson.Number(figure(func(g Gap) float64 { return g.Images }), 2), lesson.Number(figure(func(g Gap) float64 { return g.Texts }), 2),
				lesson.Number(figure(func(g Gap) float64 { return g.Pairs }), 2), lesson.Number(figure(func(g Gap) float64 { return g.Others }), 2),
				lesson.PercentOf(figure(func(g Gap) float64 { return g.Variance })), lesson.Number(figure(func(g Gap) float64 { return g.Axis }), 2),
				lesson.PercentOf(either(runs, func(r Report) stats.Mean { return stats.Mean(set.of(r).Moments[i].Gap.Linear) }))})
		}
	}
	s.Text = lesson.Table([]string{"", "gap", "cosine of two pictures", "of two texts", "of a pair", "of no pair", "variance in the gap", "cosine of gap and first axis", "told apart linearly"}, rows)
	cone := func(of func(Cones) stats.Mean) string {
		return lesson.Number(either(runs, func(r Report) stats.Mean { return of(r.Cones) }), 2)
	}
	s.Text += fmt.Sprintf("\nThe gap runs from 0 to 2; \"told apart linearly\" are held-out embeddings whose modality a logistic regression tells that was fitted to others (half of %d pairs each).\n"+
		"\nIn %d models with fresh weights two pictures of products have a mean cosine of %s and two titles of %s (1: all in one direction, 0: no cone); the gap between the two is %s. "+
		"Without a second modality: the same pictures in two image towers that differ in their random weights alone have centroids %s apart, the same titles in two text towers %s.\n",
		min(runs[0].Config.Batch, runs[0].Report.Products.Moments[0].Gap.N), runs[0].Report.Cones.Models,
		cone(func(c Cones) stats.Mean { return c.Images }), cone(func(c Cones) stats.Mean { return c.Texts }), cone(func(c Cones) stats.Mean { return c.Gap }),
		cone(func(c Cones) stats.Mean { return c.ImageTower }), cone(func(c Cones) stats.Mean { return c.TextTower }))
	s.Text += fmt.Sprintf("\nThe image tower of the products has batch norms. A batch is normalised by its own statistics, held-out pictures by those gathered in training so far: before the first step there are none, "+
		"and after a few they are not yet those of pictures. With the weights before training, held-out pairs have a gap of %s so, and the first batch by its own statistics, of other pictures with parts of titles, one of %s.\n",
		lesson.Number(over(runs, func(r Report) float64 { return r.Products.Moments[0].Gap.Length }), 2), lesson.Number(over(runs, func(r Report) float64 { return r.Products.Curve[0].Gap }), 2))
	figure, err := gapFigure(runs)
	s.Figures = []lesson.Figure{{Name: "gap", Title: "The gap in training",
		Caption: "Training batches (over several seeds the mean, and a band from the lowest to the highest), and held-out pairs at the moments that were looked at, with straight lines between.", Plot: figure}}
	return s, err
}

func shiftSection(runs []ran) (s lesson.Section, err error) {
	cfg := runs[0].Config
	s.Heading = "What a mean shift does"
	var rows [][]string
	for _, set := range watched() {
		row := func(name string, of func(Report) Shift) {
			share := func(p func(Shift) stats.Proportion) string {
				if p(of(runs[0].Report)).N == 0 {
					return ""
				}
				return lesson.PercentOf(either(runs, func(r Report) stats.Mean { return stats.Mean(p(of(r))) }))
			}
			rows = append(rows, []string{set.name + ", " + name, fmt.Sprintf("%.2f", over(runs, func(r Report) float64 { return of(r).Gap }).Value),
				lesson.Number(over(runs, func(r Report) float64 { return of(r).Losses[0] }), 2), share(func(s Shift) stats.Proportion { return s.At1 }),
				share(func(s Shift) stats.Proportion { return s.At10 }), share(func(s Shift) stats.Proportion { return s.TextAt10 }), share(func(s Shift) stats.Proportion { return s.ZeroShot })})
		}
		for i, lambda := range cfg.Lambdas {
			row(fmt.Sprintf("lambda %g", lambda), func(r Report) Shift { return set.of(r).Shifted.Shifts[i] })
		}
		row("each less its centroid", func(r Report) Shift { return set.of(r).Shifted.Centred })
	}
	s.Text = lesson.Table([]string{"", "gap left", "loss (nats)", "recall@1", "recall@10", "text to picture", "zero-shot"}, rows) + "\n" + shiftText(runs)
	losses, shares, err := shiftFigures(runs)
	if err != nil {
		return s, err
	}
	s.Figures = []lesson.Figure{
		{Name: "shift-loss", Title: "Loss by what is left of the gap", Caption: "Held-out pairs, nothing trained anew. Of the same embeddings the loss at the temperature that was learned, and at others. The dot is where training left the model, at its own temperature." +
			" Means over seeds; the bands are 95% intervals where there are several.", Plot: losses},
		{Name: "shift-recall", Title: "What is found by what is left of the gap", Caption: "Held-out pictures: recall from picture to text, and zero-shot classification of products. 95% intervals, over pictures for one seed and over seeds for several.", Plot: shares},
	}
	return s, nil
}

// shiftText says where the loss is lowest, and what closing the gap changes.
func shiftText(runs []ran) string {
	var parts []string
	cfg := runs[0].Config
	still, closed := shiftAt(cfg, 0), shiftAt(cfg, 0.5)
	for _, set := range watched() {
		loss := func(i int) stats.Mean {
			return over(runs, func(r Report) float64 { return set.of(r).Shifted.Shifts[i].Losses[0] })
		}
		best := 0
		for i := range cfg.Lambdas {
			if loss(i).Value < loss(best).Value {
				best = i
			}
		}
		w := set.of(runs[0].Report)
		text := fmt.Sprintf("Of the %s the loss over %d pairs (chance is ln %d = %.2f) is lowest at lambda %g, %s nats; as trained it is %s, with the gap closed %s. Closed less as trained, paired by picture: recall@1 %s, recall@10 %s",
			set.name, w.Shifted.Pairs, w.Shifted.Pairs, math.Log(float64(w.Shifted.Pairs)), cfg.Lambdas[best], lesson.Number(loss(best), 3), lesson.Number(loss(still), 3), lesson.Number(loss(closed), 3),
			points(either(runs, func(r Report) stats.Mean { return set.of(r).Shifted.Closed.At1 })), points(either(runs, func(r Report) stats.Mean { return set.of(r).Shifted.Closed.At10 })))
		if w.Shifted.Closed.ZeroShot.N > 0 {
			text += ", zero-shot " + points(either(runs, func(r Report) stats.Mean { return set.of(r).Shifted.Closed.ZeroShot }))
		}
		parts = append(parts, text+".")
	}
	return strings.Join(parts, "\n\n") + "\n"
}

func classSection(runs []ran) (s lesson.Section, err error) {
	c := runs[0].Report.Classes
	s.Heading = "What distances in a map mean"
	var rows [][]string
	for i, m := range c.Maps {
		mean := func(of func(ClassMap) stats.Mean) stats.Mean {
			return either(runs, func(r Report) stats.Mean { return of(r.Classes.Maps[i]) })
		}
		agrees := ""
		if m.Agreement.N > 0 {
			agrees = lesson.Number(agreement(runs, i), 2)
		}
		rows = append(rows, []string{m.Name, lesson.PercentOf(mean(func(m ClassMap) stats.Mean { return m.Kept })), lesson.Number(mean(func(m ClassMap) stats.Mean { return m.Trustworthiness }), 3),
			lesson.Number(distances(runs, i), 2), lesson.Number(mean(func(m ClassMap) stats.Mean { return m.Spreads }), 2), agrees})
	}
	pictures := 0
	for _, n := range c.Sizes {
		pictures += n
	}
	s.Text = fmt.Sprintf("The %d held-out pictures of %d classes, after training. Rank correlations (Spearman) over the %d couples of classes, and of spreads over the classes. The perplexity of t-SNE is %g where no other is named. "+
		"Intervals are over %d maps that differ in their start for one seed (of the last column over each map and the one before it, which share maps), and over seeds for several.\n\n", pictures, len(c.Names), len(c.Between), runs[0].Config.Perplexities[0], runs[0].Config.Starts) +
		lesson.Table([]string{"map", "neighbours kept", "trustworthiness", "distances as in the embedding", "spreads as in the embedding", "distances as in another start's map"}, rows)
	maps, err := classFigure(runs[0])
	if err != nil {
		return s, err
	}
	between, err := betweenFigure(runs[0])
	if err != nil {
		return s, err
	}
	s.Figures = []lesson.Figure{
		{Name: "classes", Title: "Classes of products", Caption: fmt.Sprintf("Pictures alone, seed %d; the maps are of all %d, of which %d are drawn. The two t-SNEs are of the same embeddings: what changes from one to the other is what a t-SNE does not know. The axes of all but the PCA mean nothing.",
			runs[0].Seed, pictures, len(c.Labels)), Plot: maps},
		{Name: "distances", Title: "Distances between classes", Caption: fmt.Sprintf("Every point is a couple of classes, seed %d. A map that keeps distances would draw them along a rising line.", runs[0].Seed), Plot: between},
	}
	return s, nil
}
