package captioning

import (
	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/attention"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// A decoder unrolled in time does the same few things at every step, and plain differentiation undoes them one step at
// a time: the gradient of taking one slice of a tensor is as large as the tensor, and that of a weight matrix is a sum
// of as many matrices as there are steps. [nn.Split], shared and scorer compute the same gradients at once, after the
// first step's. What plain differentiation builds beside them is used by nothing and therefore never computed.
//
// They remember the gradients while graph.Gradient walks back through the steps. It may be called again in the same
// graph, for the same parameters.
//
// Between steps a vector of each example is a column: h is [H, N]. A weight matrix then comes first in its product with the few
// examples of a batch, where ONNX Runtime reads it as it lies; as the second factor it would be copied whole, at every step.

// columns is x [n, m] with what was a row as a column: [m, n].
func columns(x *Node) *Node { return graph.Transpose(x, 0, 1) }

// stacked puts columns [m, N] of T steps side by side, as rows of each example: [N, T, m]. They become rows one step at a time: to
// turn all at once takes ONNX Runtime several times as long.
func stacked(steps []*Node) *Node {
	rows := make([]*Node, len(steps))
	for t, x := range steps {
		rows[t] = graph.InsertAxes(columns(x), 1)
	}
	return graph.Concatenate(rows, 1)
}

// shared is a weight matrix that is used at every step.
type shared struct {
	W          *Node   // [out, in]
	raw        *Node   // the same, without the gradient of all steps
	transposed *Node   // [in, out], once it is asked for
	inputs     []*Node // [in, N] of every use
	grads      []*Node // [out, N], the gradients of what came out
}

// newShared takes the matrix W [out, in].
func newShared(W *Node) *shared {
	s := &shared{raw: W}
	s.W = graph.IdentityWithCustomGradient(W, func(_, _ *Node) *Node {
		var inputs, grads []*Node
		for i, g := range s.grads {
			if g != nil {
				inputs, grads = append(inputs, s.inputs[i]), append(grads, g)
			}
		}
		clear(s.grads)
		return times(graph.Concatenate(grads, 1), graph.Concatenate(inputs, 1))
	})
	return s
}

// times returns W x [out, N] for x [in, N].
func (s *shared) times(x *Node) *Node {
	i := len(s.inputs)
	s.inputs, s.grads = append(s.inputs, x), append(s.grads, nil)
	x = graph.IdentityWithCustomGradient(x, func(_, _ *Node) *Node { return nn.Narrow(s.transpose(), s.grads[i]) })
	return graph.IdentityWithCustomGradient(nn.Narrow(s.W, x), func(_, g *Node) *Node {
		s.grads[i] = g
		return g
	})
}

// transpose is W as [in, out], turned once for all steps. The reshapes keep ONNX Runtime from making one operation of each product
// and the transpose before it, which would turn the matrix anew in every product.
func (s *shared) transpose() *Node {
	if s.transposed == nil {
		out, in := s.raw.Shape().Dim(0), s.raw.Shape().Dim(1)
		s.transposed = graph.Reshape(graph.Reshape(graph.Transpose(s.raw, 0, 1), in, 1, out), in, out)
	}
	return s.transposed
}

// times returns a b^T [n, m] for a [n, k] and b [m, k].
func times(a, b *Node) *Node { return nn.Affine(a, b, nil) }

// scorer is what attention's scores at every step have in common: e_i = v . tanh(p_i + q), as [attention.ScoreProjected] has them.
// With g the gradient of e, that of p is v (sum g - sum g tanh^2) over the steps, that of q the same over the places: tanh, the
// largest tensor there is, is read twice a step, for v and the 1 come in after the sums.
type scorer struct {
	p, v *Node // [N, L, A], [A]
	uses []scored
}

// scored is one step's gradients, as far as they have come: nil before.
type scored struct {
	e    *Node // [N, L] of the scores, g
	once *Node // [1, A] g tanh, summed over examples and places
	both *Node // [N, L, A] g tanh^2
}

func newScorer(p, v *Node) *scorer {
	s := &scorer{}
	s.p = graph.IdentityWithCustomGradient(p, func(_, _ *Node) *Node {
		var e, both *Node
		for i, use := range s.uses {
			if use.e != nil {
				e, both = plus(e, use.e), plus(both, use.both)
			}
			s.uses[i].e, s.uses[i].both = nil, nil
		}
		return graph.Mul(graph.Sub(graph.InsertAxes(e, -1), both), graph.Reshape(v, 1, 1, -1))
	})
	s.v = graph.IdentityWithCustomGradient(v, func(_, _ *Node) *Node {
		var once *Node
		for i, use := range s.uses {
			if use.once != nil {
				once = plus(once, use.once)
			}
			s.uses[i].once = nil
		}
		return graph.Reshape(once, -1)
	})
	return s
}

// scores returns e [N, L] of q [N, A].
func (s *scorer) scores(q *Node) *Node {
	i, v := len(s.uses), s.v
	s.uses = append(s.uses, scored{})
	q = graph.IdentityWithCustomGradient(q, func(_, _ *Node) *Node {
		use := s.uses[i]
		sum := graph.Sub(graph.ReduceAndKeep(use.e, graph.ReduceSum, 1), graph.ReduceSum(use.both, 1))
		return graph.Mul(sum, graph.Reshape(v, 1, -1))
	})
	e, hidden := attention.ScoreHidden(s.p, q, v)
	return graph.IdentityWithCustomGradient(e, func(_, g *Node) *Node {
		once := graph.MatMul(graph.Reshape(g, 1, -1), graph.Reshape(hidden, -1, hidden.Shape().Dim(2)))
		s.uses[i] = scored{e: g, once: once, both: graph.Mul(graph.Square(hidden), graph.InsertAxes(g, -1))}
		return g
	})
}

// plus is sum + x, where sum may be nil for none.
func plus(sum, x *Node) *Node {
	if sum == nil {
		return x
	}
	return graph.Add(sum, x)
}
