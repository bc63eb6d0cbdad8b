package captioning

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

// Caption is what the decoder says about one picture.
type Caption struct {
	IDs      []int32     // the words, without the start word; the last is [End] when the caption is finished
	LogProb  float64     // log p of exactly these words
	Alphas   [][]float32 // for each of them the attention's weights, [L], that sum to 1
	Finished bool        // whether the decoder ended the caption itself, within MaxLen words
}

// Greedy writes captions by taking the likeliest word at every step. It compiles its graphs once, and uses the weights
// that the store has at each call. It is not for use by several goroutines at once.
type Greedy struct {
	walker    *walker
	forbidden []int32
}

// Forbid keeps words out of captions, such as [Unknown], which says nothing to a reader. Probabilities stay those of the
// whole vocabulary.
func (g *Greedy) Forbid(words ...int32) { g.forbidden = words }

// NewGreedy prepares for batches of the given number of pictures. The weights are those of the scope.
func NewGreedy(backend compute.Backend, scope *model.Scope, cfg Config, batch int) (*Greedy, error) {
	w, err := newWalker(backend, scope, cfg, batch)
	if err != nil {
		return nil, err
	}
	return &Greedy{walker: w}, nil
}

// Close frees the compiled graphs.
func (g *Greedy) Close() { g.walker.close() }

// Caption writes a caption for each of n pictures with the features [n, L, D]. n may be any number: pictures are taken in
// batches, the last one filled up.
func (g *Greedy) Caption(features []float32, n int) ([]Caption, error) {
	w := g.walker
	size := w.cfg.Locations * w.cfg.FeatureDim
	if n < 0 || len(features) != n*size {
		return nil, fmt.Errorf("expected %d x %d x %d features for %d pictures, found %d numbers",
			n, w.cfg.Locations, w.cfg.FeatureDim, n, len(features))
	}
	captions := make([]Caption, 0, n)
	for from := 0; from < n; from += w.batch {
		to := min(from+w.batch, n)
		batch := make([]float32, w.batch*size)
		copy(batch, features[from*size:to*size])
		some, err := g.batch(batch, to-from)
		if err != nil {
			return nil, err
		}
		captions = append(captions, some...)
	}
	return captions, nil
}

// batch writes captions for the first n of a full batch of pictures.
func (g *Greedy) batch(features []float32, n int) ([]Caption, error) {
	w := g.walker
	walk, err := w.begin(features)
	if err != nil {
		return nil, err
	}
	captions := make([]Caption, n)
	words := slices.Repeat([]int32{Start}, w.batch)
	unfinished := n
	for step := 0; step < w.cfg.MaxLen && unfinished > 0; step++ {
		logProbs, alphas, err := walk.step(words)
		if err != nil {
			return nil, err
		}
		for i := range captions {
			c := &captions[i]
			if c.Finished {
				continue
			}
			word, logProb := likeliest(logProbs[i*w.cfg.VocabSize:][:w.cfg.VocabSize], g.forbidden)
			if math.IsNaN(logProb) {
				return nil, fmt.Errorf("expected probabilities for word %d of picture %d, found none that is a number; "+
					"the weights or the features are broken", len(c.IDs)+1, i)
			}
			c.IDs = append(c.IDs, word)
			c.LogProb += logProb
			c.Alphas = append(c.Alphas, slices.Clone(alphas[i*w.cfg.Locations:][:w.cfg.Locations]))
			words[i] = word
			if word == End {
				c.Finished = true
				unfinished--
			}
		}
	}
	return captions, nil
}

// likeliest returns the word of the largest log p, the first of equals, or NaN when there is a NaN.
func likeliest(logProbs []float32, forbidden []int32) (int32, float64) {
	best := -1
	for i, p := range logProbs {
		if p != p {
			return 0, math.NaN()
		}
		if (best < 0 || p > logProbs[best]) && !slices.Contains(forbidden, int32(i)) {
			best = i
		}
	}
	if best < 0 {
		return 0, math.NaN() // every word is forbidden
	}
	return int32(best), float64(logProbs[best])
}
