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
	Templates    []string           `json:"templates"` // the prompts that the names of classes were put into
	PerClass     []stats.Proportion `json:"per_class"`
	Confusion    [][]int            `json:"confusion"`   // pictures by their class (row) and the one predicted (column)
	Calibration  *Calibration       `json:"calibration"` // of the softmax with the model's own temperature
	LeftOut      int                `json:"left_out"`    // examples without a class, or of a class with too few
}

// Classify classifies the examples of e that have a class with at least least examples; class reads an example's.
// templates are those of [clip.Model.DefaultTemplatesFor] when there are none.
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
	if len(templates) == 0 {
		templates = m.DefaultTemplatesFor(all)
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
	scale, err := m.Scale()
	if err != nil {
		return nil, err
	}
	z, err := zeroShot(classes, clip.Similarities(images, weights), labels, scale, len(e.Examples)-len(labels))
	if err != nil {
		return nil, err
	}
	z.Templates = templates
	return z, nil
}

// zeroShot is what the cosines of pictures and classes [n][classes] come to.
func zeroShot(classes []string, cosines [][]float32, labels []int, scale float64, leftOut int) (*ZeroShot, error) {
	ranks := clip.Ranks(cosines, func(i, c int) bool { return labels[i] == c })
	z := &ZeroShot{Top1: clip.AtK(ranks, 1), Top5: clip.AtK(ranks, 5), Chance: 1 / float64(len(classes)), Classes: classes,
		Confusion: clip.Confusion(labels, clip.Predicted(cosines), len(classes)), LeftOut: leftOut}
	z.PerClass, z.Majority = perClass(z.Confusion)
	z.MeanPerClass = meanPerClass(z.PerClass)
	var err error
	z.Calibration, err = calibrate(cosines, labels, scale)
	return z, err
}

// perClass is the accuracy of each class (row) of a confusion matrix, and the share of the commonest one.
func perClass(confusion [][]int) (accuracy []stats.Proportion, majority float64) {
	all, most := 0, 0
	for class, row := range confusion {
		n := 0
		for _, count := range row {
			n += count
		}
		accuracy = append(accuracy, stats.NewProportion(row[class], n))
		all, most = all+n, max(most, n)
	}
	return accuracy, float64(most) / float64(max(all, 1))
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
