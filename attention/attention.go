package attention

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Node is a value of a computation graph.
type Node = graph.Node

// Attend computes the three equations in order: the scores e [N, L], the weights alpha [N, L] and the context
// z [N, D]. Shapes: a [N, L, D], h [N, H], W_a [A, D], W_h [A, H], b [A], v [A].
func Attend(a, h, W_a, W_h, b, v *Node) (e, alpha, z *Node) {
	e = Score(a, h, W_a, W_h, b, v)
	alpha = Softmax(e)
	z = Context(alpha, a)
	return e, alpha, z
}

// Score returns e [N, L], e_i = v^T tanh(W_a a_i + W_h h + b) (Xu et al. 2015, equation 4, with the score of Bahdanau
// et al. 2015, appendix A.1.2). Shapes of the arguments as in [Attend].
func Score(a, h, W_a, W_h, b, v *Node) *Node {
	return ScoreProjected(graph.Add(Project(W_a, a), graph.ExpandLeftToRank(b, 3)), Project(W_h, h), v)
}

// Project returns W x_i for every vector x_i of x [..., in], with W [out, in]: it is [..., out]. W_a a is the same at
// every step of a decoder: project it once, and give it to [ScoreProjected] at each.
func Project(W, x *Node) *Node { return nn.Affine(x, W, nil) }

// ScoreProjected is [Score] of what was projected before: it returns e [N, L], e_i = v^T tanh(p_i + q), for
// p = W_a a + b [N, L, A], q = W_h h [N, A] and v [A]. Where K states look at the same picture, as in beam search, q is
// [N, K, A] and e is [N, K, L]: p is then kept once a picture.
func ScoreProjected(p, q, v *Node) *Node {
	e, _ := ScoreHidden(p, q, v)
	return e
}

// ScoreHidden is [ScoreProjected] with tanh(p_i + q) [N, L, A] (or [N, K, L, A]) beside the scores, for callers that define the
// gradient themselves, from tanh.
func ScoreHidden(p, q, v *Node) (e, hidden *Node) {
	p.AssertRank(3)
	N, L, A := dims3(p)
	v.AssertDims(A)
	scores := []int{N, L}
	if q.Rank() == 3 {
		K := q.Shape().Dimensions[1]
		q.AssertDims(N, K, A)
		p, q, scores = graph.InsertAxes(p, 1), graph.InsertAxes(q, 2), []int{N, K, L}
	} else {
		q.AssertDims(N, A)
		q = graph.Reshape(q, N, 1, A)
	}
	hidden = graph.Tanh(graph.Add(p, q))
	// v comes first in the product: that spares the gradient a transpose of hidden, the largest tensor there is.
	e = graph.DotGeneral(graph.Reshape(v, 1, A), []int{1}, nil, graph.Reshape(hidden, -1, A), []int{1}, nil)
	return graph.Reshape(e, scores...), hidden
}

// Softmax returns alpha [N, L], alpha_i = exp(e_i) / sum_k exp(e_k), of the scores e [N, L] (Xu et al. 2015,
// equation 5). The largest score is subtracted first, so that no score is too large.
func Softmax(e *Node) *Node {
	e.AssertRank(2)
	largest := graph.StopGradient(graph.ReduceAndKeep(e, graph.ReduceMax, 1))
	weights := graph.Exp(graph.Sub(e, largest))
	alpha := graph.Div(weights, graph.ReduceAndKeep(weights, graph.ReduceSum, 1))
	// The gradient of e_i is alpha_i (g_i - sum_k alpha_k g_k), g being that of alpha. Where one weight is nearly 1 the
	// difference is what rounding leaves of two equal numbers. Adding a constant to g changes nothing, so we
	// make g zero where the score is largest: the sum then holds the small terms only, and they stay exact.
	return graph.IdentityWithCustomGradient(alpha, func(_, g *Node) *Node {
		there := graph.ConvertDType(graph.Equal(e, largest), e.DType())
		total := graph.ReduceAndKeep(graph.Mul(there, g), graph.ReduceSum, 1)
		ties := graph.ReduceAndKeep(there, graph.ReduceSum, 1)
		return graph.Sub(g, graph.Div(total, ties))
	})
}

// Context returns z [N, D], z = sum_i alpha_i a_i, of the weights alpha [N, L] and the features a [N, L, D] (Xu et
// al. 2015, equation 13: the feature vector to be expected when one place is drawn by its weight). For alpha
// [N, K, L], K looks at each picture, z is [N, K, D].
func Context(alpha, a *Node) *Node {
	a.AssertRank(3)
	N, L, D := dims3(a)
	if alpha.Rank() == 3 {
		alpha.AssertDims(N, alpha.Shape().Dimensions[1], L)
		return nn.Products(alpha, a)
	}
	alpha.AssertDims(N, L)
	return graph.Reshape(nn.Products(graph.Reshape(alpha, N, 1, L), a), N, D)
}

// Uniform returns weights alpha [N, L] that are all 1/L: attention that looks everywhere alike, the ablation that
// tells what the choice is worth.
func Uniform(g *graph.Graph, dtype dtypes.DType, N, L int) *Node {
	if N < 1 || L < 1 {
		panic(fmt.Errorf("expected at least one example and one location for uniform attention, found N=%d and L=%d", N, L))
	}
	return graph.FillScalar(g, shapes.Make(dtype, N, L), 1/float64(L))
}

func dims3(x *Node) (int, int, int) {
	d := x.Shape().Dimensions
	return d[0], d[1], d[2]
}
