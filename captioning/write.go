package captioning

import (
	"errors"
	"fmt"
)

// Caption is what the decoder says about one picture.
type Caption struct {
	IDs      []int32     // the words, without the start word; the last is [End] when the caption is finished
	LogProb  float64     // log p of exactly these words
	LogProbs []float64   // log p of each of them, given those before it; LogProb is their sum
	Score    float64     // what captions of one picture are ranked by: LogProb, or what [BeamOptions] makes of it
	Alphas   [][]float32 // for each word the attention's weights, [L], that sum to 1; nil for a decoder that does not look
	Finished bool        // whether the decoder ended the caption itself, within MaxLen words
}

// search writes the captions of one picture, whichever way it chooses words.
type search interface {
	// read is told what the decoder says after each row, and writes which word each row reads next, and which row it
	// goes on from, into words and parents. There are as many of these as the walker has rows a picture. It returns
	// false when nothing is left to read.
	read(s said, words, parents []int32) (more bool, err error)
	// captions are what was written, the best first.
	captions() []Caption
}

var errNoNumber = errors.New("expected probabilities, found none that is a number; the weights or the features are broken")

// place is where a picture's captions are written.
type place struct {
	search  search // nil for an empty place
	picture int
	steps   int
}

// round writes captions of many pictures. Places whose pictures are done are given to others as soon as a quarter of the
// places are empty; until then their rows take steps that nobody looks at, as do the rows that a beam has no hypothesis
// for, and the places of a last batch that is not full.
type round struct {
	*walk
	features       []float32
	n, met         int // pictures, and how many of them had a place
	begin          func(picture int) search
	places         []place
	words, parents []int32 // [pictures rows]
	done           [][]Caption
}

// write returns the captions of n pictures with the given features, of each as begin's search writes them.
func (w *walker) write(features []float32, n int, begin func(picture int) search) ([][]Caption, error) {
	if n < 0 || len(features) != n*w.numbers() {
		return nil, fmt.Errorf("expected %d numbers, the features %v of each, for %d pictures, found %d", n*w.numbers(), w.features, n, len(features))
	}
	total := w.pictures * w.rows
	r := &round{walk: w.begin(), features: features, n: n, begin: begin, places: make([]place, w.pictures),
		words: make([]int32, total), parents: make([]int32, total), done: make([][]Caption, n)}
	defer r.end()
	for {
		if err := r.fill(); err != nil {
			return nil, err
		}
		if r.empty() == len(r.places) {
			return r.done, nil
		}
		if err := r.step(r.words, r.parents, r.read); err != nil {
			return nil, err
		}
	}
}

func (r *round) empty() int {
	n := 0
	for _, p := range r.places {
		if p.search == nil {
			n++
		}
	}
	return n
}

// fill gives empty places to pictures that wait, as many as can be met at a time.
func (r *round) fill() error {
	for {
		guests := min(r.w.guests, r.n-r.met)
		if guests == 0 || r.empty() < guests {
			return nil
		}
		var to []int
		for i := range r.places {
			if r.places[i].search == nil && len(to) < guests {
				picture := r.met + len(to)
				r.places[i] = place{search: r.begin(picture), picture: picture}
				r.start(i)
				to = append(to, i)
			}
		}
		size := r.w.numbers()
		if err := r.meet(r.features[r.met*size:(r.met+guests)*size], to); err != nil {
			return err
		}
		r.met += guests
	}
}

// start lets all rows of a place read the start word.
func (r *round) start(place int) {
	for row := place * r.w.rows; row < (place+1)*r.w.rows; row++ {
		r.words[row], r.parents[row] = Start, int32(row)
	}
}

// read lets every picture's search read what is said about it.
func (r *round) read(s said) error {
	for i := range r.places {
		p := &r.places[i]
		if p.search == nil {
			continue
		}
		from, to := i*r.w.rows, (i+1)*r.w.rows
		for row := from; row < to; row++ { // what a row does that has nothing to write
			r.words[row], r.parents[row] = Pad, int32(row-from)
		}
		p.steps++
		more, err := p.search.read(s.rows(from, to), r.words[from:to], r.parents[from:to])
		if err != nil {
			return fmt.Errorf("word %d of picture %d: %w", p.steps, p.picture, err)
		}
		for row := from; row < to; row++ {
			r.parents[row] += int32(from)
		}
		if !more {
			r.done[p.picture] = p.search.captions()
			*p = place{}
		}
	}
	return nil
}

// line is the end of a caption that is being written: its last word, and the line up to there. Captions that begin alike
// share their beginning.
type line struct {
	before  *line // nil before the first word
	word    int32
	logProb float64 // of the word
	sum     float64 // of all words
	length  int     // words
	alpha   []float32
}

// caption reads the line from its beginning.
func (l *line) caption() Caption {
	c := Caption{IDs: make([]int32, l.length), LogProbs: make([]float64, l.length), LogProb: l.sum, Score: l.sum, Finished: l.word == End}
	if l.alpha != nil {
		c.Alphas = make([][]float32, l.length)
	}
	for i := l.length - 1; i >= 0; i-- {
		c.IDs[i], c.LogProbs[i] = l.word, l.logProb
		if l.alpha != nil {
			c.Alphas[i] = l.alpha
		}
		l = l.before
	}
	return c
}

// and returns the line with one more word.
func (l *line) and(word int32, logProb float64, alpha []float32) *line {
	return &line{before: l, word: word, logProb: logProb, sum: l.sum + logProb, length: l.length + 1, alpha: alpha}
}
