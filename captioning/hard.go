package captioning

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/attention"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Hard says how hard attention is trained (Xu et al. 2015, section 4.1). With s the places that were drawn and R =
// log p(words | s), the gradient of E[R] is that of
//
//	R + lambda_r (R* - b) sum_t log alpha_t[s_t] + lambda_e sum_t H(alpha_t)    equation 12
//
// in expectation, R* being the same number as R taken as a constant (REINFORCE), b a baseline that makes the estimate
// vary less and H the entropy, which keeps the decoder from settling on places too early.
type Hard struct {
	LambdaR  float64 `json:"lambda_r"` // weight of the places' term; 1 is the gradient of E[R]
	LambdaE  float64 `json:"lambda_e"` // weight of the entropy
	Expected float64 `json:"expected"` // share of examples that take the soft context while training; the paper has 1/2
}

// PaperHard has the paper's share of expected contexts and the gradient of E[R]. The paper leaves the weights open; the
// entropy's is ours.
func PaperHard() Hard { return Hard{LambdaR: 1, LambdaE: 0.01, Expected: 0.5} }

func (h Hard) validate() error {
	for _, f := range []struct {
		name  string
		value float64
		most  float64
	}{{"lambda_r", h.LambdaR, math.MaxFloat64}, {"lambda_e", h.LambdaE, math.MaxFloat64}, {"expected", h.Expected, 1}} {
		if !(f.value >= 0 && f.value <= f.most) {
			return fmt.Errorf("expected hard.%s to be from 0 to %g, found %g", f.name, f.most, f.value)
		}
	}
	return nil
}

// places says how hard attention chooses. The zero value takes the place of the largest weight.
type places struct {
	given    *Node // [N, T-1] (int32) the places, or nil
	noise    *Node // [T-1, N, L] what is added to the scores before the largest is taken, or nil
	expected *Node // [N] 1 for examples that take the expected context, or nil
	step     int
}

// drawPlaces lets an example draw its places for so many steps, or take the expected context in all of them.
func drawPlaces(scope *model.Scope, cfg Config, a *Node, steps int) places {
	g, N := a.Graph(), a.Shape().Dim(0)
	p := places{noise: attention.Gumbel(scope.RandomUniform(g, shapes.Make(dtypes.Float32, steps, N, cfg.Locations)))}
	if cfg.Hard.Expected > 0 {
		u := scope.RandomUniform(g, shapes.Make(dtypes.Float32, N))
		p.expected = graph.ConvertDType(graph.LessThan(u, graph.Scalar(g, dtypes.Float32, cfg.Hard.Expected)), dtypes.Float32)
	}
	return p
}

// next chooses places [N] for the next step by the scores e [N, L], and returns the weights [N, L] of the context.
func (p *places) next(e, alpha *Node) (place, weights *Node) {
	t := p.step
	p.step++
	switch {
	case p.given != nil:
		place = graph.Squeeze(graph.SliceAxis(p.given, 1, graph.AxisElem(t)), 1)
	case p.noise != nil:
		place = attention.Locate(e, graph.Squeeze(graph.SliceAxis(p.noise, 0, graph.AxisElem(t)), 0))
	default:
		place = attention.Locate(e, nil)
	}
	weights = attention.At(place, e.Shape().Dim(1))
	if p.expected != nil {
		soft := graph.InsertAxes(p.expected, 1)
		weights = graph.Add(graph.Mul(soft, alpha), graph.Mul(graph.OneMinus(soft), weights))
	}
	return place, weights
}

// DecodeAt is [Decode] with hard attention that looks at the given places [N, T-1] (int32), one for every step.
func DecodeAt(scope *model.Scope, cfg Config, a, captions, locations *Node) Outputs {
	if cfg.Attention != AttentionHard {
		panic(fmt.Errorf("expected hard attention for DecodeAt, found %q", cfg.Attention))
	}
	d := newDecoder(scope, cfg, a)
	locations.AssertDims(d.N, captions.Shape().Dim(-1)-1)
	d.places.given = locations
	return d.decode(captions)
}

// HardLosses is the loss of a batch with hard attention and its parts.
type HardLosses struct {
	Losses           // Total is -J, plus lambda times the doubly stochastic term; its gradient is the estimate
	LogPlaces  *Node // [N, T-1] log alpha of the place that was drawn; 0 where a step does not count
	Entropy    *Node // [N, T-1] of alpha, in nats; 0 where a step does not count
	Baseline   *Node // scalar: b
	LogWords   *Node // [N, T-1] log p of the word that follows; 0 where a step does not count
	Advantages *Node // [N] R* - b; 0 for an example with the expected context, which drew nothing
}

// HardLoss is the loss whose gradient trains hard attention, -J of [Hard], where J is averaged as the configuration says:
// over images as in the paper, or over words. Arguments are as those of [Loss]; lengths count as there. An example that
// took the expected context learns by plain differentiation, and has no term for its places.
//
// The baseline is a variable of the scope, hard/baseline, which no optimizer changes. While training, the loss sets it to
// 0.9 b + 0.1 mean R after its use (section 4.1), R being the sum of log p over a caption; it starts at 0.
func HardLoss(scope *model.Scope, cfg Config, out Outputs, captions, lengths *Node) HardLosses {
	if out.Locations == nil {
		panic(fmt.Errorf("expected outputs of hard attention for HardLoss, found none of its places; decode with attention %q", AttentionHard))
	}
	if cfg.Hard.LambdaR == 0 && cfg.Hard.Expected == 0 && scope.IsTraining(captions.Graph()) {
		panic(fmt.Errorf("expected hard.lambda_r or hard.expected above 0, found 0 for both, with which attention learns nothing"))
	}
	b, move := baseline(scope, captions.Graph())
	plain := loss(cfg, out, captions, lengths)
	nll, _, mask := wordLosses(out.Logits, captions, lengths, 0)
	logAlpha := graph.LogSoftmax(out.E, 2)
	drawn := graph.OneHot(out.Locations, cfg.Locations, dtypes.Float32)
	l := HardLosses{
		Losses:    plain,
		LogPlaces: graph.Mul(mask, graph.ReduceSum(graph.Mul(logAlpha, drawn), 2)),
		Entropy:   graph.Mul(mask, graph.Neg(graph.ReduceSum(graph.Mul(graph.Exp(logAlpha), logAlpha), 2))),
		LogWords:  graph.Neg(nll),
	}
	R := graph.Neg(plain.PerExample)
	l.Baseline = b
	move(R)
	l.Advantages = graph.StopGradient(graph.Sub(R, l.Baseline))
	if out.Expected != nil {
		l.Advantages = graph.Mul(l.Advantages, graph.OneMinus(out.Expected))
	}
	reinforce := graph.MulScalar(graph.Mul(l.Advantages, graph.ReduceSum(l.LogPlaces, 1)), cfg.Hard.LambdaR)
	entropy := graph.MulScalar(graph.ReduceSum(l.Entropy, 1), cfg.Hard.LambdaE)
	sum := graph.Neg(graph.ReduceAllSum(graph.Add(reinforce, entropy)))
	count := graph.Scalar(sum.Graph(), dtypes.Float32, R.Shape().Size())
	if cfg.Norm == NormMean {
		count = graph.MaxScalar(graph.ReduceAllSum(mask), 1)
	}
	l.Total = graph.Add(plain.Total, graph.Div(sum, count))
	return l
}

// baseline returns b, and how it is moved towards the mean of R [N] while training. It is asked for before the losses: the go
// backend panics when a graph reads a variable behind all of its outputs, as one that wants no more than the words' losses would.
func baseline(scope *model.Scope, g *graph.Graph) (b *Node, move func(R *Node)) {
	at := scope.At("hard")
	training := scope.IsTraining(g)
	if at.GetVariable("baseline") == nil && !training {
		return graph.ScalarZero(g, dtypes.Float32), func(*Node) {} // a loss that is only looked at makes no variables
	}
	v := nn.Variable(at, "baseline", nn.Zeros).SetTrainable(false)
	b = graph.StopGradient(v.NodeValue(g))
	return b, func(R *Node) {
		if training {
			mean := graph.StopGradient(graph.ReduceAllMean(R))
			v.SetNodeValue(graph.Add(graph.MulScalar(b, 0.9), graph.MulScalar(mean, 0.1)))
		}
	}
}
