package demo

import (
	"maps"
	"slices"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/plots"
)

// EmbeddingMap is a 2-D map of held-out pictures and their texts: the first two principal components.
type EmbeddingMap struct {
	Groups    []string     `json:"groups"` // the commonest classes
	Group     []int        `json:"group"`  // of each pair
	Images    [][2]float64 `json:"images"`
	Texts     [][2]float64 `json:"texts"`
	Explained [2]float64   `json:"explained"` // share of the variance that each axis shows
	Gap       float64      `json:"gap"`       // distance between the mean picture and the mean text, cosine space
}

// mapGroups and mapPairs bound the map, so that it can be read.
const (
	mapGroups = 6
	mapPairs  = 240
)

// mapOf projects pictures and texts of the commonest classes together.
func mapOf(e *evaluate.Embedded, class func(datasets.Example) string) (EmbeddingMap, error) {
	var m EmbeddingMap
	m.Groups = commonest(e.Examples, class, mapGroups)
	first := map[int]int{} // an example's first text
	for text, owner := range slices.Backward(e.Owner) {
		first[owner] = text
	}
	var images, texts [][]float32
	for i, example := range e.Examples {
		group := slices.Index(m.Groups, class(example))
		if group < 0 || len(images) == mapPairs {
			continue
		}
		m.Group = append(m.Group, group)
		images = append(images, e.Images[i])
		texts = append(texts, e.Texts[first[i]])
	}
	if len(images) < 3 {
		return m, nil
	}
	cols := len(images[0])
	var flat []float64
	for _, row := range slices.Concat(images, texts) {
		for _, v := range row {
			flat = append(flat, float64(v))
		}
	}
	pca, err := plots.PCA(flat, 2*len(images), cols, 2)
	if err != nil {
		return m, err
	}
	x, y := pca.Column(0), pca.Column(1)
	for i := range images {
		m.Images = append(m.Images, [2]float64{x[i], y[i]})
		m.Texts = append(m.Texts, [2]float64{x[len(images)+i], y[len(images)+i]})
	}
	copy(m.Explained[:], pca.ExplainedRatio)
	return m, nil
}

func commonest(examples []datasets.Example, class func(datasets.Example) string, n int) []string {
	counts := map[string]int{}
	for _, e := range examples {
		counts[class(e)]++
	}
	delete(counts, "")
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if d := counts[b] - counts[a]; d != 0 {
			return d
		}
		if a < b {
			return -1
		}
		return 1
	})
	return names[:min(n, len(names))]
}
