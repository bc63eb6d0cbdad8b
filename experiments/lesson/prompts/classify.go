package prompts

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// classifier classifies pictures by prompts in many wordings.
type classifier struct {
	lists
	classes        []string
	choosing, test labelled
	encode         func(texts []string) ([][]float32, error)
	texts          [][][]float32 // by template and class, unit vectors
}

// labelled are unit embeddings of pictures with the numbers of their classes.
type labelled struct {
	images [][]float32
	labels []int
}

// label takes the classes of the test pictures, and the pictures that have one of them.
func (c *classifier) label(choosing, test *evaluate.Embedded, class func(datasets.Example) string) {
	for _, e := range test.Examples {
		if name := class(e); name != "" && !slices.Contains(c.classes, name) {
			c.classes = append(c.classes, name)
		}
	}
	slices.Sort(c.classes)
	of := func(e *evaluate.Embedded) (l labelled) {
		for i, example := range e.Examples {
			if label := slices.Index(c.classes, class(example)); label >= 0 {
				l.images, l.labels = append(l.images, e.Images[i]), append(l.labels, label)
			}
		}
		return l
	}
	c.choosing, c.test = of(choosing), of(test)
}

// measure measures all wordings.
func (c *classifier) measure(name, data string, draws int, rng *rand.Rand) (Task, error) {
	t := Task{Name: name, Data: data, Classes: len(c.classes), Pictures: len(c.test.labels), Choosing: len(c.choosing.labels)}
	if t.Classes < 2 || t.Choosing == 0 {
		return t, fmt.Errorf("%s: expected at least 2 classes, and pictures of them to choose prompts on, found %d and %d", data, t.Classes, t.Choosing)
	}
	var all []int
	for k, template := range c.templates {
		rows, err := c.encode(c.put(template))
		if err != nil {
			return t, err
		}
		c.texts = append(c.texts, rows)
		all = append(all, k)
	}
	for k, template := range c.templates {
		t.Templates = append(t.Templates, Alone{template, proportion(c.test.hits(c.ensemble([]int{k})))})
	}
	order, accuracy := c.greedy()
	for k := range order {
		t.Greedy = append(t.Greedy, Chosen{c.templates[order[k]], accuracy[k], proportion(c.test.hits(c.ensemble(order[:k+1])))})
		if accuracy[k] > accuracy[max(t.Kept-1, 0)] || t.Kept == 0 {
			t.Kept = k + 1
		}
	}
	for size := 1; size <= len(all); size++ {
		t.Random = append(t.Random, c.random(size, draws, rng))
	}
	word := c.test.hits(c.ensemble([]int{0}))
	add := func(name string, prompts float64, weights [][]float32) {
		hits := c.test.hits(weights)
		t.Wordings = append(t.Wordings, Wording{name, int(prompts + 0.5), proportion(hits), gain(word, hits)})
	}
	add("bare word", 1, c.ensemble([]int{0}))
	add("a photo of a", 1, c.ensemble([]int{1}))
	for _, special := range []struct {
		name    string
		prompts func(class string) []string
	}{{"other names too", c.names}, {"class-specific", c.own}} {
		weights, prompts, err := c.special(special.prompts)
		if err != nil {
			return t, err
		}
		if weights != nil {
			add(special.name, prompts, weights)
		}
	}
	add("all templates", float64(len(all)), c.ensemble(all))
	add("chosen greedily", float64(t.Kept), c.ensemble(order[:t.Kept]))
	return t, nil
}

// put puts all classes into a template.
func (c *classifier) put(template string) (prompts []string) {
	for _, class := range c.classes {
		prompts = append(prompts, strings.ReplaceAll(template, "{}", class))
	}
	return prompts
}

// ensemble are the unit means over some of the templates, one for each class.
func (c *classifier) ensemble(templates []int) [][]float32 {
	weights := make([][]float32, len(c.classes))
	for class := range weights {
		var rows [][]float32
		for _, k := range templates {
			rows = append(rows, c.texts[k][class])
		}
		weights[class] = unitMean(rows)
	}
	return weights
}

// special are the unit means over each class's own prompts, and how many they are on average; nil when a class has none.
func (c *classifier) special(of func(class string) []string) (weights [][]float32, prompts float64, err error) {
	for _, class := range c.classes {
		own := of(class)
		if len(own) == 0 {
			return nil, 0, nil
		}
		rows, err := c.encode(own)
		if err != nil {
			return nil, 0, err
		}
		weights, prompts = append(weights, unitMean(rows)), prompts+float64(len(own))/float64(len(c.classes))
	}
	return weights, prompts, nil
}

// greedy orders the templates: each is the one that, together with those before it, classifies most of the pictures that are chosen on; the
// first of equals. accuracy is that of every prefix.
func (c *classifier) greedy() (order []int, accuracy []float64) {
	for len(order) < len(c.templates) {
		best, most := -1, -1.0
		for k := range c.templates {
			if slices.Contains(order, k) {
				continue
			}
			if share := c.choosing.accuracy(c.ensemble(append(slices.Clone(order), k))); share > most {
				best, most = k, share
			}
		}
		order, accuracy = append(order, best), append(accuracy, most)
	}
	return order, accuracy
}

// random draws ensembles of a size.
func (c *classifier) random(size, draws int, rng *rand.Rand) Ensemble {
	e := Ensemble{Size: size, Lowest: math.Inf(1)}
	if size == len(c.templates) {
		draws = 1
	}
	for range draws {
		share := c.test.accuracy(c.ensemble(rng.Perm(len(c.templates))[:size]))
		e.Mean, e.Lowest, e.Highest = e.Mean+share/float64(draws), min(e.Lowest, share), max(e.Highest, share)
	}
	e.Mean = min(max(e.Mean, e.Lowest), e.Highest) // of equal shares, whatever rounding makes of them
	return e
}

// hits says of each picture whether the nearest class is its own.
func (l labelled) hits(weights [][]float32) []bool {
	hits := make([]bool, len(l.labels))
	for i, predicted := range clip.Predicted(clip.Similarities(l.images, weights)) {
		hits[i] = predicted == l.labels[i]
	}
	return hits
}

func (l labelled) accuracy(weights [][]float32) float64 { return proportion(l.hits(weights)).Value }

func proportion(hits []bool) stats.Proportion {
	n := 0
	for _, hit := range hits {
		if hit {
			n++
		}
	}
	return stats.NewProportion(n, len(hits))
}

// gain is how much larger a share is than before, with a bootstrap over pictures.
func gain(before, after []bool) stats.Mean {
	differences := make([]float64, len(before))
	for i := range before {
		if after[i] {
			differences[i]++
		}
		if before[i] {
			differences[i]--
		}
	}
	return stats.NewMean(differences)
}

func unitMean(rows [][]float32) []float32 {
	mean, length := make([]float32, len(rows[0])), 0.0
	for _, row := range rows {
		for d, v := range row {
			mean[d] += v
		}
	}
	for _, v := range mean {
		length += float64(v) * float64(v)
	}
	for d := range mean {
		mean[d] /= float32(max(math.Sqrt(length), 1e-12))
	}
	return mean
}
