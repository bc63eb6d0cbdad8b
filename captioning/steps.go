package captioning

import (
	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// A decoder unrolled in time does the same few things at every step, and plain differentiation undoes them one step at
// a time: the gradient of taking one slice of a tensor is as large as the tensor, and that of a weight matrix is a sum
// of as many matrices as there are steps. [unstack] and the two helpers below compute the same gradients at once, after the
// first step's: the one by putting the slices' gradients side by side (nn.Split), [shared] and [embed] by one product over
// all steps. What plain differentiation builds beside them is used by nothing and therefore never computed.
//
// They remember the gradients while graph.Gradient walks back through the steps. It may be called again in the same
// graph, for the same parameters.

// unstack cuts x [T, ...] into its T slices [...].
func unstack(x *Node) []*Node {
	dims := x.Shape().Dimensions
	ones := make([]int, dims[0])
	for t := range ones {
		ones[t] = 1
	}
	steps := make([]*Node, dims[0])
	for t, slice := range nn.Split(x, 0, ones...) {
		steps[t] = graph.Reshape(slice, dims[1:]...)
	}
	return steps
}

// shared is a weight matrix that is used at every step.
type shared struct {
	W      *Node   // [out, in]
	inputs []*Node // [N, in] of every use
	grads  []*Node // [N, out], the gradients of what came out
}

// newShared takes the matrix W [out, in].
func newShared(W *Node) *shared {
	s := &shared{}
	s.W = graph.IdentityWithCustomGradient(W, func(_, _ *Node) *Node {
		var inputs, grads []*Node
		for i, g := range s.grads {
			if g != nil {
				inputs, grads = append(inputs, s.inputs[i]), append(grads, g)
			}
		}
		clear(s.grads)
		return weightGradient(graph.Concatenate(inputs, 0), graph.Concatenate(grads, 0))
	})
	return s
}

// times returns W x [N, out] for x [N, in].
func (s *shared) times(x *Node) *Node {
	i := len(s.inputs)
	s.inputs, s.grads = append(s.inputs, x), append(s.grads, nil)
	return graph.IdentityWithCustomGradient(times(s.W, x), func(_, g *Node) *Node {
		s.grads[i] = g
		return g
	})
}

// times returns W x [n, out] for x [n, in] and W [out, in].
func times(W, x *Node) *Node { return graph.DotGeneral(x, []int{1}, nil, W, []int{1}, nil) }

// weightGradient returns the gradient [out, in] of a matrix that took x [n, in] to y [n, out], given that of y.
func weightGradient(x, y *Node) *Node { return graph.MatMul(graph.Transpose(y, 0, 1), x) }
