package nn

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
)

// Split cuts x along axis into parts of the given sizes, which add up to the axis. The gradient puts those of the parts side by side,
// where plain differentiation fills each up with zeros to the size of x and adds them. It may be taken again in the same graph.
func Split(x *graph.Node, axis int, sizes ...int) []*graph.Node {
	sum := 0
	for _, size := range sizes {
		sum += size
	}
	if sum != x.Shape().Dim(axis) {
		panic(fmt.Errorf("Split: expected sizes that add up to axis %d of %s, found %d in %v", axis, x.Shape(), sum, sizes))
	}
	parts, gradients := make([]*graph.Node, len(sizes)), make([]*graph.Node, len(sizes))
	whole := graph.IdentityWithCustomGradient(x, func(_, _ *graph.Node) *graph.Node {
		for i, part := range parts { // whose gradients are known by now: they come before that of the whole
			if gradients[i] == nil { // nothing depends on it
				gradients[i] = graph.ZerosLike(part)
			}
		}
		joined := graph.Concatenate(gradients, axis)
		clear(gradients)
		return joined
	})
	at := 0
	for i, size := range sizes {
		part := graph.SliceAxis(whole, axis, graph.AxisRange(at, at+size))
		parts[i] = graph.IdentityWithCustomGradient(part, func(_, g *graph.Node) *graph.Node {
			gradients[i] = g
			return g
		})
		at += size
	}
	return parts
}
