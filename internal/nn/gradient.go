package nn

import (
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// withGradient returns the node that forward makes, of the given shape, with gradients of our own: gradient is
// given the gradient v of the loss with respect to that node, and returns those with respect to each of inputs.
// GoMLX's rules for the operations inside forward are not used.
//
// How: GoMLX lets a fused operation name another sub-graph to take its gradient from, of which only the gradient is
// ever computed. Ours joins the inputs into something of the right shape and swaps the gradients on the way back.
//
// ok is false when GoMLX is told to fuse nothing (GOMLX_FUSION=0). The node is then useless, and the caller takes
// plain operations instead.
func withGradient(shape shapes.Shape, inputs []*graph.Node, forward func() *graph.Node, gradient func(v *graph.Node) []*graph.Node) (y *graph.Node, ok bool) {
	swap := func() *graph.Node {
		var gradients []*graph.Node
		var joined *graph.Node
		for i, x := range inputs {
			x = graph.IdentityWithCustomGradient(x, func(_, _ *graph.Node) *graph.Node { return gradients[i] })
			if sum := graph.ReduceAllSum(x); joined == nil {
				joined = sum
			} else {
				joined = graph.Add(joined, sum)
			}
		}
		return graph.IdentityWithCustomGradient(graph.BroadcastToShape(joined, shape), func(_, v *graph.Node) *graph.Node {
			gradients = gradient(v)
			return v
		})
	}
	return graph.InternalFusedOpCaller(forward, swap, true)
}
