package captioning

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// Losses is the loss of a batch and its parts.
type Losses struct {
	Total            *Node // scalar: CrossEntropy, with labels smoothed, + lambda * DoublyStochastic
	CrossEntropy     *Node // scalar: -log p of the words, averaged as the configuration says
	DoublyStochastic *Node // scalar: (1 - sum_t alpha_ti)^2, averaged as the configuration says, without lambda
	PerExample       *Node // [N] sum over a caption of -log p
	Steps            *Node // [N] number of words in that sum, as float32

	Others []NamedLoss // what else there is to watch, scalars
}

// NamedLoss is a scalar with the name under which it is recorded.
type NamedLoss struct {
	Name  string
	Value *Node
}

// Loss compares what the decoder says with the captions [N, T] (int32) it read, of which the first lengths [N] (int32)
// words count, start and end included: step t counts for an example if t < length-1. The total is -log p of the
// words plus lambda times the doubly stochastic term, which asks the decoder to have looked at every place once by
// the end of the caption (Xu et al. 2015, equation 14). [Norm] says what both are averaged over. Hard attention is
// trained by [HardLoss].
func Loss(cfg Config, out Outputs, captions, lengths *Node) Losses {
	if out.Locations != nil {
		panic(fmt.Errorf("expected soft or uniform attention for Loss, found hard attention, which learns nothing by it; use HardLoss"))
	}
	return loss(cfg, out, captions, lengths)
}

func loss(cfg Config, out Outputs, captions, lengths *Node) Losses {
	nll, smoothed, mask := wordLosses(out.Logits, captions, lengths, cfg.LabelSmoothing)
	N, steps := mask.Shape().Dimensions[0], mask.Shape().Dimensions[1]

	looked := graph.ReduceSum(graph.Mul(out.Alpha, graph.Reshape(mask, N, steps, 1)), 1) // [N, L]
	missing := graph.Square(graph.OneMinus(looked))

	l := Losses{PerExample: graph.ReduceSum(nll, 1), Steps: graph.ReduceSum(mask, 1)}
	average := func(nll *Node) *Node {
		if cfg.Norm == NormPaper {
			return graph.ReduceAllMean(graph.ReduceSum(nll, 1))
		}
		return graph.Div(graph.ReduceAllSum(nll), graph.MaxScalar(graph.ReduceAllSum(mask), 1))
	}
	l.CrossEntropy = average(nll)
	if l.DoublyStochastic = graph.ReduceAllMean(missing); cfg.Norm == NormPaper {
		l.DoublyStochastic = graph.ReduceAllMean(graph.ReduceSum(missing, 1))
	}
	l.Total = l.CrossEntropy
	if cfg.LabelSmoothing > 0 {
		l.Total = average(smoothed)
	}
	l.Total = graph.Add(l.Total, graph.MulScalar(l.DoublyStochastic, cfg.Lambda))
	return l
}

// wordLosses returns -log p of the word that follows each step, the same with labels smoothed by eps, both 0 where the step
// does not count, and the mask that tells where it does: all [N, T-1], for logits [N, T-1, V], captions [N, T] and
// lengths [N].
func wordLosses(logits, captions, lengths *Node, eps float64) (nll, smoothed, mask *Node) {
	dims := logits.Shape().Dimensions
	N, steps, V := dims[0], dims[1], dims[2]
	captions.AssertDims(N, steps+1)
	lengths.AssertDims(N)
	at := graph.Iota(captions.Graph(), shapes.Make(dtypes.Int32, N, steps), 1)
	counts := graph.LessThan(at, graph.AddScalar(graph.Reshape(lengths, N, 1), int32(-1)))
	mask = graph.ConvertDType(counts, dtypes.Float32)

	target := graph.Reshape(graph.SliceAxis(captions, 1, graph.AxisRangeToEnd(1)), N*steps)
	nll, smoothed = surprise(graph.Reshape(logits, N*steps, V), target, eps)
	masked := func(x *Node) *Node { return graph.Mul(mask, graph.Reshape(x, N, steps)) }
	return masked(nll), masked(smoothed), mask
}

// surprise returns -log p(target) = log sum_k exp(logit_k) - logit_target, [n], for logits [n, V] and targets [n], and
// beside it (1-eps) of that plus eps times the mean of -log p over all V words: the loss with smoothed labels, equal to
// that of PyTorch's CrossEntropyLoss(label_smoothing=eps).
//
// Their gradient, softmax - onehot(target) and softmax - (1-eps) onehot(target) - eps/V, is made of the exponentials that are
// there: one product, with smoothed labels a subtraction, and the targets' places. No place occurs twice, so that ONNX Runtime's
// threads do not overwrite each other in the scatter (docs/upstream.md).
func surprise(logits, target *Node, eps float64) (nll, smoothed *Node) {
	n, V := logits.Shape().Dim(0), logits.Shape().Dim(1)
	spots := graph.Concatenate([]*Node{graph.Iota(target.Graph(), shapes.Make(target.DType(), n, 1), 0), graph.InsertAxes(target, -1)}, 1)
	var exps, sum, ofNLL, ofSmoothed *Node // the last two are the gradients of what is returned
	logits = graph.IdentityWithCustomGradient(logits, func(_, _ *Node) *Node {
		whole, hit := ofNLL, ofNLL
		if ofSmoothed != nil {
			whole, hit = plus(whole, ofSmoothed), plus(hit, graph.MulScalar(ofSmoothed, 1-eps))
		}
		gradient := graph.Mul(exps, graph.InsertAxes(graph.Div(whole, sum), -1))
		if ofSmoothed != nil {
			gradient = graph.Sub(gradient, graph.InsertAxes(graph.MulScalar(ofSmoothed, eps/float64(V)), -1))
		}
		ofNLL, ofSmoothed = nil, nil
		return graph.ScatterSum(gradient, spots, graph.Neg(hit), false, true)
	})
	shifted := graph.Sub(logits, graph.ReduceAndKeep(logits, graph.ReduceMax, 1))
	exps = graph.Exp(shifted)
	sum = graph.ReduceSum(exps, 1)
	logSum := graph.Log(sum)
	kept := func(loss *Node, gradient **Node) *Node {
		return graph.IdentityWithCustomGradient(loss, func(_, g *Node) *Node {
			*gradient = g
			return g
		})
	}
	plain := graph.Sub(logSum, graph.Gather(shifted, spots))
	nll = kept(plain, &ofNLL)
	if eps == 0 {
		return nll, nll
	}
	spread := graph.Sub(logSum, graph.ReduceMean(shifted, 1))
	return nll, kept(graph.Add(graph.MulScalar(plain, 1-eps), graph.MulScalar(spread, eps)), &ofSmoothed)
}
