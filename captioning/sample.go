package captioning

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/ml/model"
)

// SampleOptions says how words are drawn. The zero value draws one caption of each picture from what the decoder says.
type SampleOptions struct {
	N           int     `json:"n"`           // captions of each picture, each drawn for itself; 0 for 1
	Temperature float64 `json:"temperature"` // p becomes p^(1/temperature), scaled to the sum 1; 0 for 1
	TopK        int     `json:"top_k"`       // only the so many likeliest words; 0 for all
	TopP        float64 `json:"top_p"`       // of those, the fewest likeliest that hold this share of the probability; 0 for all
	Forbid      []int32 `json:"forbid"`      // words that are never said
}

// Validate returns an error that names the first option with a value that cannot be.
func (o SampleOptions) Validate() error {
	switch {
	case o.N < 0:
		return fmt.Errorf("expected 1 or more captions a picture, found %d", o.N)
	case !(o.Temperature >= 0) || math.IsInf(o.Temperature, 0):
		return fmt.Errorf("expected a temperature above 0, found %g", o.Temperature)
	case o.TopK < 0:
		return fmt.Errorf("expected a top-k of 1 or more, or 0 for all words, found %d", o.TopK)
	case !(o.TopP >= 0 && o.TopP <= 1):
		return fmt.Errorf("expected a top-p above 0 and up to 1, found %g", o.TopP)
	}
	return nil
}

// Sampler writes captions by drawing each word from the probabilities that the decoder gives: from the likeliest words
// only (top-k), from the nucleus (top-p: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration"), from a
// sharper or flatter distribution (temperature). It compiles its graphs once, uses the weights that the store has at
// each call, and is not for use by several goroutines at once.
type Sampler struct {
	walker  *walker
	options SampleOptions
	may     words
}

// NewSampler prepares for batches of the given number of pictures. The weights are those of the scope.
func NewSampler(backend compute.Backend, scope *model.Scope, decoder Decoder, batch int, options SampleOptions) (*Sampler, error) {
	if err := errors.Join(options.Validate(), decoder.Validate()); err != nil {
		return nil, err
	}
	may, err := allowed(decoder.sizes().vocab, options.Forbid)
	if err != nil {
		return nil, err
	}
	options.N = max(options.N, 1)
	w, err := newWalker(backend, scope, decoder, batch, options.N)
	if err != nil {
		return nil, err
	}
	return &Sampler{walker: w, options: options, may: may}, nil
}

// Close frees the compiled graphs.
func (s *Sampler) Close() { s.walker.close() }

// Captions draws N captions for each of n pictures with the features [n, L, D], or [n, F] for Show and Tell, in the order
// in which they were drawn. They depend on the seed and on the picture's features alone, not on the pictures beside
// it. LogProbs are what the decoder gives the words at temperature 1, of all words: what self-critical training
// (Rennie et al. 2017) and REINFORCE want.
func (s *Sampler) Captions(features []float32, n int, seed int64) ([][]Caption, error) {
	keys := make([]uint64, max(n, 0))
	if size := s.walker.numbers(); len(features) == n*size {
		for i := range keys {
			keys[i] = keyOf(features[i*size:][:size])
		}
	}
	return s.CaptionsOf(features, keys, seed)
}

// CaptionsOf is [Sampler.Captions] for len(keys) pictures, with keys that tell one picture from another in place of the
// features, where these may differ in their last digits between calls.
func (s *Sampler) CaptionsOf(features []float32, keys []uint64, seed int64) ([][]Caption, error) {
	return s.walker.write(features, len(keys), func(picture int) search {
		return newSampleSearch(s.options, s.may, s.walker.maxLen, seed, keys[picture])
	})
}

// keyOf is a number that tells features from others.
func keyOf(features []float32) uint64 {
	key := uint64(len(features))
	for _, x := range features {
		key = bits.RotateLeft64((key^uint64(math.Float32bits(x)))*0x9e3779b97f4a7c15, 29)
	}
	return key
}

// sampleSearch is [Sampler] at one picture: row i writes caption i.
type sampleSearch struct {
	drawer
	maxLen int
	lines  []*line
	rngs   []*rand.Rand
}

func newSampleSearch(o SampleOptions, may words, maxLen int, seed int64, key uint64) *sampleSearch {
	s := &sampleSearch{drawer: drawer{options: o, may: may}, maxLen: maxLen}
	for i := range o.N {
		var state [32]byte
		binary.LittleEndian.PutUint64(state[0:], uint64(seed))
		binary.LittleEndian.PutUint64(state[8:], key)
		binary.LittleEndian.PutUint64(state[16:], uint64(i))
		s.lines, s.rngs = append(s.lines, &line{}), append(s.rngs, rand.New(rand.NewChaCha8(state)))
	}
	return s
}

func (s *sampleSearch) read(said said, words, parents []int32) (more bool, err error) {
	for row, l := range s.lines {
		parents[row] = int32(row)
		if s.ended(l) {
			continue
		}
		logits, logSum, err := said.words(row)
		if err != nil {
			return false, err
		}
		word := s.draw(logits, s.rngs[row].Float64())
		l = l.and(word, float64(logits[word])-logSum, said.looked(row))
		s.lines[row], words[row] = l, word
		more = more || !s.ended(l)
	}
	return more, nil
}

func (s *sampleSearch) ended(l *line) bool {
	return l.length > 0 && l.word == End || l.length == s.maxLen
}

func (s *sampleSearch) captions() []Caption {
	var all []Caption
	for _, l := range s.lines {
		all = append(all, l.caption())
	}
	return all
}

// drawer draws words from their logits.
type drawer struct {
	options SampleOptions
	may     words
	weights []float64
	best    best
}

// draw returns the word at u, from 0 to below 1, of the words' probabilities laid end to end.
func (d *drawer) draw(logits []float32, u float64) int32 {
	total := d.weigh(logits)
	if d.options.TopK == 0 && (d.options.TopP == 0 || d.options.TopP == 1) {
		at := u * total
		last := int32(-1)
		for i, w := range d.weights {
			if w == 0 {
				continue
			}
			if last = int32(i); at < w {
				break
			}
			at -= w
		}
		return last
	}
	words, sum := d.likeliest(logits, total)
	at := u * sum
	for _, c := range words {
		if at < d.weights[c.word] {
			return c.word
		}
		at -= d.weights[c.word]
	}
	return words[0].word
}

// weigh sets weights in proportion to the words' probabilities, the largest 1, and returns their sum.
func (d *drawer) weigh(logits []float32) (total float64) {
	largest := float64(logits[likeliest(logits, d.may)])
	temperature := d.options.Temperature
	if temperature == 0 {
		temperature = 1
	}
	d.weights = append(d.weights[:0], make([]float64, len(logits))...)
	for i, x := range logits {
		if d.may.say(int32(i)) {
			d.weights[i] = math.Exp((float64(x) - largest) / temperature)
			total += d.weights[i]
		}
	}
	return total
}

// likeliest returns the words that top-k and top-p leave, the likeliest first, and the sum of their weights. Top-p counts
// shares of what top-k leaves.
func (d *drawer) likeliest(logits []float32, total float64) (words []continuation, sum float64) {
	most := d.options.TopK
	if most == 0 {
		most = 32 // for a start: the nucleus is small nearly always
	}
	for {
		d.best.reset(most)
		d.best.offer(0, 0, logits, d.may)
		words = d.best.sorted()
		if d.options.TopK > 0 {
			total = 0
			for _, c := range words {
				total += d.weights[c.word]
			}
		}
		share := d.options.TopP * total
		if d.options.TopP == 0 {
			share = math.Inf(1)
		}
		sum = 0
		for i, c := range words {
			if sum += d.weights[c.word]; sum >= share {
				return words[:i+1], sum
			}
		}
		if d.options.TopK > 0 || len(words) < most {
			return words, sum
		}
		most *= 4
	}
}
