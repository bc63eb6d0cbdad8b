package clip

import (
	"fmt"
	"math"
	"strings"

	"github.com/gomlx/compute"
)

// DefaultTemplates are this project's prompts for a class name, which replaces "{}".
func DefaultTemplates() []string {
	return []string{"{}", "a {}", "a photo of a {}", "a picture of a {}"}
}

// ClassWeights returns one unit vector a class [len(classes)][embedDim]: the unit mean, over the templates and the
// names of the class, of the unit text embeddings (Radford et al. 2021, section 3.1.4). A class has one name or more.
func (m *Model) ClassWeights(b compute.Backend, classes [][]string, templates []string) ([][]float32, error) {
	if len(templates) == 0 {
		templates = []string{"{}"}
	}
	var prompts []string
	for i, names := range classes {
		if len(names) == 0 {
			return nil, fmt.Errorf("expected at least one name for class %d, found none", i)
		}
		for _, name := range names {
			for _, template := range templates {
				prompts = append(prompts, strings.ReplaceAll(template, "{}", name))
			}
		}
	}
	embeddings, err := m.EncodeTexts(b, prompts)
	if err != nil {
		return nil, err
	}
	weights := make([][]float32, len(classes))
	for i, names := range classes {
		k := len(names) * len(templates)
		weights[i] = unitMean(embeddings[:k])
		embeddings = embeddings[k:]
	}
	return weights, nil
}

func unitMean(rows [][]float32) []float32 {
	sum := make([]float64, len(rows[0]))
	for _, row := range rows {
		for j, v := range row {
			sum[j] += float64(v)
		}
	}
	norm := 0.0
	for _, v := range sum {
		norm += v * v
	}
	norm = max(math.Sqrt(norm), 1e-12)
	mean := make([]float32, len(sum))
	for j, v := range sum {
		mean[j] = float32(v / norm)
	}
	return mean
}

// Similarities returns the dot products [len(a)][len(b)] of two sets of embeddings: cosines, when they are unit ones.
func Similarities(a, b [][]float32) [][]float32 {
	out := make([][]float32, len(a))
	for i, x := range a {
		out[i] = make([]float32, len(b))
		for j, y := range b {
			var s float32
			for k := range x {
				s += x[k] * y[k]
			}
			out[i][j] = s
		}
	}
	return out
}
