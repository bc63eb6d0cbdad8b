package evaluate

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// ZeroShot is a classification by the names of the classes alone (Radford et al. 2021, section 3.1).
type ZeroShot struct {
	Top1         stats.Proportion   `json:"top1"`
	Top5         stats.Proportion   `json:"top5"`
	MeanPerClass stats.Mean         `json:"mean_per_class"` // every class counts the same, however many pictures it has
	Chance       float64            `json:"chance"`         // 1 / number of classes
	Majority     float64            `json:"majority"`       // share of the commonest class
	Classes      []string           `json:"classes"`
	PerClass     []stats.Proportion `json:"per_class"`
	LeftOut      int                `json:"left_out"` // examples without a class, or of a class with too few
}

// Classify classifies the examples of e that have a class with at least least examples; class reads an example's.
func (e *Embedded) Classify(b compute.Backend, m *clip.Model, class func(datasets.Example) string, names func(class string) []string, templates []string, least int) (*ZeroShot, error) {
	classes := classesOf(e.Examples, class, least)
	if len(classes) < 2 {
		return nil, fmt.Errorf("expected at least 2 classes of at least %d pictures, found %d", least, len(classes))
	}
	var all [][]string
	index := map[string]int{}
	for i, c := range classes {
		all = append(all, names(c))
		index[c] = i
	}
	weights, err := m.ClassWeights(b, all, templates)
	if err != nil {
		return nil, err
	}
	var images [][]float32
	var labels []int
	for i, example := range e.Examples {
		if label, ok := index[class(example)]; ok {
			images = append(images, e.Images[i])
			labels = append(labels, label)
		}
	}
	hits, counts := make([]int, len(classes)), make([]int, len(classes))
	ranks := clip.Ranks(clip.Similarities(images, weights), func(i, c int) bool { return labels[i] == c })
	for i, r := range ranks {
		counts[labels[i]]++
		if r == 1 {
			hits[labels[i]]++
		}
	}
	z := &ZeroShot{Top1: clip.AtK(ranks, 1), Top5: clip.AtK(ranks, 5), Chance: 1 / float64(len(classes)), Classes: classes,
		LeftOut: len(e.Examples) - len(labels)}
	for i := range classes {
		z.PerClass = append(z.PerClass, stats.NewProportion(hits[i], counts[i]))
		z.Majority = max(z.Majority, float64(counts[i])/float64(len(labels)))
	}
	z.MeanPerClass = meanPerClass(z.PerClass)
	return z, nil
}

// meanPerClass is the mean of the classes' accuracies. Its 95% interval is a percentile bootstrap (Efron 1979) with 2,000
// resamples and a fixed seed that draws pictures within each class, whose number is part of the data set.
func meanPerClass(classes []stats.Proportion) stats.Mean {
	m := stats.Mean{}
	for _, c := range classes {
		m.Value += c.Value / float64(len(classes))
		m.N += c.N
	}
	rng := rand.New(rand.NewPCG(1, 95))
	resampled := make([]float64, 2000)
	for i := range resampled {
		for _, c := range classes {
			hits := 0
			for range c.N {
				if rng.Float64() < c.Value {
					hits++
				}
			}
			resampled[i] += float64(hits) / float64(c.N) / float64(len(classes))
		}
	}
	slices.Sort(resampled)
	m.Low, m.High = resampled[50], resampled[1949]
	return m
}
