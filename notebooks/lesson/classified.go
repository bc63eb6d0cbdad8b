package lesson

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// leastClass is how many of the pairs a class has to have, to be one of the classes.
const leastClass = 5

// Classified is a zero-shot classification, with the cosines that it was made from.
type Classified struct {
	*evaluate.ZeroShot
	Pictures []int       // the pictures with a class, as indices of the pairs
	Labels   []int       // of each, the index of its class
	Cosines  [][]float32 // [len(Pictures)][len(Classes)]
}

// Classify compares the pictures with the names of the classes, put into templates. Classes with fewer than 5 pictures
// are left out.
func (p *Pairs) Classify(templates ...string) Classified {
	c := p.model
	z := Try(p.Embedded.Classify(c.Backend.Backend, c.Model, c.Class, evaluate.Names, templates, leastClass))
	out := Classified{ZeroShot: z}
	var names [][]string
	for _, class := range z.Classes {
		names = append(names, evaluate.Names(class))
	}
	var images [][]float32
	for i, e := range p.Examples {
		if label := slices.Index(z.Classes, c.Class(e)); label >= 0 {
			out.Pictures, out.Labels, images = append(out.Pictures, i), append(out.Labels, label), append(images, p.Images[i])
		}
	}
	out.Cosines = clip.Similarities(images, Try(c.ClassWeights(c.Backend.Backend, names, templates)))
	return out
}

// Answers are the n closest classes of picture which (a row of Cosines) and, as the last name, the others. The first
// column holds the cosines of the n, every other one the probabilities with one of the scales: the softmax over all
// classes of scale times the cosine.
func (z Classified) Answers(which, n int, scales ...float64) (names []string, columns []plots.BarSeries) {
	cosines := z.Cosines[which]
	best := Largest(cosines, n)
	columns = []plots.BarSeries{{Name: "cosine"}}
	for _, class := range best {
		names = append(names, z.Classes[class])
		columns[0].Values = append(columns[0].Values, float64(cosines[class]))
	}
	names = append(names, fmt.Sprintf("%d others", len(cosines)-len(best)))
	for _, scale := range scales {
		p := clip.Softmax(cosines, scale)
		column := plots.BarSeries{Name: ScaleName(scale)}
		others := 1.0
		for _, class := range best {
			column.Values = append(column.Values, p[class])
			others -= p[class]
		}
		column.Values = append(column.Values, max(others, 0))
		columns = append(columns, column)
	}
	return names, columns
}

// ScaleName is what a scale is called in tables and figures.
func ScaleName(scale float64) string { return fmt.Sprintf("scale %.1f", scale) }

// At measures the probabilities with a scale against the labels, in ten bins. The confidence is the mean, over the
// pictures, of the largest probability.
func (z Classified) At(scale float64) (calibration *clip.Calibration, confidence float64) {
	p := z.probabilities(scale)
	for _, row := range p {
		confidence += slices.Max(row) / float64(len(p))
	}
	return Try(clip.Calibrate(p, z.Labels, clip.CalibrationBins)), confidence
}

func (z Classified) probabilities(scale float64) [][]float64 {
	out := make([][]float64, len(z.Cosines))
	for i, row := range z.Cosines {
		out[i] = clip.Softmax(row, scale)
	}
	return out
}

// A Mistake is a picture whose closest class is a wrong one.
type Mistake struct {
	Picture     int // index of the pair
	Is, Said    string
	Probability float64 // of what was said
}

// Mistakes are the n mistakes with the largest probabilities with a scale.
func (z Classified) Mistakes(scale float64, n int) (mistakes []Mistake) {
	p := z.probabilities(scale)
	for i, said := range clip.Predicted(z.Cosines) {
		if said != z.Labels[i] {
			mistakes = append(mistakes, Mistake{z.Pictures[i], z.Classes[z.Labels[i]], z.Classes[said], p[i][said]})
		}
	}
	slices.SortStableFunc(mistakes, func(a, b Mistake) int { return cmp.Compare(b.Probability, a.Probability) })
	return mistakes[:min(n, len(mistakes))]
}

// MostConfused are the class (truth) and the other one (said) that the most pictures of it were taken for.
func (z Classified) MostConfused() (truth, said, pictures int) {
	for i, row := range z.Confusion {
		for k, n := range row {
			if k != i && n > pictures {
				truth, said, pictures = i, k, n
			}
		}
	}
	return truth, said, pictures
}

// Shares are the confusion matrix with every row divided by the pictures of its class.
func (z Classified) Shares() [][]float64 {
	out := make([][]float64, len(z.Confusion))
	for i, row := range z.Confusion {
		for _, n := range row {
			out[i] = append(out[i], float64(n)/float64(z.PerClass[i].N))
		}
	}
	return out
}

// Largest are the indices of the n largest values, the largest first.
func Largest(values []float32, n int) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[b], values[a]) })
	return order[:min(n, len(order))]
}

// Filter ranks all pictures by their cosine with a class, and knows which of them are of that class: what a filter with any threshold keeps.
func (z Classified) Filter(class string) *stats.Ranked {
	at := slices.Index(z.Classes, class)
	if at < 0 {
		Check(fmt.Errorf("expected one of the classes, %q, found %q", z.Classes, class))
	}
	scores, right := make([]float64, len(z.Cosines)), make([]bool, len(z.Cosines))
	for i, row := range z.Cosines {
		scores[i], right[i] = float64(row[at]), z.Labels[i] == at
	}
	return stats.Rank(scores, right)
}
