package observatory

import (
	"context"
	"math"

	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// Map is a picture of embeddings in the plane, with how well it keeps neighbourhoods.
type Map struct {
	Method          string     `json:"method"`
	Kept            stats.Mean `json:"kept"` // share of a point's nearest neighbours that are its nearest in the map too; interval over points
	Trustworthiness float64    `json:"trustworthiness"`
	Ratio           []float64  `json:"ratio,omitempty"` // of the variance, along the axes of a PCA
	X               numbers    `json:"x"`               // rounded, of the points that are drawn
	Y               numbers    `json:"y"`
}

// method makes a map [rows, 2] of data [rows, cols]. ratio is what part of the variance each axis has, nil where axes mean nothing.
type method struct {
	key, name string
	random    bool // whether another seed makes another map
	drawn     int  // maps of classes that are kept to be drawn
	project   func(ctx context.Context, data []float64, rows, cols int, seed uint64) (points, ratio []float64, err error)
}

func pca() method {
	return method{key: "pca", name: "PCA", drawn: 1, project: func(_ context.Context, data []float64, rows, cols int, _ uint64) (points, ratio []float64, err error) {
		found, err := plots.PCA(data, rows, cols, 2)
		if err != nil {
			return nil, nil, err
		}
		return found.Projected, found.ExplainedRatio, nil
	}}
}

func tsne(key, name string, start plots.Init, perplexity float64, drawn int) method {
	return method{key: key, name: name, random: start == plots.RandomInit, drawn: drawn, project: func(ctx context.Context, data []float64, rows, cols int, seed uint64) (points, ratio []float64, err error) {
		found, err := plots.TSNE(ctx, data, rows, cols, plots.TSNEConfig{Perplexity: perplexity, Init: start, Seed: seed})
		if err != nil {
			return nil, nil, err
		}
		return found.Points, nil, nil
	}}
}

func umap(key, name string, start plots.Init, drawn int) method {
	return method{key: key, name: name, random: true, drawn: drawn, project: func(ctx context.Context, data []float64, rows, cols int, seed uint64) (points, ratio []float64, err error) {
		found, err := plots.UMAP(ctx, data, rows, cols, plots.UMAPConfig{Init: start, Seed: seed})
		if err != nil {
			return nil, nil, err
		}
		return found.Points, nil, nil
	}}
}

// forPairs are the methods by which pairs are mapped.
func forPairs(rows int, perplexity float64) []method {
	return []method{pca(), tsne("tsne", "t-SNE", plots.PCAInit, math.Min(perplexity, float64(rows)/6), 0), umap("umap", "UMAP", plots.AutoInit, 0)}
}

// mapPairs maps unit embeddings: all pictures, then all texts.
func mapPairs(ctx context.Context, images, texts [][]float32, cfg Config) (maps []Map, err error) {
	data, rows := flat(images, texts)
	for _, m := range forPairs(rows, cfg.Perplexities[0]) {
		points, ratio, err := m.project(ctx, data, rows, len(images[0]), 1)
		if err != nil {
			return nil, err
		}
		scores, err := plots.Neighbours(ctx, data, rows, len(images[0]), points, cfg.Neighbours)
		if err != nil {
			return nil, err
		}
		maps = append(maps, newMap(m, points, ratio, scores, rows))
	}
	return maps, nil
}

// newMap keeps the first points of a map, rounded to a thousandth of its size.
func newMap(of method, points, ratio []float64, scores *plots.NeighbourScores, first int) Map {
	m := Map{Method: of.name, Kept: stats.NewMean(scores.PreservedByPoint), Trustworthiness: scores.Trustworthiness, Ratio: ratio}
	size := 0.0
	for _, v := range points {
		size = max(size, math.Abs(v))
	}
	decimals := 3 - int(math.Ceil(math.Log10(max(size, 1e-9))))
	for i := range min(first, len(points)/2) {
		m.X, m.Y = append(m.X, rounded(points[2*i], decimals)), append(m.Y, rounded(points[2*i+1], decimals))
	}
	return m
}
