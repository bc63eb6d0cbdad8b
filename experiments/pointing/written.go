package pointing

import (
	"context"
	"image"
	"strings"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
)

// written is a caption that a model has written of a scene.
type written struct {
	scene   scenes.Scene
	input   []float32 // the picture, as the model sees it
	ids     []int32   // the start word and the caption
	words   []string
	maps    [][]float64 // of each word, and of the caption's end: where the attention looked as it was said
	grid    int
	mistake scenes.Mistake
	named   []scenes.Named // nothing for a caption outside the grammar
}

// writeBatch is how many captions are written together.
const writeBatch = 32

// write describes every scene of a set.
func write(ctx context.Context, c *captioner.Model, set *scenes.Scenes, options captioning.BeamOptions) ([]written, error) {
	writer, err := c.NewWriter(captioner.Writing{Beam: options}, writeBatch)
	if err != nil {
		return nil, err
	}
	defer writer.Close()
	var all []written
	const group = 8 * writeBatch
	for from := 0; from < set.Len(); from += group {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var pictures []image.Image
		first := len(all)
		for i := from; i < min(from+group, set.Len()); i++ {
			scene := set.Scene(i)
			all, pictures = append(all, written{scene: scene, grid: c.Encoder.Grid}), append(pictures, scene.Image())
		}
		inputs, err := c.Inputs(pictures)
		if err != nil {
			return nil, err
		}
		captions, err := writer.WriteInputs(inputs, make([]uint64, len(inputs)), 0)
		if err != nil {
			return nil, err
		}
		for i, best := range captions {
			all[first+i].input = inputs[i]
			all[first+i].judge(c.Vocabulary, best[0])
		}
	}
	return all, nil
}

// judge compares a caption with its scene.
func (w *written) judge(vocabulary *captioning.Vocabulary, caption captioning.Caption) {
	w.ids = append([]int32{captioning.Start}, caption.IDs...)
	w.words = vocabulary.Decode(caption.IDs)
	for _, alpha := range caption.Alphas {
		m := make([]float64, len(alpha))
		for i, a := range alpha {
			m[i] = float64(a)
		}
		w.maps = append(w.maps, m)
	}
	w.mistake = w.scene.Mistake(w.text())
	w.named, _ = w.scene.Named(w.text()) // an error is the mistake of not being parsed
}

func (w *written) text() string { return strings.Join(w.words, " ") }

// onDev are the figures that training is followed by.
func onDev(all []written) map[string]float64 {
	mistakes, words, objects := map[scenes.Mistake]int{}, 0, 0
	share, even, n := 0.0, 0.0, 0
	for _, w := range all {
		mistakes[w.mistake]++
		words += len(w.words)
		for _, named := range w.named {
			objects += named.Count
			if len(named.Objects) == 0 {
				continue
			}
			in := cover(w.scene, named.Objects, w.grid)
			share, even, n = share+inBox(w.maps[named.Noun], in), even+mean(in), n+1
		}
	}
	found := map[string]float64{
		devTrue: float64(mistakes[scenes.NoMistake]) / float64(len(all)), devShare: share / float64(max(n, 1)), devRatio: share / max(even, 1e-9),
		"dev_words": float64(words) / float64(len(all)), "dev_named": float64(objects) / float64(len(all)),
	}
	for _, m := range scenes.Mistakes() {
		found["dev_wrong_"+strings.ReplaceAll(string(m), " ", "_")] = float64(mistakes[m]) / float64(len(all))
	}
	return found
}
