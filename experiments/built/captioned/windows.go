package captioned

import (
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
)

// Windows are pictures of the training split, from which windows are cut anew each time, with a vocabulary for their captions.
type Windows struct {
	Tokenizer *clip.Tokenizer
	Pictures  []judge.Picture

	side, context int
}

// Draw draws so many pictures for windows of side pixels. Their captions are read with a vocabulary, or one of their own where it is nil; context is how many tokens
// a caption has room for, and one that has more is an error.
func Draw(side, context int, seed int64, count int, tokenizer *clip.Tokenizer) (*Windows, error) {
	pictures, err := judge.Draw(side, scenes.Train, uint64(seed), count)
	if err != nil {
		return nil, err
	}
	if tokenizer == nil {
		if tokenizer, err = vocabulary(pictures); err != nil {
			return nil, err
		}
	}
	for _, p := range pictures {
		if _, err := tokenizer.EncodeWhole(append(p.Scene.Captions(), p.Label.Prompt()), context); err != nil {
			return nil, fmt.Errorf("captions of scenes: %w", err)
		}
	}
	return &Windows{tokenizer, pictures, side, context}, nil
}

// vocabulary is made of the captions of the first pictures and of all prompts.
func vocabulary(pictures []judge.Picture) (*clip.Tokenizer, error) {
	var corpus []string
	for _, p := range pictures[:min(500, len(pictures))] {
		corpus = append(corpus, p.Scene.Captions()...)
	}
	return clip.TrainTokenizer(append(corpus, judge.Prompts(judge.Labels())...), 200)
}

// Example is a window with noise and a caption.
type Example struct {
	Values, Noise []float32 // [side, side, 3]
	Step          int32     // of the noise
	IDs           []int32   // of the caption
	Label         judge.Label
}

// Example cuts a window of picture i. Its step of the noise is one of least to most.
func (w *Windows) Example(i int, rng *rand.Rand, least, most int) Example {
	p := w.Pictures[i]
	e := Example{Values: p.Window(rng), Step: int32(least + rng.IntN(most+1-least)), Label: p.Label}
	e.Noise = Noise(rng, 3*w.side*w.side)
	caption := p.Label.Prompt() // half of the captions name colour and shape and nothing else; the others may leave out either
	if rng.IntN(2) == 0 {
		caption = p.Scene.Caption(rng)
	}
	e.IDs = w.Tokenizer.EncodeBatch([]string{caption}, w.context)
	return e
}

// Noise are n numbers of N(0, 1).
func Noise(rng *rand.Rand, n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(rng.NormFloat64())
	}
	return values
}

// Source draws windows with noise of the steps least to most: batches of windows [N, side, side, 3], noise of the same shape, steps [N], ids [N, context] and
// labels [N], a number for each pair of colour and shape.
func (w *Windows) Source(batch int, seed int64, least, most int) (*judge.Source[Example], error) {
	return judge.NewSource(len(w.Pictures), batch, seed, func(i int, rng *rand.Rand) Example { return w.Example(i, rng, least, most) },
		func(items []Example) []*tensors.Tensor {
			var values, noise []float32
			var steps, ids, labels []int32
			for _, e := range items {
				values, noise, steps, ids = append(values, e.Values...), append(noise, e.Noise...), append(steps, e.Step), append(ids, e.IDs...)
				labels = append(labels, int32(e.Label.Colour*len(scenes.Shapes())+e.Label.Shape))
			}
			n := len(items)
			return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(values, n, w.side, w.side, 3), tensors.FromFlatDataAndDimensions(noise, n, w.side, w.side, 3),
				tensors.FromFlatDataAndDimensions(steps, n), tensors.FromFlatDataAndDimensions(ids, n, w.context), tensors.FromFlatDataAndDimensions(labels, n)}
		})
}
