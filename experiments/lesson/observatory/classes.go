package observatory

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// ClassMaps are maps of the held-out pictures that have a class.
type ClassMaps struct {
	Names   []string   `json:"names"`   // of the classes, the largest first
	Sizes   []int      `json:"sizes"`   // pictures of each
	Labels  []int      `json:"labels"`  // of the pictures that are drawn
	Between numbers    `json:"between"` // distances of the classes' centroids in the embedding: 1 to 0, 2 to 0, 2 to 1, 3 to 0, ...
	Maps    []ClassMap `json:"maps"`
}

// ClassMap is what one method makes of them, in several maps where it begins at random.
type ClassMap struct {
	Key             string     `json:"key"`
	Name            string     `json:"name"`
	Kept            stats.Mean `json:"kept"` // over maps, as all figures here
	Trustworthiness stats.Mean `json:"trustworthiness"`
	Distances       stats.Mean `json:"distances"` // rank correlation of distances between centroids of classes in the embedding and in the map
	Spreads         stats.Mean `json:"spreads"`   // and of how far the pictures of a class lie from its centroid
	Agreement       stats.Mean `json:"agreement"` // rank correlation of the distances between centroids in two maps that differ in their start
	Between         []numbers  `json:"between"`   // as those in the embedding, their mean being 1, in the maps that are drawn
	Drawn           []Map      `json:"drawn"`     // the first of its maps, none of methods that are only measured
}

// forClasses are the methods that are compared on classes. t-SNE's perplexity must be small where there are few points.
func forClasses(rows int, perplexities []float64) []method {
	within := func(perplexity float64) float64 { return math.Min(perplexity, float64(rows)/6) }
	all := []method{pca(), tsne("tsne_pca", "t-SNE from PCA", plots.PCAInit, within(perplexities[0]), 1)}
	for i, perplexity := range perplexities {
		if i == 0 {
			all = append(all, tsne("tsne_random", "t-SNE from a random start", plots.RandomInit, within(perplexity), 2))
			continue
		}
		all = append(all, tsne(fmt.Sprintf("tsne_random_%g", perplexity), fmt.Sprintf("t-SNE from a random start, perplexity %g", perplexity), plots.RandomInit, within(perplexity), 0))
	}
	return append(all, umap("umap", "UMAP", plots.AutoInit, 1), umap("umap_random", "UMAP from a random start", plots.RandomInit, 0))
}

// mapClasses maps the pictures [N] whose label is not negative.
func mapClasses(ctx context.Context, env *experiments.Env, images [][]float32, labels []int, names []string, cfg Config) (ClassMaps, error) {
	var out ClassMaps
	kept, of := out.sort(images, labels, names)
	if len(out.Names) < 3 || len(kept) <= 2*cfg.Neighbours {
		return out, fmt.Errorf("expected at least 3 classes and more than %d pictures with one, found %d and %d", 2*cfg.Neighbours, len(out.Names), len(kept))
	}
	out.Labels = of[:min(cfg.Drawn, len(of))]
	data, rows := flat(kept)
	cols := len(kept[0])
	between, spreads := layout(data, cols, of, len(out.Names))
	for _, d := range between {
		out.Between = append(out.Between, rounded(d, 3))
	}
	for _, m := range forClasses(rows, cfg.Perplexities) {
		env.Say("lesson/observatory: %s of %d pictures", m.name, rows)
		c := ClassMap{Key: m.key, Name: m.name}
		var trust, share, distances, widths, agreement []float64
		var last []float64
		for start := range cfg.Starts {
			if start > 0 && !m.random {
				break
			}
			points, ratio, err := m.project(ctx, data, rows, cols, uint64(start+1))
			if err != nil {
				return out, err
			}
			scores, err := plots.Neighbours(ctx, data, rows, cols, points, cfg.Neighbours)
			if err != nil {
				return out, err
			}
			b, s := layout(points, 2, of, len(out.Names))
			trust, share = append(trust, scores.Trustworthiness), append(share, scores.Preserved)
			distances, widths = append(distances, rankCorrelation(between, b)), append(widths, rankCorrelation(spreads, s))
			if start > 0 {
				agreement = append(agreement, rankCorrelation(last, b))
			}
			last = b
			if start < m.drawn {
				c.keep(m, points, ratio, b, scores, len(out.Labels))
			}
		}
		c.Trustworthiness, c.Kept, c.Distances, c.Spreads = stats.Repeated(trust), stats.Repeated(share), stats.Repeated(distances), stats.Repeated(widths)
		c.Agreement = stats.Repeated(agreement)
		out.Maps = append(out.Maps, c)
	}
	return out, nil
}

// keep takes a map to be drawn.
func (c *ClassMap) keep(m method, points, ratio, between []float64, scores *plots.NeighbourScores, first int) {
	c.Drawn = append(c.Drawn, newMap(m, points, ratio, scores, first))
	size := stat.Mean(between, nil)
	var relative numbers
	for _, d := range between {
		relative = append(relative, rounded(d/max(size, 1e-12), 3))
	}
	c.Between = append(c.Between, relative)
}

// sort leaves out pictures without a class and numbers the classes from the largest on.
func (c *ClassMaps) sort(images [][]float32, labels []int, names []string) (kept [][]float32, of []int) {
	counts, order := make([]int, len(names)), make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	for _, label := range labels {
		if label >= 0 {
			counts[label]++
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return counts[b] - counts[a] })
	for _, label := range order {
		c.Names, c.Sizes = append(c.Names, names[label]), append(c.Sizes, counts[label])
	}
	for i, label := range labels {
		if label >= 0 {
			kept, of = append(kept, images[i]), append(of, slices.Index(order, label))
		}
	}
	return kept, of
}

// layout is where classes lie among points [rows, cols]: the distances between their centroids, and the mean distance of a class's points from its own.
func layout(points []float64, cols int, labels []int, classes int) (between, spreads []float64) {
	centroids, counts := make([][]float64, classes), make([]float64, classes)
	for c := range centroids {
		centroids[c] = make([]float64, cols)
	}
	row := func(i int) []float64 { return points[i*cols : (i+1)*cols] }
	for i, c := range labels {
		counts[c]++
		for d, v := range row(i) {
			centroids[c][d] += v
		}
	}
	for c := range centroids {
		for d := range centroids[c] {
			centroids[c][d] /= max(counts[c], 1)
		}
		for before := range c {
			between = append(between, length(minus(centroids[c], centroids[before])))
		}
	}
	spreads = make([]float64, classes)
	for i, c := range labels {
		spreads[c] += length(minus(row(i), centroids[c])) / counts[c]
	}
	return between, spreads
}

// rankCorrelation is Spearman's: the correlation of the ranks, those of equal values shared.
func rankCorrelation(a, b []float64) float64 {
	if slices.Max(a) == slices.Min(a) || slices.Max(b) == slices.Min(b) {
		return 0 // nothing can be told apart
	}
	return stat.Correlation(ranksOf(a), ranksOf(b), nil)
}

func ranksOf(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case values[i] < values[j]:
			return -1
		case values[i] > values[j]:
			return 1
		}
		return 0
	})
	ranks := make([]float64, len(values))
	for first := 0; first < len(order); {
		end := first
		for end < len(order) && values[order[end]] == values[order[first]] {
			end++
		}
		for _, i := range order[first:end] {
			ranks[i] = float64(first+end-1) / 2
		}
		first = end
	}
	return ranks
}
