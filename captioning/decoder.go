package captioning

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/attention"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Node is a value of a computation graph.
type Node = graph.Node

// Outputs are what the decoder computes at each of the T-1 steps, and its state before the first. At step t it has
// read the words 0..t of a caption and says what word t+1 is.
type Outputs struct {
	Logits *Node // [N, T-1, V] scores of every word
	E      *Node // [N, T-1, L] attention's scores, before the softmax; 0 with uniform attention
	Alpha  *Node // [N, T-1, L] attention's weights
	Beta   *Node // [N, T-1, D] or [N, T-1, 1], the gate; 1 without a gate
	Z      *Node // [N, T-1, D] the context, before the gate
	H, C   *Node // [N, T-1, H] the LSTM's state after the step
	H0, C0 *Node // [N, H] its state before the first step

	Locations *Node // [N, T-1] (int32) the places that hard attention chose; nil without it
	Expected  *Node // [N] 1 where an example took the soft context all the same, else 0; nil if none can
}

// Decode runs the decoder over whole captions, each step reading the true last word (teacher forcing): a [N, L, D] are
// the pictures' features, captions [N, T] (int32) the words, the start word first, padded to T. Steps past a
// caption's end are computed as all others; [Loss] leaves them out. Hard attention draws its places from the store's
// random numbers while training, and otherwise takes the likeliest.
func Decode(scope *model.Scope, cfg Config, a, captions *Node) Outputs {
	d := newDecoder(scope, cfg, a)
	if cfg.Attention == AttentionHard && scope.IsTraining(a.Graph()) {
		d.places = drawPlaces(scope, cfg, a, captions.Shape().Dim(-1)-1)
	}
	return d.decode(captions)
}

// decode is [Decode] with a decoder that is ready.
func (d *decoder) decode(captions *Node) Outputs {
	cfg := d.cfg
	captions.AssertRank(2)
	N, T := captions.Shape().Dimensions[0], captions.Shape().Dimensions[1]
	if N != d.N || T < 2 {
		panic(fmt.Errorf("expected captions [N=%d, T] of at least two words, found %s", d.N, captions.Shape()))
	}

	// What does not depend on the state is computed for all steps at once, the steps before the examples.
	read := d.read(wordsRead(captions))
	s := d.start()
	h0, c0 := s.h, s.c
	s.h, s.c = columns(h0), columns(c0)
	var steps []state
	for _, in := range nn.Split(read.input, 1, slices.Repeat([]int{N}, T-1)...) {
		s = d.step(in, s)
		steps = append(steps, s)
	}

	all := func(part func(state) *Node) *Node { // [N, T-1, ...]
		parts := make([]*Node, len(steps))
		for t, s := range steps {
			parts[t] = graph.InsertAxes(part(s), 1)
		}
		return graph.Concatenate(parts, 1)
	}
	stack := func(part func(state) *Node) *Node { // likewise, of columns
		parts := make([]*Node, len(steps))
		for t, s := range steps {
			parts[t] = part(s)
		}
		return stacked(parts)
	}
	h := stack(func(s state) *Node { return s.h })
	deep := func() (y, z *Node) {
		y = graph.Transpose(graph.Reshape(read.y, T-1, N, cfg.EmbedDim), 0, 1)
		z = stack(func(s state) *Node { return s.gated })
		return graph.Reshape(y, -1, cfg.EmbedDim), graph.Reshape(z, -1, cfg.FeatureDim)
	}
	out := Outputs{
		Logits: graph.Reshape(d.logits(graph.Reshape(h, -1, cfg.Hidden), deep), N, T-1, cfg.VocabSize),
		E:      all(func(s state) *Node { return s.e }),
		Alpha:  all(func(s state) *Node { return s.alpha }),
		Beta:   stack(func(s state) *Node { return s.beta }),
		Z:      all(func(s state) *Node { return s.z }),
		H:      h,
		C:      stack(func(s state) *Node { return s.c }),
		H0:     h0, C0: c0,
	}
	if cfg.Attention == AttentionHard {
		out.Locations, out.Expected = all(func(s state) *Node { return s.place }), d.places.expected
	}
	return out
}

// wordsRead returns the words that are read, all but the last of captions [N, T], step after step: [(T-1) N].
func wordsRead(captions *Node) *Node {
	T := captions.Shape().Dimensions[1]
	return graph.Reshape(graph.Transpose(graph.SliceAxis(captions, 1, graph.AxisRange(0, T-1)), 0, 1), -1)
}

// state is what a step leaves behind: the LSTM's h and c, and how they came about. In a decoder that is unrolled (steps.go) an
// example's h, c, gate and gated context are columns.
type state struct {
	h, c     *Node // [N, H]; unrolled [H, N]
	e, alpha *Node // [N, L]
	beta     *Node // the gate, unrolled alone: [D, N], or [1, N] for a scalar or none
	z        *Node // [N, D] the context
	gated    *Node // [N, D] their product; unrolled [D, N]
	place    *Node // [N] where hard attention looked
}

// decoder holds the weights as nodes of a graph, and what all steps have in common.
type decoder struct {
	cfg    Config
	scope  *model.Scope
	N      int
	a      *Node  // [N, L, D]
	p      *Node  // W_a a + b [N, L, A], the half of the attention's score that does not change
	v      *Node  // [A]
	wh     *Node  // W_h [A, H]
	places places // of hard attention
	gate   *Node  // [n, H], n being D or 1, and its bias [n]
	gateB  *Node
	ih, hh *Node // [4H, E + D] and [4H, H]
	bias   *Node // [4H], both biases

	unrolled *unrolled // what is made ready for steps one after the other; nil until it is asked for
}

func newDecoder(scope *model.Scope, cfg Config, a *Node) *decoder {
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	a.AssertRank(3)
	dims := a.Shape().Dimensions
	if dims[1] != cfg.Locations || dims[2] != cfg.FeatureDim {
		panic(fmt.Errorf("expected features a [N, L=%d, D=%d], found %s; the features belong to another configuration",
			cfg.Locations, cfg.FeatureDim, a.Shape()))
	}
	E, H, A, D := cfg.EmbedDim, cfg.Hidden, cfg.AttentionDim, cfg.FeatureDim
	a = nn.DropoutOver(scope, a, cfg.FeatureDropout, scope.IsTraining(a.Graph()), dims[0], 1, D)
	d := &decoder{cfg: cfg, scope: scope, N: dims[0], a: a}

	if cfg.Attention != AttentionUniform {
		d.p = nn.Affine(a, d.param("att", "W_a", nn.FanIn, A, D), d.param("att", "b", nn.Zeros, A))
		d.wh = d.param("att", "W_h", nn.FanIn, A, H)
		d.v = d.param("att", "v", nn.Uniform(1/math.Sqrt(float64(A))), A)
	}
	if n := cfg.gateDim(); n > 0 {
		d.gate, d.gateB = d.param("gate", "weight", nn.FanIn, n, H), d.param("gate", "bias", nn.Zeros, n)
	}
	d.ih, d.hh, d.bias = lstmParams(scope, a, E+D, H)
	return d
}

// lstmParams returns the weights of an LSTM: weight_ih [4H, in], weight_hh [4H, H], and the sum of both biases [4H].
func lstmParams(scope *model.Scope, g graph.GraphProvider, in, H int) (ih, hh, bias *Node) {
	scope = scope.At("lstm")
	bound := nn.Uniform(1 / math.Sqrt(float64(H))) // PyTorch's initial values
	ih = nn.Param(scope, g, "weight_ih", bound, 4*H, in)
	hh = nn.Param(scope, g, "weight_hh", bound, 4*H, H)
	bias = graph.Add(nn.Param(scope, g, "bias_ih", forgetNothing, 4*H), nn.Param(scope, g, "bias_hh", nn.Zeros, 4*H))
	return ih, hh, bias
}

// forgetNothing starts the forget gate's bias at 1, so that the state is kept until there is a reason not to
// (Jozefowicz, Zaremba and Sutskever 2015).
func forgetNothing(_ *rand.Rand, bias []float32, _ []int) {
	H := len(bias) / 4
	for i := H; i < 2*H; i++ {
		bias[i] = 1
	}
}

func (d *decoder) param(part, name string, init nn.Init, dims ...int) *Node {
	return nn.Param(d.scope.At("%s", part), d.a, name, init, dims...)
}

// start returns the state before the first word: h and c are affine in the mean feature vector (Xu et al. 2015, section
// 3.1.2, with one layer for each of f_init,h and f_init,c).
func (d *decoder) start() state {
	mean := graph.ReduceMean(d.a, 1)
	return state{h: d.affine("init_h", d.cfg.Hidden, mean), c: d.affine("init_c", d.cfg.Hidden, mean)}
}

// affine returns W x + b [n, out] for x [n, in], with the weights part.weight [out, in] and part.bias [out].
func (d *decoder) affine(part string, out int, x *Node) *Node {
	return nn.Affine(x, d.param(part, "weight", nn.FanIn, out, x.Shape().Dimensions[1]), d.param(part, "bias", nn.Zeros, out))
}

// reading is what words [n] are to the decoder, whatever its state.
type reading struct {
	y     *Node // [n, E] their embeddings E y
	input *Node // [4H, n] what they add to the LSTM's gates, the biases included
}

func (d *decoder) read(words *Node) reading {
	y := nn.Dropout(d.scope, d.embed(words), d.cfg.EmbedDropout, d.scope.IsTraining(words.Graph()))
	return reading{y: y, input: graph.Add(times(d.steps().word, y), graph.InsertAxes(d.bias, 1))}
}

func (d *decoder) embed(words *Node) *Node {
	return nn.Lookup(d.param("embedding", "weight", nn.Uniform(0.1), d.cfg.VocabSize, d.cfg.EmbedDim), words)
}

// unrolled are the weights as steps one after the other want them.
type unrolled struct {
	word    *Node   // [4H, E], the columns of lstm.weight_ih that the word goes through
	context *shared // [4H, D], those for the context
	state   *shared // what the state is multiplied by, in one: W_h [A, H], the gate [n, H] and lstm.weight_hh [4H, H], as far as they are there
	parts   []int   // their rows
	score   *scorer // nil with uniform attention
}

func (d *decoder) steps() *unrolled {
	if d.unrolled != nil {
		return d.unrolled
	}
	ofInput := nn.Split(d.ih, 1, d.cfg.EmbedDim, d.cfg.FeatureDim)
	u := &unrolled{word: ofInput[0], context: newShared(ofInput[1])}
	var ofState []*Node
	for _, w := range []*Node{d.wh, d.gate, d.hh} {
		if w != nil {
			ofState, u.parts = append(ofState, w), append(u.parts, w.Shape().Dim(0))
		}
	}
	u.state = newShared(graph.Concatenate(ofState, 0))
	if d.p != nil {
		u.score = newScorer(d.p, d.v)
	}
	d.unrolled = u
	return u
}

// step reads one word, given as its input [4H, N] to the gates, in the state s: it looks at the picture (equations 4, 5
// and 13), scales what it sees by the gate (section 4.2.1), and goes through the LSTM (equations 1 to 3).
func (d *decoder) step(input *Node, s state) (next state) {
	u := d.steps()
	parts := nn.Split(u.state.times(s.h), 0, u.parts...)
	if d.p != nil {
		next.e = u.score.scores(columns(parts[0]))
		parts = parts[1:]
	}
	d.look(&next, d.N)
	z := columns(next.z)
	next.beta, next.gated = graph.Ones(z.Graph(), shapes.Make(dtypes.Float32, 1, d.N)), z
	if d.gate != nil {
		next.beta = graph.Sigmoid(graph.Add(parts[0], graph.InsertAxes(d.gateB, 1)))
		next.gated = graph.Mul(next.beta, z)
		parts = parts[1:]
	}
	gates := graph.Add(graph.Add(input, u.context.times(next.gated)), parts[0])
	next.h, next.c = lstmCell(gates, s.c, 0)
	return next
}

// stepAlone is [decoder.step] for words with the embeddings y [N, E], in a graph of one step, where vectors are rows and the
// weights are used as they lie: to take them apart costs more than the product, when few captions are written. K captions may go
// on at once for each picture: N K rows, those of a picture side by side.
func (d *decoder) stepAlone(y *Node, s state) (next state) {
	if d.p != nil {
		next.e = d.perRow(attention.ScoreProjected(d.p, d.perPicture(times(s.h, d.wh)), d.v))
	}
	d.look(&next, s.h.Shape().Dim(0))
	next.gated = next.z
	if d.gate != nil {
		next.gated = graph.Mul(graph.Sigmoid(graph.Add(times(s.h, d.gate), graph.InsertAxes(d.gateB, 0))), next.z)
	}
	gates := graph.Add(times(graph.Concatenate([]*Node{y, next.gated}, 1), d.ih), times(s.h, d.hh))
	next.h, next.c = lstmCell(graph.Add(gates, graph.InsertAxes(d.bias, 0)), s.c, 1)
	return next
}

// look is where a step looks, by next's scores e [rows, L], and what it sees there: the weights alpha and the context z [rows, D].
// Uniform attention has no scores: they are set to 0. Hard attention also sets the place.
func (d *decoder) look(next *state, rows int) {
	if d.p == nil {
		next.alpha = attention.Uniform(d.a.Graph(), dtypes.Float32, rows, d.cfg.Locations)
		next.e = graph.ZerosLike(next.alpha)
	} else {
		next.alpha = attention.Softmax(next.e)
	}
	weights := next.alpha
	if d.cfg.Attention == AttentionHard {
		next.place, weights = d.places.next(next.e, next.alpha)
	}
	next.z = d.perRow(attention.Context(d.perPicture(weights), d.a))
}

// lstmCell takes the sums that go into the gates, in the order input, forget, cell, output along the axis, and the cell c to the next state (Xu et
// al. 2015, equations 1 to 3): [4H, N] and [H, N] for axis 0, [N, 4H] and [N, H] for axis 1.
func lstmCell(gates, c *Node, axis int) (h, next *Node) {
	H := c.Shape().Dim(axis)
	parts := nn.Split(gates, axis, H, H, H, H)
	in, forget, cell, out := graph.Sigmoid(parts[0]), graph.Sigmoid(parts[1]), graph.Tanh(parts[2]), graph.Sigmoid(parts[3])
	next = graph.Add(graph.Mul(forget, c), graph.Mul(in, cell))
	return graph.Mul(out, graph.Tanh(next)), next
}

// perPicture makes [N, K, n] of x [N K, n], when there are K > 1 captions of each picture; perRow undoes it.
func (d *decoder) perPicture(x *Node) *Node {
	rows, n := x.Shape().Dim(0), x.Shape().Dim(1)
	if rows == d.N {
		return x
	}
	return graph.Reshape(x, d.N, rows/d.N, n)
}

func (d *decoder) perRow(x *Node) *Node {
	if x.Rank() == 2 {
		return x
	}
	return graph.Reshape(x, -1, x.Shape().Dim(2))
}

// logits returns the words' scores [n, V] in the states h [n, H]. The deep output also wants the embeddings y [n, E] of
// the words read and the gated contexts z [n, D] (equation 7).
func (d *decoder) logits(h *Node, read func() (y, z *Node)) *Node {
	h = nn.Dropout(d.scope, h, d.cfg.Dropout, d.scope.IsTraining(h.Graph()))
	V := d.cfg.VocabSize
	if !d.cfg.DeepOutput {
		return d.affine("out", V, h)
	}
	E := d.cfg.EmbedDim
	y, z := read()
	sum := graph.Add(y, graph.Add(
		attention.Project(d.param("deep", "L_h", nn.FanIn, E, d.cfg.Hidden), h),
		attention.Project(d.param("deep", "L_z", nn.FanIn, E, d.cfg.FeatureDim), z)))
	return nn.Affine(sum, d.param("deep", "L_o", nn.FanIn, V, E), d.param("deep", "bias", nn.Zeros, V))
}
