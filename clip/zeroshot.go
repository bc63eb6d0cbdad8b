package clip

import (
	"fmt"
	"image"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/compute"
)

// DefaultTemplates are this project's prompts for a class name, which replaces "{}": the bare name, what captions and
// titles put before a noun, and photographs of it. Of five lists of this kind it had the best mean accuracy per class on
// the training pictures of fashion-products with the model of `make demo`, 29.1% (the bare name alone, nearer to the titles
// that this model knows, had 33.0%); on CIFAR-10 all were near chance. No published model was measured.
func DefaultTemplates() []string {
	return []string{"{}", "a {}", "the {}", "some {}", "a new {}", "an old {}",
		"a photo of a {}", "a photo of one small {}", "a photo of one large {}", "a {} on its own"}
}

// DefaultTemplatesFor are those of [DefaultTemplates] whose prompts the model can read whole, for all names of all classes;
// the bare name is always among them. The models of make demo read few tokens, published ones read all of these.
func (m *Model) DefaultTemplatesFor(classes [][]string) []string {
	if m.Tokenizer == nil {
		return DefaultTemplates()
	}
	return slices.DeleteFunc(DefaultTemplates(), func(template string) bool {
		for _, name := range slices.Concat(classes...) {
			_, _, err := m.Tokenizer.Encode(strings.ReplaceAll(template, "{}", name), m.Config.Text.ContextLength, false)
			if err != nil {
				return template != "{}"
			}
		}
		return false
	})
}

// ClassWeights returns one unit vector a class [len(classes)][embedDim]: the unit mean, over the templates and the
// names of the class, of the unit text embeddings (Radford et al. 2021, section 3.1.4). A class has one name or more, which stands
// in each template for "{}".
func (m *Model) ClassWeights(b compute.Backend, classes [][]string, templates []string) ([][]float32, error) {
	if len(templates) == 0 {
		templates = []string{"{}"}
	}
	for _, template := range templates {
		if !strings.Contains(template, "{}") {
			return nil, fmt.Errorf("expected templates with {} for the name of a class, such as \"a photo of a {}\", found %q, which is the same prompt for all", template)
		}
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

// Classifier tells which of some labels fits a picture best. Its methods are not safe for concurrent use.
type Classifier struct {
	Labels  []string
	Weights [][]float32 // [len(Labels)][embedDim], see [Model.ClassWeights]
	Scale   float64     // the factor on cosines, 1/temperature

	model   *Model
	backend compute.Backend
}

// NewClassifier makes a classifier of labels; each is put into every template,
// those of [Model.DefaultTemplatesFor] when there are none.
func (m *Model) NewClassifier(b compute.Backend, labels, templates []string) (*Classifier, error) {
	if len(labels) == 0 {
		return nil, fmt.Errorf("expected at least one label to tell pictures by, found none")
	}
	var classes [][]string
	for _, label := range labels {
		classes = append(classes, []string{label})
	}
	if len(templates) == 0 {
		templates = m.DefaultTemplatesFor(classes)
	}
	weights, err := m.ClassWeights(b, classes, templates)
	if err != nil {
		return nil, err
	}
	scale, err := m.Scale()
	return &Classifier{labels, weights, scale, m, b}, err
}

// Classify returns the probabilities [len(pictures)][len(Labels)] of the labels for each picture: the softmax over the
// labels of the scale times the cosine. They say which label fits best among these, not whether any fits.
func (c *Classifier) Classify(pictures ...image.Image) ([][]float64, error) {
	pixels := make([][]float32, len(pictures))
	for i, picture := range pictures {
		var err error
		if pixels[i], err = c.model.Preprocess(picture); err != nil {
			return nil, fmt.Errorf("picture %d: %w", i, err)
		}
	}
	embeddings, err := c.model.EncodeImages(c.backend, pixels)
	if err != nil {
		return nil, err
	}
	probabilities := make([][]float64, len(pictures))
	for i, cosines := range Similarities(embeddings, c.Weights) {
		probabilities[i] = Softmax(cosines, c.Scale)
	}
	return probabilities, nil
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
