package captioning

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// OwnWords is scheduled sampling ("Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks", Bengio et al. 2015,
// arXiv 1506.03099): it returns captions [N, T] (int32) in which words were replaced by what the decoder itself says in their
// place, each with probability share (a scalar, float32: 1 minus the paper's epsilon_i). The start word stays. The decoder's word is
// its likeliest (section 2.4), after having read the words before as they were replaced.
//
// [Decode] is then given these captions to read, and [Loss] the true ones to compare with: its states are those that led to the
// words, since the output's dropout does not reach the states. No gradient flows through the choice of words, as in the paper.
// It costs one more forward pass. Hard attention, which would draw other places when it reads the words again, is refused.
func OwnWords(scope *model.Scope, cfg Config, a, captions, share *Node) *Node {
	if cfg.Attention == AttentionHard {
		panic(fmt.Errorf("expected soft or uniform attention for scheduled sampling, found hard attention, which draws its places anew"))
	}
	cfg.Dropout, cfg.EmbedDropout, cfg.FeatureDropout = 0, 0, 0 // the word that it would say, not what dropout leaves of it
	d := newDecoder(scope, cfg, a)
	captions.AssertDims(d.N, captions.Shape().Dim(-1))
	T := captions.Shape().Dimensions[1]
	share.AssertScalar()
	draws := scope.RandomUniform(a.Graph(), shapes.Make(dtypes.Float32, d.N, T))
	own := graph.LessThan(draws, graph.BroadcastToDims(share, d.N, T))

	column := func(x *Node, t int) *Node {
		return graph.Reshape(graph.SliceAxis(x, 1, graph.AxisRange(t, t+1)), d.N)
	}
	s := d.start()
	s.h, s.c = columns(s.h), columns(s.c)
	words := column(captions, 0)
	read := []*Node{graph.InsertAxes(words, 1)}
	for t := 1; t < T; t++ {
		in := d.read(words)
		s = d.step(in.input, s)
		logits := d.logits(columns(s.h), func() (y, z *Node) { return in.y, columns(s.gated) })
		said := graph.ConvertDType(graph.ArgMax(logits, -1, dtypes.Int32), captions.DType())
		words = graph.Where(column(own, t), said, column(captions, t))
		read = append(read, graph.InsertAxes(words, 1))
	}
	return graph.StopGradient(graph.Concatenate(read, 1))
}

// Scheduled says how the share of a decoder's own words grows during training (Bengio et al. 2015, section 2.4). The zero value is
// teacher forcing: none.
type Scheduled struct {
	Decay Decay   `json:"decay"` // of epsilon_i, the probability of the true word at step i: none, linear or inverse_sigmoid
	K     float64 `json:"k"`     // inverse_sigmoid: epsilon_i = k / (k + exp(i/k)), k at least 1; the larger, the later
	Slope float64 `json:"slope"` // linear: epsilon_i = max(floor, 1 - slope*i)
	Floor float64 `json:"floor"` // the least epsilon_i of either
}

// Decay is the shape of a schedule.
type Decay string

// The shapes there are (Bengio et al. 2015, section 2.4), by the step i of training.
const (
	DecayNone           Decay = "" // epsilon_i = 1
	DecayLinear         Decay = "linear"
	DecayInverseSigmoid Decay = "inverse_sigmoid"
)

// Validate returns an error that names the first field with a value that cannot be.
func (s Scheduled) Validate() error {
	switch {
	case s.Decay != DecayNone && s.Decay != DecayLinear && s.Decay != DecayInverseSigmoid:
		return fmt.Errorf("expected decay to be %q, %q or empty for none, found %q", DecayLinear, DecayInverseSigmoid, s.Decay)
	case s.Decay == DecayInverseSigmoid && !(s.K >= 1 && s.K < math.Inf(1)):
		return fmt.Errorf("expected k to be at least 1, found %g", s.K)
	case s.Decay == DecayLinear && !(s.Slope >= 0 && s.Slope < math.Inf(1)):
		return fmt.Errorf("expected slope to be 0 or more, found %g", s.Slope)
	case !(s.Floor >= 0 && s.Floor <= 1):
		return fmt.Errorf("expected floor to be from 0 to 1, found %g", s.Floor)
	}
	return nil
}

// Own is the share of own words at step i, counted from 0: 1 - epsilon_i.
func (s Scheduled) Own(i int) float64 {
	truth := 1.0
	switch s.Decay {
	case DecayLinear:
		truth = 1 - s.Slope*float64(i)
	case DecayInverseSigmoid:
		truth = s.K / (s.K + math.Exp(float64(i)/s.K))
	}
	return 1 - max(truth, s.Floor)
}
