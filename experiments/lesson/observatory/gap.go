package observatory

import (
	"context"
	"fmt"
	"math"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// Gap says how pictures and texts lie to each other, as unit embeddings ("Mind the Gap", Liang et al. 2022, arXiv 2203.02053).
type Gap struct {
	Length   float64          `json:"length"`    // of the difference of the two centroids, 0..2 (their section 2)
	Images   float64          `json:"images"`    // mean cosine of two different pictures: how narrow their cone is
	Texts    float64          `json:"texts"`     // and of two different texts
	Pairs    float64          `json:"pairs"`     // mean cosine of a picture and its own text
	Others   float64          `json:"others"`    // and of a picture and another's
	Variance float64          `json:"variance"`  // share of the variance of all embeddings that lies between the two centroids
	Axis     float64          `json:"axis"`      // |cosine| of the gap and the first principal axis of all embeddings
	Linear   stats.Proportion `json:"separable"` // of pairs that it was not fitted to, those embeddings whose modality a logistic regression tells
	N        int              `json:"n"`         // pairs
}

// pairsOf are the unit embeddings of all pictures that have texts, with the first text of each, a pair a row.
func pairsOf(e *evaluate.Embedded) (images, texts [][]float32) {
	last := -1
	for text, owner := range e.Owner {
		if owner != last {
			images, texts, last = append(images, e.Images[owner]), append(texts, e.Texts[text]), owner
		}
	}
	return unit(images), unit(texts)
}

// unit scales rows to length 1.
func unit(rows [][]float32) [][]float32 {
	out := make([][]float32, len(rows))
	for i, row := range rows {
		squares := 0.0
		for _, v := range row {
			squares += float64(v) * float64(v)
		}
		length := max(math.Sqrt(squares), 1e-12)
		out[i] = make([]float32, len(row))
		for d, v := range row {
			out[i][d] = float32(float64(v) / length)
		}
	}
	return out
}

func centroid(rows [][]float32) []float64 {
	mean := make([]float64, len(rows[0]))
	for _, row := range rows {
		for d, v := range row {
			mean[d] += float64(v) / float64(len(rows))
		}
	}
	return mean
}

func minus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for d := range a {
		out[d] = a[d] - b[d]
	}
	return out
}

func dot(a, b []float64) (sum float64) {
	for d := range a {
		sum += a[d] * b[d]
	}
	return sum
}

func length(v []float64) float64 { return math.Sqrt(dot(v, v)) }

// gapOf measures the gap between unit embeddings, row i of both being a pair. Those of the first fitted pairs go through the linear classifier.
func gapOf(ctx context.Context, images, texts [][]float32, fitted int) (Gap, error) {
	n := float64(len(images))
	if len(images) < 4 {
		return Gap{}, fmt.Errorf("expected at least 4 pairs to measure a gap between, found %d", len(images))
	}
	mi, mt := centroid(images), centroid(texts)
	between := minus(mi, mt)
	g := Gap{Length: length(between), N: len(images),
		// Of unit rows the mean cosine of any two, each with itself among them, is the square of the centroid's length.
		Images: (n*dot(mi, mi) - 1) / (n - 1), Texts: (n*dot(mt, mt) - 1) / (n - 1)}
	for i := range images {
		for d, v := range images[i] {
			g.Pairs += float64(v) * float64(texts[i][d]) / n
		}
	}
	g.Others = (n*dot(mi, mt) - g.Pairs) / (n - 1)
	// The variance of unit rows about their common centroid is 1 less its square; that of the two centroids about it is a quarter of the gap's.
	common := make([]float64, len(mi))
	for d := range common {
		common[d] = (mi[d] + mt[d]) / 2
	}
	if whole := 1 - dot(common, common); whole > 1e-9 {
		g.Variance = g.Length * g.Length / 4 / whole
	}
	all, rows := flat(images, texts)
	pca, err := plots.PCA(all, rows, len(mi), 1)
	if err != nil {
		return g, err
	}
	g.Axis = math.Abs(dot(between, pca.Components)) / max(g.Length, 1e-12)
	g.Linear, err = separable(ctx, images[:min(fitted, len(images))], texts[:min(fitted, len(texts))])
	return g, err
}

// flat puts rows below each other, as package plots takes them.
func flat(sets ...[][]float32) (data []float64, rows int) {
	for _, set := range sets {
		for _, row := range set {
			for _, v := range row {
				data = append(data, float64(v))
			}
		}
		rows += len(set)
	}
	return data, rows
}

// separable fits a logistic regression that tells pictures from texts to every other pair, and measures it on the rest.
func separable(ctx context.Context, images, texts [][]float32) (stats.Proportion, error) {
	var halves [2]evaluate.Embedded
	for i := range images {
		half := &halves[i%2]
		half.Images = append(half.Images, images[i], texts[i])
		half.Examples = append(half.Examples, datasets.Example{Label: "picture"}, datasets.Example{Label: "text"})
	}
	probe, err := evaluate.LinearProbe(ctx, &halves[0], &halves[1], evaluate.ByAttribute(""), evaluate.ProbeConfig{Least: 1, Seed: 1}, nil)
	if err != nil {
		return stats.Proportion{}, err
	}
	return probe.Top1, nil
}

// Cones are what models with fresh weights make of the same pairs: their gap is there before anything was learned (Liang et al. 2022, section 3).
type Cones struct {
	Models     int        `json:"models"`
	Images     stats.Mean `json:"images"`      // mean cosine of two pictures in one model, over models
	Texts      stats.Mean `json:"texts"`       // and of two texts
	Gap        stats.Mean `json:"gap"`         // between pictures and texts of one model, over models
	ImageTower stats.Mean `json:"image_tower"` // distance of the centroids of the same pictures in two models, over disjoint couples of models
	TextTower  stats.Mean `json:"text_tower"`  // and of the same texts
}

// conesOf compares models; images[m] and texts[m] are what model m makes of the pairs.
func conesOf(images, texts [][][]float32) Cones {
	c := Cones{Models: len(images)}
	var ofImages, ofTexts, gaps, imageTowers, textTowers []float64
	for m := range images {
		mi, mt, n := centroid(images[m]), centroid(texts[m]), float64(len(images[m]))
		ofImages, ofTexts = append(ofImages, (n*dot(mi, mi)-1)/(n-1)), append(ofTexts, (n*dot(mt, mt)-1)/(n-1))
		gaps = append(gaps, length(minus(mi, mt)))
		if m%2 == 1 {
			imageTowers = append(imageTowers, length(minus(mi, centroid(images[m-1]))))
			textTowers = append(textTowers, length(minus(mt, centroid(texts[m-1]))))
		}
	}
	c.Images, c.Texts, c.Gap = stats.Repeated(ofImages), stats.Repeated(ofTexts), stats.Repeated(gaps)
	c.ImageTower, c.TextTower = stats.Repeated(imageTowers), stats.Repeated(textTowers)
	return c
}
