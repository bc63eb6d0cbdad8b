package clip

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// Normalize scales the rows of x [N, D] to unit length. A row of zeros stays zero.
func Normalize(x *Node) *Node {
	x.AssertRank(2)
	squares := ReduceAndKeep(Square(x), ReduceSum, -1)
	return Div(x, Sqrt(MaxScalar(squares, 1e-24)))
}

// Logits returns the N x N matrix exp(logitScale) * image . text^T of figure 3, for unit embeddings [N, D] and a
// scalar logitScale. Row i compares picture i with every text.
func Logits(image, text, logitScale *Node) *Node {
	image.AssertRank(2)
	text.AssertRank(2)
	logitScale.AssertScalar()
	return Mul(Exp(logitScale), DotGeneral(image, []int{1}, nil, text, []int{1}, nil))
}

// InfoNCE is the symmetric contrastive loss of figure 3: the mean over N of the cross-entropy of the rows and of
// the columns of logits [N, N], the diagonal holding the matching pairs. A scalar in nats; chance is ln N.
func InfoNCE(logits *Node) *Node {
	n := logits.Shape().Dim(0)
	logits.AssertDims(n, n)
	return MulScalar(Add(diagonalCrossEntropy(logits, 1), diagonalCrossEntropy(logits, 0)), 0.5)
}

// diagonalCrossEntropy is the mean of -log softmax along axis at the diagonal.
func diagonalCrossEntropy(logits *Node, axis int) *Node {
	diagonal := ReduceSum(Where(Diagonal(logits.Graph(), logits.Shape().Dim(0)), logits, ZerosLike(logits)), axis)
	return ReduceAllMean(Sub(logSumExp(logits, axis), diagonal))
}

// logSumExp is ln sum exp along axis, without overflow: the maximum is taken out first. No gradient flows through
// the maximum, which cancels.
func logSumExp(x *Node, axis int) *Node {
	peak := StopGradient(ReduceAndKeep(x, ReduceMax, axis))
	return Add(Log(ReduceSum(Exp(Sub(x, peak)), axis)), Squeeze(peak, axis))
}

// SigLIP is the pairwise sigmoid loss of "Sigmoid Loss for Language Image Pre-Training" (Zhai et al. 2023, equation
// 1): -(1/N) sum over i, j of log sigmoid(z_ij (exp(logitScale) image_i . text_j + logitBias)), z being 1 for
// matching pairs and -1 otherwise. image and text are unit embeddings [N, D].
func SigLIP(image, text, logitScale, logitBias *Node) *Node {
	n := image.Shape().Dim(0)
	logits := Add(Logits(image, text, logitScale), logitBias)
	logits.AssertDims(n, n)
	signed := Where(Diagonal(logits.Graph(), n), logits, Neg(logits))
	return DivScalar(ReduceAllSum(softplus(Neg(signed))), float64(n))
}

// softplus is ln(1 + e^x) without overflow.
func softplus(x *Node) *Node {
	return Add(MaxScalar(x, 0), Log1P(Exp(Neg(Abs(x)))))
}

// ClampLogitScale keeps the learned temperature in [0, ln 100] (section 2.5), after an optimiser step.
func ClampLogitScale(logitScale *Node) *Node {
	return ClipScalar(logitScale, 0, MaxLogitScale)
}
