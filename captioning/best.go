package captioning

import (
	"math"
	"slices"
)

// continuation is a hypothesis and a word after it.
type continuation struct {
	score float64 // log p of all words
	word  int32
	row   int // of the hypothesis, which is its rank
}

// worse orders by score, then for the lower word, then for the earlier hypothesis.
func (c continuation) worse(than continuation) bool {
	switch {
	case c.score != than.score:
		return c.score < than.score
	case c.word != than.word:
		return c.word > than.word
	}
	return c.row > than.row
}

// best keeps the best of many continuations, a heap whose root is the worst of those kept. It never sorts a vocabulary: a
// word is compared with the worst that is kept, and nearly always that is all.
type best struct {
	most int
	heap []continuation
}

func (b *best) reset(most int) { b.most, b.heap = most, b.heap[:0] }

// offer looks at the words after a hypothesis: the score of a word is base plus its logit.
func (b *best) offer(row int, base float64, logits []float32, may words) {
	bound := b.bound(base)
	for i, x := range logits {
		if x < bound || !may.say(int32(i)) {
			continue
		}
		if c := (continuation{base + float64(x), int32(i), row}); b.add(c) {
			bound = b.bound(base)
		}
	}
}

// bound is a logit below which no word can be kept. It errs to the safe side, where rounding could matter.
func (b *best) bound(base float64) float32 {
	if len(b.heap) < b.most {
		return float32(math.Inf(-1))
	}
	x := b.heap[0].score - base
	return float32(x - 1e-6*(1+math.Abs(x)))
}

// add keeps a continuation if it is among the best.
func (b *best) add(c continuation) bool {
	if len(b.heap) < b.most {
		b.heap = append(b.heap, c)
		b.rise(len(b.heap) - 1)
		return true
	}
	if !b.heap[0].worse(c) {
		return false
	}
	b.heap[0] = c
	b.sink()
	return true
}

func (b *best) rise(i int) {
	for i > 0 && b.heap[i].worse(b.heap[(i-1)/2]) {
		b.heap[i], b.heap[(i-1)/2] = b.heap[(i-1)/2], b.heap[i]
		i = (i - 1) / 2
	}
}

func (b *best) sink() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(b.heap) {
			return
		}
		if child+1 < len(b.heap) && b.heap[child+1].worse(b.heap[child]) {
			child++
		}
		if !b.heap[child].worse(b.heap[i]) {
			return
		}
		b.heap[i], b.heap[child] = b.heap[child], b.heap[i]
		i = child
	}
}

// sorted returns what is kept, the best first. It is of no use for offers afterwards.
func (b *best) sorted() []continuation {
	slices.SortFunc(b.heap, func(x, y continuation) int {
		if y.worse(x) {
			return -1
		}
		return 1
	})
	return b.heap
}
