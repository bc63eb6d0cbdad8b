package captioning

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

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
func NewGreedy(backend compute.Backend, scope *model.Scope, decoder Decoder, batch int) (*Greedy, error) {
	w, err := newWalker(backend, scope, decoder, batch, 1)
	if err != nil {
		return nil, err
	}
	return &Greedy{walker: w}, nil
}

// Close frees the compiled graphs.
func (g *Greedy) Close() { g.walker.close() }

// Caption writes a caption for each of n pictures with the features [n, L, D], or [n, F] for Show and Tell. n may be any
// number.
func (g *Greedy) Caption(features []float32, n int) ([]Caption, error) {
	may, err := allowed(g.walker.vocab, g.forbidden)
	if err != nil {
		return nil, err
	}
	all, err := g.walker.write(features, n, func(int) search {
		return &greedySearch{line: &line{}, may: may, maxLen: g.walker.maxLen}
	})
	captions := make([]Caption, len(all))
	for i, c := range all {
		captions[i] = c[0]
	}
	return captions, err
}

// greedySearch is [Greedy] at one picture.
type greedySearch struct {
	line   *line
	may    words
	maxLen int
}

func (g *greedySearch) read(s said, words, parents []int32) (bool, error) {
	logits, logSum, err := s.words(0)
	if err != nil {
		return false, err
	}
	word := likeliest(logits, g.may)
	g.line = g.line.and(word, float64(logits[word])-logSum, s.looked(0))
	words[0], parents[0] = word, 0
	return word != End && g.line.length < g.maxLen, nil
}

func (g *greedySearch) captions() []Caption { return []Caption{g.line.caption()} }

// likeliest returns the word of the largest logit, the first of equals.
func likeliest(logits []float32, may words) int32 {
	best := -1
	for i, x := range logits {
		if (best < 0 || x > logits[best]) && may.say(int32(i)) {
			best = i
		}
	}
	return int32(best)
}
