package plots_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"

	"github.com/glimpse-ml/glimpse/plots"
)

func ExampleTSNE() {
	ctx := context.Background()
	embeddings, groupOf := embeddingPairs(15, 0.4)
	n := len(groupOf)
	tsne, err := plots.TSNE(ctx, embeddings, n, embeddingSize, plots.TSNEConfig{Perplexity: 15, Method: plots.ExactTSNE})
	if err != nil {
		log.Fatal(err)
	}
	fig, err := plots.Scatter(plots.ScatterConfig{
		Title:      fmt.Sprintf("t-SNE of 75 pictures and their texts (perplexity 15, KL %.2f nats)", tsne.KL),
		Groups:     mapGroups(tsne.Column(0), tsne.Column(1), groupOf),
		EqualScale: true,
		HideTicks:  true,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := fig.Save("tsne.png", 540); err != nil {
		log.Fatal(err)
	}
}

func ExampleUMAP() {
	ctx := context.Background()
	embeddings, groupOf := embeddingPairs(15, 0.4)
	n := len(groupOf)
	umap, err := plots.UMAP(ctx, embeddings, n, embeddingSize, plots.UMAPConfig{Neighbours: 20, Epochs: 200})
	if err != nil {
		log.Fatal(err)
	}
	scores, err := plots.Neighbours(ctx, embeddings, n, embeddingSize, umap.Points, 10)
	if err != nil {
		log.Fatal(err)
	}
	fig, err := plots.Scatter(plots.ScatterConfig{
		Title: fmt.Sprintf("UMAP of 75 pictures and their texts: the map keeps %.0f%% of the 10 nearest neighbours",
			100*scores.Preserved),
		Groups:     mapGroups(umap.Column(0), umap.Column(1), groupOf),
		EqualScale: true,
		HideTicks:  true,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := fig.Save("umap.png", 540); err != nil {
		log.Fatal(err)
	}
}

const embeddingSize = 16

var mapClasses = []string{"casual shoes", "watches", "handbags", "T-shirts", "sunglasses"}

// embeddingPairs invents vectors of length 1 of pictures and texts, so many of each class, and says which group of
// mapGroups each belongs to. Texts lie this far from pictures, all in one direction.
func embeddingPairs(each int, gap float64) (embeddings []float64, groupOf []int) {
	rng := rand.New(rand.NewPCG(9, 9))
	centres := make([]float64, len(mapClasses)*embeddingSize)
	for i := range centres {
		centres[i] = rng.NormFloat64() / math.Sqrt(embeddingSize)
	}
	for group := range 2 * len(mapClasses) {
		class, text := group%len(mapClasses), float64(group/len(mapClasses))
		for range each {
			v := make([]float64, embeddingSize)
			length := 0.0
			for i := range v {
				v[i] = centres[class*embeddingSize+i] + 0.22*rng.NormFloat64()
				if i == 0 {
					v[i] += gap * text
				}
				length += v[i] * v[i]
			}
			for i := range v {
				v[i] /= math.Sqrt(length)
			}
			embeddings = append(embeddings, v...)
			groupOf = append(groupOf, group)
		}
	}
	return embeddings, groupOf
}

// mapGroups gives each class a colour, pictures a circle and texts a triangle.
func mapGroups(x, y []float64, groupOf []int) []plots.PointGroup {
	var groups []plots.PointGroup
	for group := range 2 * len(mapClasses) {
		class := group % len(mapClasses)
		g := plots.PointGroup{Name: mapClasses[class] + ", pictures", Color: plots.Category(class), Marker: plots.Circle}
		if group >= len(mapClasses) {
			g.Name, g.Marker = mapClasses[class]+", texts", plots.Triangle
		}
		groups = append(groups, g)
	}
	for i, g := range groupOf {
		groups[g].X, groups[g].Y = append(groups[g].X, x[i]), append(groups[g].Y, y[i])
	}
	return groups
}
