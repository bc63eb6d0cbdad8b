package clip

import (
	"github.com/gomlx/gomlx/core/graph"
)

// Normalize scales the rows of x [N, D] to unit length. A row of zeros stays zero.
func Normalize(x *graph.Node) *graph.Node {
	x.AssertRank(2)
	squares := graph.ReduceAndKeep(graph.Square(x), graph.ReduceSum, -1)
	return graph.Div(x, graph.Sqrt(graph.MaxScalar(squares, 1e-24)))
}

// Logits returns the N x N matrix exp(logitScale) * image . text^T of figure 3, for unit embeddings [N, D] and a
// scalar logitScale. Row i compares picture i with every text.
func Logits(image, text, logitScale *graph.Node) *graph.Node {
	image.AssertRank(2)
	text.AssertRank(2)
	logitScale.AssertScalar()
	return graph.Mul(graph.Exp(logitScale), graph.DotGeneral(image, []int{1}, nil, text, []int{1}, nil))
}

// InfoNCE is the symmetric contrastive loss of figure 3: the mean over N of the cross-entropy of the rows and of
// the columns of logits [N, N], the diagonal holding the matching pairs. A scalar in nats; chance is ln N.
func InfoNCE(logits *graph.Node) *graph.Node {
	n := logits.Shape().Dim(0)
	logits.AssertDims(n, n)
	return graph.MulScalar(graph.Add(diagonalCrossEntropy(logits, 1), diagonalCrossEntropy(logits, 0)), 0.5)
}

// diagonalCrossEntropy is the mean of -log softmax along axis at the diagonal.
func diagonalCrossEntropy(logits *graph.Node, axis int) *graph.Node {
	diagonal := graph.ReduceSum(graph.Where(graph.Diagonal(logits.Graph(), logits.Shape().Dim(0)), logits, graph.ZerosLike(logits)), axis)
	return graph.ReduceAllMean(graph.Sub(logSumExp(logits, axis), diagonal))
}

// logSumExp is ln sum exp along axis, without overflow: the maximum is taken out first. No gradient flows through
// the maximum, which cancels.
func logSumExp(x *graph.Node, axis int) *graph.Node {
	peak := graph.StopGradient(graph.ReduceAndKeep(x, graph.ReduceMax, axis))
	return graph.Add(graph.Log(graph.ReduceSum(graph.Exp(graph.Sub(x, peak)), axis)), graph.Squeeze(peak, axis))
}

// SigLIP is the pairwise sigmoid loss of "Sigmoid Loss for Language Image Pre-Training" (Zhai et al. 2023, equation
// 1): -(1/N) sum over i, j of log sigmoid(z_ij (exp(logitScale) image_i . text_j + logitBias)), z being 1 for
// matching pairs and -1 otherwise. image and text are unit embeddings [N, D].
func SigLIP(image, text, logitScale, logitBias *graph.Node) *graph.Node {
	n := image.Shape().Dim(0)
	logits := graph.Add(Logits(image, text, logitScale), logitBias)
	logits.AssertDims(n, n)
	signed := graph.Where(graph.Diagonal(logits.Graph(), n), logits, graph.Neg(logits))
	return graph.DivScalar(graph.ReduceAllSum(softplus(graph.Neg(signed))), float64(n))
}

// softplus is ln(1 + e^x) without overflow.
func softplus(x *graph.Node) *graph.Node {
	return graph.Add(graph.MaxScalar(x, 0), graph.Log1P(graph.Exp(graph.Neg(graph.Abs(x)))))
}

// ClampLogitScale keeps the learned temperature in [0, ln 100] (section 2.5), after an optimiser step.
func ClampLogitScale(logitScale *graph.Node) *graph.Node {
	return graph.ClipScalar(logitScale, 0, MaxLogitScale)
}
