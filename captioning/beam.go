package captioning

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

// BeamOptions says how captions are searched. The zero value with a K is plain beam search by the rule [Pool].
type BeamOptions struct {
	K              int      `json:"k"`               // hypotheses kept at every step
	Rule           BeamRule `json:"rule"`            // what becomes of the beam when a caption is finished; [Pool] when empty
	LengthExponent float64  `json:"length_exponent"` // x of the final ranking by log p / length^x; 0 ranks by log p
	NBest          int      `json:"n_best"`          // most captions of a picture that are returned; 0 for all K
	Forbid         []int32  `json:"forbid"`          // words that are never said; probabilities stay those of all words
}

// BeamRule is what becomes of the beam when a caption is finished. By either rule the search begins with one empty
// hypothesis, forms at each step all continuations of all hypotheses by one word, and moves those of the best that end in
// the end word from the beam to the finished captions. It ends after MaxLen words at the latest.
type BeamRule string

const (
	// Shrink keeps the best K less the number of finished captions, so that the beam gets narrower, and ends when K are
	// finished. The finished captions come first, then what is left in the beam.
	Shrink BeamRule = "shrink"
	// Pool always keeps the best K, and ends when K captions are finished and the beam's best log p is not above that of
	// the K-th best of them: as log p only falls, the K best that this beam can find are known then. Finished captions
	// and what is left in the beam are ranked together.
	Pool BeamRule = "pool"
)

// Validate returns an error that names the first option with a value that cannot be.
func (o BeamOptions) Validate() error {
	switch {
	case o.K < 1:
		return fmt.Errorf("expected a beam of k = 1 or more, found %d", o.K)
	case o.Rule != "" && o.Rule != Shrink && o.Rule != Pool:
		return fmt.Errorf("expected the beam's rule to be %q or %q, found %q", Shrink, Pool, o.Rule)
	case !(o.LengthExponent >= 0) || math.IsInf(o.LengthExponent, 0):
		return fmt.Errorf("expected a length exponent of 0 or more, found %g", o.LengthExponent)
	case o.NBest < 0:
		return fmt.Errorf("expected n-best of 0, for all, or more, found %d", o.NBest)
	}
	return nil
}

// Beam writes captions by beam search, many pictures at once. The likeliest caption of all is found when the beam is wide
// enough; with K = 1 the search is [Greedy]. Like that it compiles its graphs once, uses the weights that the store has
// at each call, and is not for use by several goroutines at once.
type Beam struct {
	walker  *walker
	options BeamOptions
	may     words
}

// NewBeam prepares for batches of the given number of pictures: batch K captions take a step together. The weights are
// those of the scope.
func NewBeam(backend compute.Backend, scope *model.Scope, decoder Decoder, batch int, options BeamOptions) (*Beam, error) {
	if err := errors.Join(options.Validate(), decoder.Validate()); err != nil {
		return nil, err
	}
	may, err := allowed(decoder.sizes().vocab, options.Forbid)
	if err != nil {
		return nil, err
	}
	w, err := newWalker(backend, scope, decoder, batch, options.K)
	if err != nil {
		return nil, err
	}
	return &Beam{walker: w, options: options, may: may}, nil
}

// Close frees the compiled graphs.
func (b *Beam) Close() { b.walker.close() }

// Captions writes captions for each of n pictures with the features [n, L, D], or [n, F] for Show and Tell, the best
// first: K of them, or NBest, and fewer where the words that may be said do not make as many. n may be any number. Of
// continuations with equal scores the one with the lower word comes first, then that of the better hypothesis.
//
// The length exponent has no part in the search: it ranks what the search has found.
func (b *Beam) Captions(features []float32, n int) ([][]Caption, error) {
	return b.walker.write(features, n, func(int) search { return newBeamSearch(b.options, b.may, b.walker.maxLen) })
}

// Caption writes the best caption for each of n pictures; see [Beam.Captions].
func (b *Beam) Caption(features []float32, n int) ([]Caption, error) {
	all, err := b.Captions(features, n)
	if err != nil {
		return nil, err
	}
	best := make([]Caption, n)
	for i, captions := range all {
		best[i] = captions[0]
	}
	return best, nil
}

// beamSearch is [Beam] at one picture.
type beamSearch struct {
	options  BeamOptions
	may      words
	maxLen   int
	live     []*line // the beam, the best first; line i is in row i
	finished []*line // the best first
	best     best
}

func newBeamSearch(options BeamOptions, may words, maxLen int) *beamSearch {
	return &beamSearch{options: options, may: may, maxLen: maxLen, live: []*line{{}}}
}

func (b *beamSearch) read(s said, words, parents []int32) (bool, error) {
	keep := b.options.K
	if b.options.Rule == Shrink {
		keep -= len(b.finished)
	}
	b.best.reset(keep)
	looked := make([][]float32, len(b.live))
	for row, l := range b.live {
		logits, logSum, err := s.words(row)
		if err != nil {
			return false, err
		}
		b.best.offer(row, l.sum-logSum, logits, b.may)
		looked[row] = s.looked(row)
	}
	before := b.live
	b.live = nil
	for _, c := range b.best.sorted() {
		logProb := float64(s.logits[c.row*s.V+int(c.word)]) - float64(s.logSums[c.row])
		l := before[c.row].and(c.word, logProb, looked[c.row])
		if c.word == End {
			b.finish(l)
			continue
		}
		words[len(b.live)], parents[len(b.live)] = c.word, int32(c.row)
		b.live = append(b.live, l)
	}
	return !b.over(), nil
}

// finish puts a caption among the finished ones, behind its equals.
func (b *beamSearch) finish(l *line) {
	at := len(b.finished)
	for at > 0 && l.sum > b.finished[at-1].sum {
		at--
	}
	b.finished = slices.Insert(b.finished, at, l)
}

// over tells whether the search is at its end.
func (b *beamSearch) over() bool {
	if len(b.live) == 0 || b.live[0].length == b.maxLen {
		return true
	}
	k := b.options.K
	if len(b.finished) < k {
		return false
	}
	return b.options.Rule == Shrink || b.live[0].sum <= b.finished[k-1].sum
}

func (b *beamSearch) captions() []Caption {
	var all []Caption
	for _, l := range append(b.finished, b.live...) {
		c := l.caption()
		c.Score /= math.Pow(float64(l.length), b.options.LengthExponent)
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(x, y Caption) int {
		switch {
		case b.options.Rule == Shrink && x.Finished != y.Finished:
			if x.Finished {
				return -1
			}
			return 1
		case x.Score > y.Score:
			return -1
		case x.Score < y.Score:
			return 1
		}
		return 0
	})
	n := b.options.K
	if b.options.NBest > 0 {
		n = min(n, b.options.NBest)
	}
	return all[:min(n, len(all))]
}
