package lesson

import (
	"cmp"
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// Untrained is a model of the same shape with fresh weights: what c was before it was trained.
func Untrained(c *TrainedCLIP) *TrainedCLIP {
	u := *c
	u.Model = Try(clip.New(c.Config, c.Tokenizer, 1))
	u.Scale = Try(u.Model.Scale())
	return &u
}

// Pixels are the numbers of some pictures, all of one size: three for each pixel, as the model is given them.
func Pixels(c *TrainedCLIP, pictures []image.Image) (vectors [][]float32) {
	for _, picture := range pictures {
		vectors = append(vectors, Try(c.Preprocess(picture)))
	}
	return vectors
}

// Distance is the Euclidean distance of two vectors of one length.
func Distance(a, b []float32) float64 {
	sum := 0.0
	for i, x := range a {
		d := float64(x) - float64(b[i])
		sum += d * d
	}
	return math.Sqrt(sum)
}

// Nearest are the indices of the n vectors that are closest to vector i, without itself, the closest first. Of vectors of length 1
// those with the largest cosines are the closest.
func Nearest(vectors [][]float32, i, n int) []int {
	away := make([]float64, len(vectors))
	var others []int
	for k, v := range vectors {
		if away[k] = Distance(vectors[i], v); k != i {
			others = append(others, k)
		}
	}
	slices.SortStableFunc(others, func(a, b int) int { return cmp.Compare(away[a], away[b]) })
	return others[:min(n, len(others))]
}

// All are the indices of all pairs.
func (p *Pairs) All() (indices []int) {
	for i := range p.Examples {
		indices = append(indices, i)
	}
	return indices
}

// FiveNames are five classes of the model's data set, some of which have something in common.
func FiveNames(c *TrainedCLIP) []string {
	if c.Data == "scenes" {
		return []string{"red circle", "red square", "orange square", "blue star", "blue cross"}
	}
	return []string{"Shirts", "Tshirts", "Jeans", "Watches", "Handbags"}
}

// OfClasses are the classes that the pairs have, each once.
func (p *Pairs) OfClasses() []string { return p.Classes(p.OfEachClass(len(p.Examples))...) }

// Cosines are those of two sets of unit vectors, [len(a)][len(b)].
func Cosines(a, b [][]float32) (rows [][]float64) {
	for _, row := range clip.Similarities(a, b) {
		wide := make([]float64, len(row))
		for i, x := range row {
			wide[i] = float64(x)
		}
		rows = append(rows, wide)
	}
	return rows
}

// Moved is a picture with everything in it so many pixels further right; what leaves it comes in again at the left.
func Moved(picture image.Image, pixels int) image.Image {
	r := picture.Bounds()
	moved := image.NewRGBA(r)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			moved.Set(r.Min.X+(x-r.Min.X+pixels)%r.Dx(), y, picture.At(x, y))
		}
	}
	return moved
}

// NearestToEach is, for every vector, the index of the closest other one.
func NearestToEach(vectors [][]float32) []int {
	nearest, least := make([]int, len(vectors)), make([]float64, len(vectors))
	for i := range vectors {
		least[i] = math.Inf(1)
		for k := range i {
			d := Distance(vectors[i], vectors[k])
			if d < least[i] {
				nearest[i], least[i] = k, d
			}
			if d < least[k] {
				nearest[k], least[k] = i, d
			}
		}
	}
	return nearest
}

// Overtaken is the share of vectors to which that of some other picture is closer than that of the same picture, moved.
func Overtaken(vectors, moved [][]float32) stats.Proportion {
	overtaken := 0
	for i, other := range NearestToEach(vectors) {
		if Distance(vectors[i], vectors[other]) < Distance(vectors[i], moved[i]) {
			overtaken++
		}
	}
	return stats.NewProportion(overtaken, len(vectors))
}

// Alike is the share of pictures that have the same value of the attribute as another one has, such as the nearest. chance is the share for
// another one that is drawn blindly. Pictures without the attribute are left out.
func (p *Pairs) Alike(others []int, attribute string) (alike stats.Proportion, chance float64) {
	counts, hits, n := map[string]int{}, 0, 0
	for i, e := range p.Examples {
		value := e.Attributes[attribute]
		if value == "" {
			continue
		}
		n, counts[value] = n+1, counts[value]+1
		if p.Examples[others[i]].Attributes[attribute] == value {
			hits++
		}
	}
	for _, k := range counts {
		chance += float64(k) / float64(n) * float64(k-1) / float64(len(p.Examples)-1)
	}
	return stats.NewProportion(hits, n), chance
}

// Attributes are those of the pairs' pictures that neighbours are compared by.
func (p *Pairs) Attributes() (names []string) {
	if p.model.Data == "scenes" {
		return []string{"colour", "shape", "size", "texture"}
	}
	return []string{"articleType", "baseColour", "gender"}
}

// PairCosines are the mean cosine of pictures and their own texts, and of pictures and others' texts.
func (p *Pairs) PairCosines() (own, others float64) {
	n := float64(len(p.Images))
	for i, row := range clip.Similarities(p.Images, p.Texts) {
		for k, cosine := range row {
			if i == k {
				own += float64(cosine) / n
			} else {
				others += float64(cosine) / (n * (n - 1))
			}
		}
	}
	return own, others
}

// Map is a map of some pairs: every picture and every text is a point, and lines join those of one pair. It shows the two directions
// in which they differ most, pictures and texts together ([plots.PCA]).
func (p *Pairs) Map(title string, indices ...int) *plots.Figure {
	vectors := slices.Concat(pick(p.Images, indices), pick(p.Texts, indices))
	var flat []float64
	for _, vector := range vectors {
		for _, x := range vector {
			flat = append(flat, float64(x))
		}
	}
	pca := Try(plots.PCA(flat, len(vectors), len(vectors[0]), 2))
	x, y, n := pca.Column(0), pca.Column(1), len(indices)
	return Try(plots.Scatter(plots.ScatterConfig{
		Title:  title,
		XLabel: fmt.Sprintf("first direction (%.0f%% of the spread)", 100*pca.ExplainedRatio[0]),
		YLabel: fmt.Sprintf("second direction (%.0f%%)", 100*pca.ExplainedRatio[1]),
		Groups: []plots.PointGroup{
			{Name: "pictures", X: x[:n], Y: y[:n]}, {Name: "texts", X: x[n:], Y: y[n:], Labels: p.Classes(indices...)},
		},
		Join: [][2]int{{0, 1}}, EqualScale: true,
	}))
}

func pick[T any](all []T, indices []int) (some []T) {
	for _, i := range indices {
		some = append(some, all[i])
	}
	return some
}
