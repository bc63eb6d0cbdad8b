package evaluate

import (
	"context"
	"fmt"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/parallel"
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

// embedChunk is how many pictures [Embed] holds in memory at a time.
const embedChunk = 256

// Embed encodes every picture and every caption of a data set. done, if it is not nil, is told how many pictures are
// embedded. Pictures that cannot be read are left out and named in Problems.
func Embed(ctx context.Context, b compute.Backend, m *clip.Model, set datasets.Dataset, done func(n int)) (*Embedded, error) {
	return embedAll(ctx, b, m, set, true, done)
}

// EmbedImages is [Embed] without the captions, for what needs the pictures alone.
func EmbedImages(ctx context.Context, b compute.Backend, m *clip.Model, set datasets.Dataset, done func(n int)) (*Embedded, error) {
	return embedAll(ctx, b, m, set, false, done)
}

func embedAll(ctx context.Context, b compute.Backend, m *clip.Model, set datasets.Dataset, texts bool, done func(n int)) (*Embedded, error) {
	e := &Embedded{}
	for start := 0; start < set.Len(); start += embedChunk {
		n := min(embedChunk, set.Len()-start)
		if err := e.embed(ctx, b, m, set, start, n, texts); err != nil {
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

// embed appends n examples of set from start on, with their captions if texts is set.
func (e *Embedded) embed(ctx context.Context, b compute.Backend, m *clip.Model, set datasets.Dataset, start, n int, texts bool) error {
	prepared, errs := parallel.Map(ctx, n, func(i int) ([]float32, error) {
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
			if texts {
				captions = append(captions, caption)
				e.Owner = append(e.Owner, len(e.Examples))
			}
		}
		e.Examples = append(e.Examples, example)
	}
	images, err := m.EncodeImages(b, pixels)
	if err != nil {
		return err
	}
	e.Images, e.Captions = append(e.Images, images...), append(e.Captions, captions...)
	if len(captions) == 0 {
		return nil
	}
	encoded, err := m.EncodeTextsTruncated(b, captions)
	e.Texts = append(e.Texts, encoded...)
	return err
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

// PairCosines are the cosines [n][n] of the first n pictures that have captions, a picture a row, with the first caption of each: the diagonal
// holds the pairs. There are fewer where there are fewer pictures.
func (e *Embedded) PairCosines(n int) [][]float32 {
	var images, texts [][]float32
	last := -1
	for text, owner := range e.Owner {
		if owner != last && len(texts) < n {
			images, texts, last = append(images, e.Images[owner]), append(texts, e.Texts[text]), owner
		}
	}
	return clip.Similarities(images, texts)
}
