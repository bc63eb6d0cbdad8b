package captioning

import (
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Decoder is a decoder that writes captions word by word: [Config], which is Show, Attend and Tell, [ShowAndTellConfig], [LanguageConfig],
// [BLIPConfig], or an [Ensemble] of them. [Greedy], [Beam] and [Sampler] work with each.
type Decoder interface {
	Validate() error
	sizes() sizes
	// meet takes pictures' features [F, ...]: what is kept of each picture for all steps, as sizes.seen says, and the
	// state before the start word.
	meet(scope *model.Scope, features *Node) (seen []*Node, h, c *Node)
	// next reads a word each in N K captions, K of each of the N pictures seen, in the state h, c [N K, H]: the scores
	// [N K, V] of the words that may follow, where it looked, [N K, L], or nil, and the new state.
	next(scope *model.Scope, seen []*Node, h, c, words *Node) (logits, alpha, nextH, nextC *Node)
}

// sizes are what a walk needs to know of a decoder.
type sizes struct {
	features  []int   // of one picture's features
	seen      [][]int // of what is kept of each picture
	vocab     int     // V
	locations int     // L, 0 for a decoder that does not look
	hidden    int     // H
	maxLen    int     // most words of a caption, the end word included
}

func (s sizes) numbers() int {
	n := 1
	for _, d := range s.features {
		n *= d
	}
	return n
}

// walker runs a decoder one step at a time. It has places for a number of pictures, and rows for so many captions of each,
// which all take a step at once. What is known of a picture is kept once, not once a row. The two graphs are compiled at
// their first use and then kept: captions of any number of pictures and of any length run through them.
type walker struct {
	sizes
	pictures, rows int // places, and rows of each
	guests         int // how many pictures may take their places at a time
	meet, next     *model.Exec
}

func newWalker(backend compute.Backend, scope *model.Scope, decoder Decoder, pictures, rows int) (*walker, error) {
	if err := decoder.Validate(); err != nil {
		return nil, err
	}
	if pictures < 1 {
		return nil, fmt.Errorf("expected a batch of at least one picture, found %d", pictures)
	}
	// Places are filled a quarter at a time: the graph that does so is small, and the places do not stay empty long.
	w := &walker{sizes: decoder.sizes(), pictures: pictures, rows: rows, guests: (pictures + 3) / 4}
	var err error
	w.meet, err = model.NewExec(backend, scope.Store(), func(_ *model.Scope, in []*Node) []*Node {
		return w.meetGraph(scope, decoder, in[0], in[1], in[2:])
	})
	if err != nil {
		return nil, err
	}
	w.next, err = model.NewExec(backend, scope.Store(), func(_ *model.Scope, in []*Node) []*Node {
		return w.nextGraph(scope, decoder, in[0], in[1], in[2:])
	})
	if err != nil {
		return nil, err
	}
	// A second graph would mean that something else is compiled at every call: that is an error, not a slow program.
	w.meet.SetMaxCache(1)
	w.next.SetMaxCache(1)
	return w, nil
}

// close frees the compiled graphs.
func (w *walker) close() {
	w.meet.Finalize()
	w.next.Finalize()
}

// meetGraph puts guests into places. kept is what was there before: what was seen of each picture, h and c. from says what
// comes to each place: its own number to leave all as it is, or the number of places plus a guest's.
func (w *walker) meetGraph(scope *model.Scope, decoder Decoder, features, from *Node, kept []*Node) []*Node {
	seen, h, c := decoder.meet(scope, features)
	H, last := w.hidden, len(kept)-2
	from = graph.InsertAxes(from, -1)
	choose := func(old, guests *Node) *Node {
		return graph.Gather(graph.Concatenate([]*Node{old, guests}, 0), from)
	}
	var out []*Node
	for i, old := range kept[:last] {
		out = append(out, choose(old, seen[i]))
	}
	for i, fresh := range []*Node{h, c} { // the same state in all rows of a guest
		old := graph.Reshape(kept[last+i], w.pictures, w.rows, H)
		all := graph.BroadcastToDims(graph.Reshape(fresh, w.guests, 1, H), w.guests, w.rows, H)
		out = append(out, graph.Reshape(choose(old, all), w.pictures*w.rows, H))
	}
	return out
}

// nextGraph lets every row go on from the state of the row in parents [pictures rows], and read a word.
func (w *walker) nextGraph(scope *model.Scope, decoder Decoder, words, parents *Node, kept []*Node) []*Node {
	last := len(kept) - 2
	parents = graph.InsertAxes(parents, -1)
	h, c := graph.Gather(kept[last], parents), graph.Gather(kept[last+1], parents)
	logits, alpha, h, c := decoder.next(scope, kept[:last], h, c, words)
	if alpha == nil {
		return []*Node{h, c, logits, logSum(logits)}
	}
	return []*Node{h, c, logits, logSum(logits), alpha}
}

// logSum returns log sum_k exp(logit_k) [n] of logits [n, V]: log p is a logit less this.
func logSum(logits *Node) *Node {
	largest := graph.ReduceAndKeep(logits, graph.ReduceMax, 1)
	sum := graph.ReduceSum(graph.Exp(graph.Sub(logits, largest)), 1)
	return graph.Add(graph.Squeeze(largest, 1), graph.Log(sum))
}

// walk is a batch of captions under way.
type walk struct {
	w    *walker
	kept []*tensors.Tensor // what is seen of each picture, h and c
}

// begin makes a walk with nobody in its places.
func (w *walker) begin() *walk {
	k := &walk{w: w}
	for _, dims := range w.seen {
		k.kept = append(k.kept, zeros(append([]int{w.pictures}, dims...)...))
	}
	state := []int{w.pictures * w.rows, w.hidden}
	k.kept = append(k.kept, zeros(state...), zeros(state...))
	return k
}

// end frees what the walk keeps.
func (k *walk) end() { free(k.kept) }

// meet puts pictures with the given features, one after the other, into places.
func (k *walk) meet(features []float32, places []int) error {
	w := k.w
	guests := make([]float32, w.guests*w.numbers())
	copy(guests, features)
	from := make([]int32, w.pictures)
	for i := range from {
		from[i] = int32(i)
	}
	for i, place := range places {
		from[place] = int32(w.pictures + i)
	}
	args := []any{
		tensors.FromFlatDataAndDimensions(guests, append([]int{w.guests}, w.features...)...),
		tensors.FromFlatDataAndDimensions(from, len(from)),
	}
	out, err := w.meet.Call(append(args, anys(k.kept)...)...)
	if err != nil {
		return fmt.Errorf("cannot start the decoder: %w", err)
	}
	free(k.kept)
	k.kept = out
	return nil
}

// step lets every row go on from the row in parents, both numbered through all places, and read a word. use is given what
// the decoder then says, which it may not keep.
func (k *walk) step(words, parents []int32, use func(said) error) error {
	args := []any{tensors.FromFlatDataAndDimensions(words, len(words)), tensors.FromFlatDataAndDimensions(parents, len(parents))}
	out, err := k.w.next.Call(append(args, anys(k.kept)...)...)
	if err != nil {
		return fmt.Errorf("cannot run the decoder: %w", err)
	}
	last := len(k.kept) - 2
	free(k.kept[last:])
	copy(k.kept[last:], out[:2])
	defer free(out[2:])

	s := said{V: k.w.vocab, L: k.w.locations}
	if s.logSums, err = tensors.CopyFlatData[float32](out[3]); err != nil {
		return err
	}
	if len(out) > 4 {
		if s.alphas, err = tensors.CopyFlatData[float32](out[4]); err != nil {
			return err
		}
	}
	var failed error
	if err := tensors.ConstFlatData(out[2], func(logits []float32) {
		s.logits = logits
		failed = use(s)
	}); err != nil {
		return err
	}
	return failed
}

// said is what a decoder says, after each of several rows, about the word that follows.
type said struct {
	V, L    int
	logits  []float32 // [rows, V]
	logSums []float32 // [rows], log p of a word is its logit less this
	alphas  []float32 // [rows, L], or nothing
}

// rows is what is said after the rows from..to-1.
func (s said) rows(from, to int) said {
	r := said{V: s.V, L: s.L, logits: s.logits[from*s.V : to*s.V], logSums: s.logSums[from:to]}
	if s.alphas != nil {
		r.alphas = s.alphas[from*s.L : to*s.L]
	}
	return r
}

// words are the logits after a row, and what to take from them for log p. It returns an error when they are broken.
func (s said) words(row int) (logits []float32, logSum float64, err error) {
	logSum = float64(s.logSums[row])
	if math.IsNaN(logSum) || math.IsInf(logSum, 0) {
		return nil, 0, errNoNumber
	}
	return s.logits[row*s.V:][:s.V], logSum, nil
}

// looked is a copy of the attention's weights after a row, nil for a decoder that does not look.
func (s said) looked(row int) []float32 {
	if s.alphas == nil {
		return nil
	}
	return append([]float32(nil), s.alphas[row*s.L:][:s.L]...)
}

func zeros(dims ...int) *tensors.Tensor {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return tensors.FromFlatDataAndDimensions(make([]float32, n), dims...)
}

func anys(list []*tensors.Tensor) []any {
	out := make([]any, len(list))
	for i, t := range list {
		out[i] = t
	}
	return out
}

func free(list []*tensors.Tensor) {
	for _, t := range list {
		t.MustFinalizeAll()
	}
}
