package demo

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// embedChunk is how many pictures [EmbedAll] holds in memory at a time.
const embedChunk = 256

// EmbedAll is [Embed] for data sets of any size. done, if it is not nil, is told how many pictures are embedded.
func EmbedAll(ctx context.Context, b compute.Backend, m *clip.Model, set datasets.Dataset, done func(n int)) (*Embedded, error) {
	e := &Embedded{}
	for start := 0; start < set.Len(); start += embedChunk {
		n := min(embedChunk, set.Len()-start)
		if err := e.embed(ctx, b, m, set, start, n); err != nil {
			return nil, err
		}
		if done != nil {
			done(start + n)
		}
	}
	if len(e.Examples) == 0 {
		first := "it is empty"
		if len(e.Problems) > 0 {
			first = e.Problems[0]
		}
		return nil, fmt.Errorf("none of the %d pictures of %s could be read: %s", set.Len(), set.Name(), first)
	}
	return e, nil
}

// embed appends n examples of set from start on.
func (e *Embedded) embed(ctx context.Context, b compute.Backend, m *clip.Model, set datasets.Dataset, start, n int) error {
	prepared, errs := inParallel(ctx, n, func(i int) ([]float32, error) {
		img, err := set.At(start + i).Open()
		if err != nil {
			return nil, err
		}
		return m.Preprocess(img)
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	var pixels [][]float32
	var captions []string
	for i := range n {
		if errs[i] != nil {
			e.Problems = append(e.Problems, errs[i].Error())
			continue
		}
		example := set.At(start + i)
		pixels = append(pixels, prepared[i])
		for _, caption := range example.Captions {
			captions = append(captions, caption)
			e.Owner = append(e.Owner, len(e.Examples))
		}
		e.Examples = append(e.Examples, example)
	}
	images, err := m.EncodeImages(b, pixels)
	if err != nil {
		return err
	}
	texts, err := m.EncodeTexts(b, captions)
	e.Images, e.Texts, e.Captions = append(e.Images, images...), append(e.Texts, texts...), append(e.Captions, captions...)
	return err
}

// Accuracy is a zero-shot classification in detail.
type Accuracy struct {
	ZeroShot
	Top5         stats.Proportion `json:"top5"`
	MeanPerClass stats.Mean       `json:"mean_per_class"` // every class counts the same, however many pictures it has
	LeftOut      int              `json:"left_out"`       // examples without a class, or of a class with too few
}

// Accuracy is [Embedded.Classify] in detail.
func (e *Embedded) Accuracy(b compute.Backend, m *clip.Model, class func(datasets.Example) string, names func(class string) []string, templates []string, least int) (*Accuracy, error) {
	z, err := e.Classify(b, m, class, names, templates, least)
	if err != nil {
		return nil, err
	}
	var all [][]string
	for _, c := range z.Classes {
		all = append(all, names(c))
	}
	weights, err := m.ClassWeights(b, all, templates)
	if err != nil {
		return nil, err
	}
	var images [][]float32
	var labels []int
	for i, example := range e.Examples {
		if label, ok := slices.BinarySearch(z.Classes, class(example)); ok {
			images, labels = append(images, e.Images[i]), append(labels, label)
		}
	}
	ranks := clip.Ranks(clip.Similarities(images, weights), func(i, c int) bool { return labels[i] == c })
	return &Accuracy{ZeroShot: *z, Top5: clip.AtK(ranks, 5), MeanPerClass: meanPerClass(z.PerClass), LeftOut: len(e.Examples) - len(labels)}, nil
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

// CaptionLoss says how well a captioner foretells what people say of pictures.
type CaptionLoss struct {
	Loss     stats.Mean         `json:"heldout_loss"` // cross-entropy in nats a word, the mean over pictures
	Captions int                `json:"captions"`     // all of every picture
	Words    int                `json:"words"`        // that are foretold, the ends of sentences included
	Unknown  float64            `json:"unknown"`      // share of words that are not in the vocabulary, 0..1: they count as one word
	Examples []DescribedExample `json:"examples"`     // the first pictures
	Problems []string           `json:"problems"`     // pictures that were left out, each named
}

// HeldOutLoss measures the captioner on all captions of a data set, and describes its first pictures. Remarks and
// progress go to messages, if it is not nil.
func (c *Captioner) HeldOutLoss(ctx context.Context, set datasets.Dataset, examples int, messages io.Writer) (*CaptionLoss, error) {
	env := &experiments.Env{Backend: c.backend, Messages: messages}
	prepared, problems, err := c.prepareSet(ctx, env, set)
	if err != nil {
		return nil, err
	}
	result := &CaptionLoss{Problems: problems}
	unknown, most := 0, 0
	for _, texts := range prepared.texts {
		most = max(most, len(texts))
		for _, ids := range texts {
			result.Captions++
			result.Words += len(ids) - 1 // without the start
			for _, id := range ids {
				if id == captioning.Unknown {
					unknown++
				}
			}
		}
	}
	result.Unknown = float64(unknown) / float64(max(result.Words, 1))
	env.Say("captioner: measuring the loss on %d captions of %d pictures", result.Captions, len(prepared.examples))
	losses, err := c.heldOutLoss(ctx, env, prepared, CaptionerConfig{BatchSize: 64, HeldOutTexts: most})
	if err != nil {
		return nil, err
	}
	result.Loss = stats.NewMean(losses)
	n := min(examples, len(prepared.examples))
	result.Examples, err = c.examples(&captionSet{prepared.examples[:n], prepared.indices[:n], prepared.texts[:n], prepared.inputs}, n)
	return result, err
}
