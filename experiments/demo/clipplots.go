package demo

import (
	"fmt"
	"math"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// Figure is a picture of a run with the sentence that goes with it.
type Figure struct {
	File    string `json:"file"` // below the run's folder plots
	Title   string `json:"title"`
	Caption string `json:"caption"`
}

// figures collects what is drawn for a run, stopping at the first error.
type figures struct {
	run  *experiments.Run
	list []Figure
	err  error
}

func (f *figures) add(file, title, caption string, figure *plots.Figure, err error) {
	if f.err != nil {
		return
	}
	if err != nil {
		f.err = fmt.Errorf("cannot draw %s: %w", file, err)
		return
	}
	if f.err = figure.Save(f.run.Path("plots", file)); f.err == nil {
		f.list = append(f.list, Figure{file, title, caption})
	}
}

// FiguresFile lists a run's figures.
const FiguresFile = "plots/figures.json"

func (f *figures) write() error {
	if f.err != nil {
		return f.err
	}
	return f.run.WriteJSON(FiguresFile, f.list)
}

// drawCLIP draws the figures of a run of the experiment clip.
func drawCLIP(run *experiments.Run, r *CLIPReport, batch int) error {
	f := &figures{run: run}
	steps, err := run.Metrics()
	if err != nil {
		return err
	}
	chance := math.Log(float64(batch))
	loss, err := plots.Curves(plots.CurvesConfig{Title: "The contrastive loss", XLabel: "training step", YLabel: "InfoNCE loss (nats)",
		Series:     []plots.Series{series("training batch", steps, "loss")},
		References: []plots.ReferenceLine{{Label: fmt.Sprintf("chance: ln %d = %.2f", batch, chance), Y: chance}}})
	f.add("loss.png", "Loss", fmt.Sprintf("Each batch holds %d pairs; guessing among them costs ln %d = %.2f nats.", batch, batch, chance), loss, err)

	scale, err := plots.Curves(plots.CurvesConfig{Title: "The learned temperature", XLabel: "training step", YLabel: "scale on cosines, 1/tau",
		Series:     []plots.Series{series("learned", steps, "logit_scale")},
		References: []plots.ReferenceLine{{Label: "start: 1/0.07 = 14.3", Y: 1 / 0.07}}})
	f.add("temperature.png", "Temperature", "The temperature is a parameter like any other: it starts at 0.07 and is kept above 0.01.", scale, err)

	matrix, err := plots.Heatmap(plots.HeatmapConfig{Title: "Held-out pictures against their texts", XLabel: "texts", YLabel: "pictures",
		Matrices:   []plots.Matrix{{Title: "before training", Values: wide(r.MatrixBefore)}, {Title: "after training", Values: wide(r.MatrixAfter)}},
		ValueLabel: "cosine similarity", Colors: plots.Vik()})
	f.add("matrix.png", "Similarity matrix", "Row i compares picture i with every text; the diagonal holds the pairs that belong together.", matrix, err)

	drawRecall(f, "recall.png", "Retrieval on held-out pairs", r.Data, &r.Retrieval)
	if r.Also != nil {
		drawRecall(f, "recall-"+r.AlsoData+".png", "Retrieval on "+r.AlsoData, r.AlsoData, r.Also)
	}
	if r.ZeroShot != nil {
		drawZeroShot(f, r.ZeroShot)
	}
	drawMap(f, &r.Map)
	return f.write()
}

func drawRecall(f *figures, file, title, data string, r *evaluate.Retrieval) {
	var chance []float64
	var categories []string
	image, text := plots.BarSeries{Name: "picture to text"}, plots.BarSeries{Name: "text to picture"}
	for _, k := range evaluate.RecallAt() {
		categories = append(categories, fmt.Sprintf("recall@%d", k))
		chance = append(chance, float64(k)/float64(r.Images))
		addBar(&image, r.ImageToText[k])
		addBar(&text, r.TextToImage[k])
	}
	bars, err := plots.Bars(plots.BarsConfig{Title: title, YLabel: "share found (95% interval)", Categories: categories,
		Series: []plots.BarSeries{image, text}, Chance: chance, Percent: true})
	f.add(file, title, fmt.Sprintf("Among %d pictures and %d texts of %s that were never trained on.", r.Images, r.Texts, data), bars, err)
}

func addBar(s *plots.BarSeries, p stats.Proportion) {
	s.Values, s.Low, s.High = append(s.Values, p.Value), append(s.Low, p.Low), append(s.High, p.High)
}

func drawZeroShot(f *figures, z *evaluate.ZeroShot) {
	classes := plots.BarSeries{Name: "zero-shot"}
	names := []string{"all"}
	addBar(&classes, z.Top1)
	for i, c := range z.Classes {
		names = append(names, c)
		addBar(&classes, z.PerClass[i])
	}
	bars, err := plots.Bars(plots.BarsConfig{Title: "Zero-shot classification", YLabel: "accuracy (95% interval)", Categories: names,
		Series: []plots.BarSeries{classes}, Chance: []float64{z.Chance}, Percent: true})
	f.add("zeroshot.png", "Zero-shot classification", fmt.Sprintf("%d held-out pictures of %d classes; no class was ever a label in training. "+
		"The commonest class alone would reach %.0f%%.", z.Top1.N, len(z.Classes), 100*z.Majority), bars, err)
}

func drawMap(f *figures, m *EmbeddingMap) {
	if len(m.Images) == 0 {
		return
	}
	var groups []plots.PointGroup
	for kind, points := range [][][2]float64{m.Images, m.Texts} {
		for g, name := range m.Groups {
			group := plots.PointGroup{Name: name + ", " + []string{"pictures", "texts"}[kind], Color: plots.Category(g), Marker: []plots.Marker{plots.Circle, plots.Cross}[kind]}
			for i, p := range points {
				if m.Group[i] == g {
					group.X, group.Y = append(group.X, p[0]), append(group.Y, p[1])
				}
			}
			groups = append(groups, group)
		}
	}
	scatter, err := plots.Scatter(plots.ScatterConfig{Title: "Pictures and texts in one space", Groups: groups,
		XLabel: fmt.Sprintf("first principal component (%.0f%% of the variance)", 100*m.Explained[0]),
		YLabel: fmt.Sprintf("second (%.0f%%)", 100*m.Explained[1]), EqualScale: true})
	f.add("map.png", "Map of embeddings", "Each held-out picture and its text, seen along the two directions in which they differ most. Where the two kinds lie apart, that is the modality gap.", scatter, err)
}

// series reads one column of a run's metrics.
func series(name string, steps []map[string]float64, column string) plots.Series {
	s := plots.Series{Name: name}
	for _, step := range steps {
		if v, ok := step[column]; ok {
			s.X, s.Y = append(s.X, step["step"]), append(s.Y, v)
		}
	}
	return s
}

func wide(rows [][]float32) [][]float64 {
	var out [][]float64
	for _, row := range rows {
		w := make([]float64, len(row))
		for i, v := range row {
			w[i] = float64(v)
		}
		out = append(out, w)
	}
	return out
}
