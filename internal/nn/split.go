package nn

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// Split cuts the last axis of x [..., n*w] into n parts [..., w]. The gradient puts those of the parts side by side, where plain
// differentiation fills each up with zeros to the size of x and adds them.
func Split(x *graph.Node, n int) []*graph.Node {
	if n < 1 || x.Shape().Dim(-1)%n != 0 {
		panic(fmt.Errorf("Split: expected a last axis that %d parts share evenly, found %s", n, x.Shape()))
	}
	w := x.Shape().Dim(-1) / n
	parts, gradients := make([]*graph.Node, n), make([]*graph.Node, n)
	whole := graph.IdentityWithCustomGradient(x, func(_, _ *graph.Node) *graph.Node {
		all := slices.Clone(gradients) // known by now: those of the parts are computed before that of the whole
		clear(gradients)
		for i, g := range all {
			if g == nil { // nothing depends on it
				all[i] = graph.ZerosLike(parts[i])
			}
		}
		return graph.Concatenate(all, -1)
	})
	for i := range parts {
		part := graph.SliceAxis(whole, -1, graph.AxisRange(i*w, (i+1)*w))
		parts[i] = graph.IdentityWithCustomGradient(part, func(_, g *graph.Node) *graph.Node {
			gradients[i] = g
			return g
		})
	}
	return parts
}
