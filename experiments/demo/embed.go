package demo

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Embedded is a data set as a model sees it: a unit vector a picture and a unit vector a text.
type Embedded struct {
	Examples []datasets.Example // the pictures that could be read
	Images   [][]float32        // [len(Examples)][embedDim]
	Texts    [][]float32        // every caption of every example, in order
	Captions []string           // their texts
	Owner    []int              // the example of each text
	Problems []string           // pictures that could not be read, each named
}

// Embed encodes every picture and every caption of a data set.
func Embed(ctx context.Context, b compute.Backend, m *clip.Model, set datasets.Dataset) (*Embedded, error) {
	e := &Embedded{}
	load := func(i int) ([]float32, error) {
		img, err := set.At(i).Open()
		if err != nil {
			return nil, err
		}
		return m.Preprocess(img)
	}
	prepared, errs := inParallel(ctx, set.Len(), load)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var pixels [][]float32
	for i := range set.Len() {
		if errs[i] != nil {
			e.Problems = append(e.Problems, errs[i].Error())
			continue
		}
		pixels = append(pixels, prepared[i])
		e.Examples = append(e.Examples, set.At(i))
	}
	if len(pixels) == 0 {
		return nil, fmt.Errorf("none of the %d pictures of %s could be read: %s", set.Len(), set.Name(), e.Problems[0])
	}
	var err error
	if e.Images, err = m.EncodeImages(b, pixels); err != nil {
		return nil, err
	}
	for i, example := range e.Examples {
		for _, caption := range example.Captions {
			e.Captions = append(e.Captions, caption)
			e.Owner = append(e.Owner, i)
		}
	}
	e.Texts, err = m.EncodeTexts(b, e.Captions)
	return e, err
}

// First is the first n examples alone.
func (e *Embedded) First(n int) *Embedded {
	n = min(n, len(e.Examples))
	texts := 0
	for texts < len(e.Owner) && e.Owner[texts] < n {
		texts++
	}
	return &Embedded{Examples: e.Examples[:n], Images: e.Images[:n], Texts: e.Texts[:texts],
		Captions: e.Captions[:texts], Owner: e.Owner[:texts]}
}

// Retrieval is recall in both directions: whether one of a picture's captions is among the k texts nearest to it, and
// whether a caption's picture is among the k pictures nearest to it.
type Retrieval struct {
	ImageToText map[int]stats.Proportion `json:"image_to_text"` // by k
	TextToImage map[int]stats.Proportion `json:"text_to_image"`
	Images      int                      `json:"images"`
	Texts       int                      `json:"texts"`
}

// RecallAt are the k that retrieval is reported for.
func RecallAt() []int { return []int{1, 5, 10} }

// Retrieve measures retrieval among the examples of e.
func (e *Embedded) Retrieve() Retrieval {
	r := Retrieval{ImageToText: map[int]stats.Proportion{}, TextToImage: map[int]stats.Proportion{}, Images: len(e.Images), Texts: len(e.Texts)}
	toText := clip.Ranks(clip.Similarities(e.Images, e.Texts), func(image, text int) bool { return e.Owner[text] == image })
	toImage := clip.Ranks(clip.Similarities(e.Texts, e.Images), func(text, image int) bool { return e.Owner[text] == image })
	for _, k := range RecallAt() {
		r.ImageToText[k] = clip.AtK(toText, k)
		r.TextToImage[k] = clip.AtK(toImage, k)
	}
	return r
}

// ZeroShot is a classification by the names of the classes alone.
type ZeroShot struct {
	Top1     stats.Proportion   `json:"top1"`
	Chance   float64            `json:"chance"`   // 1 / number of classes
	Majority float64            `json:"majority"` // share of the commonest class
	Classes  []string           `json:"classes"`
	PerClass []stats.Proportion `json:"per_class"`
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
	z := &ZeroShot{Top1: clip.AtK(ranks, 1), Chance: 1 / float64(len(classes)), Classes: classes}
	for i := range classes {
		z.PerClass = append(z.PerClass, stats.NewProportion(hits[i], counts[i]))
		z.Majority = max(z.Majority, float64(counts[i])/float64(len(labels)))
	}
	return z, nil
}
