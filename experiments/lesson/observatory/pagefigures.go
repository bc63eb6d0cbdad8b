package observatory

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// faint is a colour mixed with white, for points that stand behind others.
func faint(i int) color.RGBA {
	c := plots.Category(i)
	mix := func(v uint8) uint8 { return uint8((int(v) + 255) / 2) }
	return color.RGBA{R: mix(c.R), G: mix(c.G), B: mix(c.B), A: 255}
}

// axes are what stands beside the axes of a map: nothing, where they mean nothing.
func axes(m Map) (x, y string) {
	if m.Ratio == nil {
		return "", ""
	}
	return fmt.Sprintf("1st axis: %s of the variance", lesson.Percent(m.Ratio[0])), fmt.Sprintf("2nd axis: %s", lesson.Percent(m.Ratio[1]))
}

func scores(m Map) string {
	return fmt.Sprintf("%.0f%% kept, T %.2f", 100*m.Kept.Value, m.Trustworthiness)
}

// pairsFigure are the maps of the pairs by one method, a moment each.
func pairsFigure(r ran, method int) (*plots.Figure, error) {
	var panels []*plots.Figure
	for _, at := range r.Report.Products.Moments {
		m := at.Maps[method]
		n := len(m.X) / 2
		joined := min(r.Config.Joined, n)
		cfg := plots.ScatterConfig{Title: moment(at.Step) + ": " + scores(m), EqualScale: true, HideTicks: m.Ratio == nil, Join: [][2]int{{2, 3}}, Groups: []plots.PointGroup{
			{Name: "pictures", X: m.X[joined:n], Y: m.Y[joined:n], Color: faint(0), Marker: plots.Circle},
			{Name: "titles", X: m.X[n+joined:], Y: m.Y[n+joined:], Color: faint(1), Marker: plots.Triangle},
			{Name: "joined pictures", X: m.X[:joined], Y: m.Y[:joined], Color: plots.Category(0), Marker: plots.Circle},
			{Name: "their titles", X: m.X[n : n+joined], Y: m.Y[n : n+joined], Color: plots.Category(1), Marker: plots.Triangle},
		}}
		cfg.XLabel, cfg.YLabel = axes(m)
		panel, err := plots.Scatter(cfg)
		if err != nil {
			return nil, err
		}
		panels = append(panels, panel)
	}
	return plots.Grid(plots.GridConfig{Title: r.Report.Products.Moments[0].Maps[method].Method + " of held-out pictures and their titles", Figures: panels})
}

// gapFigure is the gap of training batches over the steps, with that of held-out pairs.
func gapFigure(runs []ran) (*plots.Figure, error) {
	var panels []*plots.Figure
	for _, set := range watched() {
		w := set.of(runs[0].Report)
		batches := plots.Series{Name: fmt.Sprintf("batches of %d", w.Batch)}
		for k, point := range w.Curve {
			low, high, mean := math.Inf(1), math.Inf(-1), 0.0
			for _, r := range runs {
				v := set.of(r.Report).Curve[k].Gap
				low, high, mean = min(low, v), max(high, v), mean+v/float64(len(runs))
			}
			batches.X, batches.Y = append(batches.X, float64(point.Step)), append(batches.Y, min(max(mean, low), high))
			batches.Low, batches.High = append(batches.Low, low), append(batches.High, high)
		}
		if len(runs) == 1 {
			batches.Low, batches.High = nil, nil
		}
		cfg := plots.CurvesConfig{Title: set.title, XLabel: "training step", YLabel: "length of the gap", WholeX: true, Series: []plots.Series{batches}}
		held := plots.Series{Name: fmt.Sprintf("%d held-out pairs", w.Moments[0].Gap.N)}
		for i, m := range w.Moments {
			held.X, held.Y = append(held.X, float64(m.Step)), append(held.Y, over(runs, func(r Report) float64 { return set.of(r).Moments[i].Gap.Length }).Value)
		}
		cfg.Series = append(cfg.Series, held)
		panel, err := plots.Curves(cfg)
		if err != nil {
			return nil, err
		}
		panels = append(panels, panel)
	}
	return plots.Grid(plots.GridConfig{Title: "The modality gap in training", Figures: panels})
}

// shiftFigures are the losses, and what is found, over what is left of the gap.
func shiftFigures(runs []ran) (losses, shares *plots.Figure, err error) {
	var lossPanels, sharePanels []*plots.Figure
	for _, set := range watched() {
		curve := func(name string, figure func(Shift) stats.Mean) plots.Series {
			s := plots.Series{Name: name}
			for i := range runs[0].Config.Lambdas {
				m := either(runs, func(r Report) stats.Mean { return figure(set.of(r).Shifted.Shifts[i]) })
				s.X = append(s.X, over(runs, func(r Report) float64 { return set.of(r).Shifted.Shifts[i].Gap }).Value)
				s.Y, s.Low, s.High = append(s.Y, m.Value), append(s.Low, max(m.Low, 1e-3)), append(s.High, max(m.High, 1e-3))
			}
			if slices.Equal(s.Low, s.High) { // one seed, and no interval within it
				s.Low, s.High = nil, nil
			}
			return s
		}
		cfg := plots.CurvesConfig{Title: set.title, XLabel: "what is left of the gap", YLabel: "InfoNCE loss (nats)", LogY: true}
		names := []string{fmt.Sprintf("tau %.3f, learned", 1/over(runs, func(r Report) float64 { return set.of(r).Shifted.Scale }).Value)}
		for _, tau := range runs[0].Config.Taus {
			names = append(names, fmt.Sprintf("tau %g", tau))
		}
		for k, name := range names {
			cfg.Series = append(cfg.Series, curve(name, func(s Shift) stats.Mean { return stats.Mean{Value: s.Losses[k], Low: s.Losses[k], High: s.Losses[k]} }))
		}
		cfg.Series = append(cfg.Series, asTrained(runs[0].Config, cfg.Series[0]))
		panel, err := plots.Curves(cfg)
		if err != nil {
			return nil, nil, err
		}
		lossPanels = append(lossPanels, panel)
		cfg = plots.CurvesConfig{Title: set.title, XLabel: "what is left of the gap", YLabel: "share (95% interval)", Series: []plots.Series{
			curve("recall@10", func(s Shift) stats.Mean { return stats.Mean(s.At10) }), curve("recall@1", func(s Shift) stats.Mean { return stats.Mean(s.At1) })}}
		if set.of(runs[0].Report).Shifted.Shifts[0].ZeroShot.N > 0 {
			cfg.Series = append(cfg.Series, curve("zero-shot", func(s Shift) stats.Mean { return stats.Mean(s.ZeroShot) }))
		}
		cfg.Series = append(cfg.Series, asTrained(runs[0].Config, cfg.Series[0]))
		if panel, err = plots.Curves(cfg); err != nil {
			return nil, nil, err
		}
		sharePanels = append(sharePanels, panel)
	}
	if losses, err = plots.Grid(plots.GridConfig{Title: "Loss by what is left of the gap", Figures: lossPanels}); err != nil {
		return nil, nil, err
	}
	shares, err = plots.Grid(plots.GridConfig{Title: "What is found, by what is left of the gap", Figures: sharePanels})
	return losses, shares, err
}

// asTrained is the point of a curve over shifts where nothing was moved.
func asTrained(cfg Config, curve plots.Series) plots.Series {
	i := shiftAt(cfg, 0)
	return plots.Series{Name: "as trained", X: curve.X[i : i+1], Y: curve.Y[i : i+1]}
}

// coloured is how many classes have a colour of their own; the others share a grey.
const coloured = 7

// classFigure are maps of the pictures by class: a PCA, two t-SNEs from random starts, a UMAP.
func classFigure(r ran) (*plots.Figure, error) {
	c := r.Report.Classes
	var panels []*plots.Figure
	add := func(key string, which int, title string) error {
		m := c.Maps[mapBy(r.Report, key)].Drawn[which]
		cfg := plots.ScatterConfig{Title: title + ": " + scores(m), EqualScale: true, HideTicks: m.Ratio == nil}
		cfg.XLabel, cfg.YLabel = axes(m)
		others := max(len(c.Names)-coloured, 0)
		if others > 0 { // below the rest
			cfg.Groups = append(cfg.Groups, plots.PointGroup{Name: fmt.Sprintf("%d others", others), Color: color.RGBA{R: 200, G: 200, B: 200, A: 255}, Marker: plots.Circle})
		}
		for k, name := range c.Names[:len(c.Names)-others] {
			cfg.Groups = append(cfg.Groups, plots.PointGroup{Name: name, Color: plots.Category(k)})
		}
		for i, label := range c.Labels {
			group := label + len(cfg.Groups) - (len(c.Names) - others)
			if label >= coloured {
				group = 0
			}
			g := &cfg.Groups[group]
			g.X, g.Y = append(g.X, m.X[i]), append(g.Y, m.Y[i])
		}
		panel, err := plots.Scatter(cfg)
		panels = append(panels, panel)
		return err
	}
	for _, p := range []struct {
		key, title string
		which      int
	}{{"pca", "PCA", 0}, {"umap", "UMAP", 0}, {"tsne_random", "t-SNE, start 1", 0}, {"tsne_random", "t-SNE, start 2", 1}} {
		if err := add(p.key, p.which, p.title); err != nil {
			return nil, err
		}
	}
	return plots.Grid(plots.GridConfig{Title: "Held-out pictures by their class", Figures: panels})
}

// betweenFigure are the distances between classes in the embedding and in maps.
func betweenFigure(r ran) (*plots.Figure, error) {
	c := r.Report.Classes
	var panels []*plots.Figure
	for i, key := range []string{"pca", "umap", "tsne_pca", "tsne_random"} {
		m := c.Maps[mapBy(r.Report, key)]
		cfg := plots.ScatterConfig{Title: fmt.Sprintf("%s: rank correlation %.2f", m.Name, rankCorrelation(c.Between, m.Between[0])), XLabel: "distance in the embedding", YLabel: "in the map (1: mean)",
			Groups: []plots.PointGroup{{X: c.Between, Y: m.Between[0], Color: plots.Category(i), Marker: plots.Circle}}}
		panel, err := plots.Scatter(cfg)
		if err != nil {
			return nil, err
		}
		panels = append(panels, panel)
	}
	return plots.Grid(plots.GridConfig{Title: "Distances between classes: in the embedding, and in maps", Figures: panels})
}
