package segmenting

import (
	"github.com/gomlx/gomlx/core/graph"
)

// Loss is the mean binary cross-entropy in nats of logits [N, Q, H, W] for the truth [N, Q, H, W], which is 1 in the mask and 0 outside it, and the
// Dice term that is to be added to it: the mean over masks of 1 - (2 sum(p t) + 1) / (sum(p) + sum(t) + 1), p being the probabilities (Milletari et
// al. 2016, arXiv 1606.04797, section 3, with the sum of p in place of that of its squares, and 1 so that an empty mask that is found empty costs
// nothing). The cross-entropy counts pixels, of which an object has few; Dice counts masks.
func Loss(logits, truth *graph.Node) (crossEntropy, dice *graph.Node) {
	truth.AssertDims(logits.Shape().Dimensions...)
	// max(z, 0) - z t + log(1 + exp(-|z|))
	softly := graph.Log1P(graph.Exp(graph.Neg(graph.Abs(logits))))
	positive := graph.Max(logits, graph.ZerosLike(logits))
	crossEntropy = graph.ReduceAllMean(graph.Add(graph.Sub(positive, graph.Mul(logits, truth)), softly))
	p := graph.Sigmoid(logits)
	both := graph.ReduceSum(graph.Mul(p, truth), 2, 3) // [N, Q]
	each := graph.Add(graph.ReduceSum(p, 2, 3), graph.ReduceSum(truth, 2, 3))
	overlap := graph.Div(graph.AddScalar(graph.MulScalar(both, 2), 1), graph.AddScalar(each, 1))
	return crossEntropy, graph.OneMinus(graph.ReduceAllMean(overlap))
}

// IoU is the mean intersection over union of the masks that logits [N, Q, H, W] above 0 are with the truth [N, Q, H, W], over those masks that are
// not empty in truth.
func IoU(logits, truth *graph.Node) *graph.Node {
	found := graph.ConvertDType(graph.GreaterThan(logits, graph.ZerosLike(logits)), truth.DType())
	both := graph.ReduceSum(graph.Mul(found, truth), 2, 3)
	either := graph.ReduceSum(graph.Max(found, truth), 2, 3)
	there := graph.Min(graph.ReduceSum(truth, 2, 3), graph.OnesLike(both)) // 1, or 0 where there is nothing to be found
	sum := graph.ReduceAllSum(graph.Mul(there, graph.Div(both, graph.Max(either, graph.OnesLike(either)))))
	return graph.StopGradient(graph.Div(sum, graph.AddScalar(graph.ReduceAllSum(there), 1e-6)))
}
