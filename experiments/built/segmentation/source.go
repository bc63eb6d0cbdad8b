package segmentation

import (
	"image"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip/segmenting"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
)

// example is a scene with phrases and their masks. The first phrase says colour and shape and has an example picture beside it.
type example struct {
	pixels  []float32
	texts   []float32 // [Q, E]
	example []float32 // pixels
	share   []float32 // of the example in each condition
	truth   []float32 // [Q, H, W]
}

// learner draws what a segmenter learns from.
type learner struct {
	cfg   Config
	m     *segmenting.Model
	texts map[string][]float32 // unit embeddings of all wordings
	set   *scenes.Scenes
	bank  *bank
}

func (l *learner) source(seed int64) (*judge.Source[example], error) {
	q, v := l.cfg.Phrases, l.m.Config.CLIP.Vision
	return judge.NewSource(l.set.Len(), l.cfg.Pictures, seed, l.draw, func(items []example) []*tensors.Tensor {
		var all example
		for _, e := range items {
			all.pixels, all.texts, all.example = append(all.pixels, e.pixels...), append(all.texts, e.texts...), append(all.example, e.example...)
			all.share, all.truth = append(all.share, e.share...), append(all.truth, e.truth...)
		}
		n, e := len(items), l.m.Config.CLIP.EmbedDim
		return []*tensors.Tensor{
			tensors.FromFlatDataAndDimensions(all.pixels, n, v.Height, v.Width, 3), tensors.FromFlatDataAndDimensions(all.texts, n, q, e),
			tensors.FromFlatDataAndDimensions(all.example, n, v.Height, v.Width, 3), tensors.FromFlatDataAndDimensions(all.share, n, q, 1),
			tensors.FromFlatDataAndDimensions(all.truth, n, q, v.Height, v.Width),
		}
	})
}

// draw makes an example of scene i.
func (l *learner) draw(i int, rng *rand.Rand) example {
	scene := l.set.Scene(i)
	var e example
	e.pixels = l.pixels(scene.Image())
	for k := range l.cfg.Phrases {
		kind, share := byPair, float32(rng.Float64())
		if k > 0 {
			kind, share = kinds()[rng.IntN(len(kinds()))], 0
		}
		p := of(scene.Objects[rng.IntN(len(scene.Objects))], kind)
		if rng.Float64() < l.cfg.Absent {
			if other, ok := absent(scene, kind, rng); ok {
				p = other
			}
		}
		wordings := p.wordings()
		e.texts, e.share = append(e.texts, l.texts[wordings[rng.IntN(len(wordings))]]...), append(e.share, share)
		for _, v := range p.truth(scene).Pix {
			e.truth = append(e.truth, float32(v)/255)
		}
		if k == 0 {
			picture, err := l.bank.draw(p, rng)
			if err != nil {
				panic(err) // checked before training
			}
			e.example = l.pixels(picture)
		}
	}
	return e
}

func (l *learner) pixels(picture image.Image) []float32 {
	pixels, err := l.m.CLIP.Preprocess(picture)
	if err != nil {
		panic(err) // drawn pictures are as they should be
	}
	return pixels
}
