package attention

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
)

// Locate returns one place for each example, [N] (int32): the one with the largest e + noise, for scores e [N, L]. Without
// noise (nil) it is the place with the largest weight; with noise from [Gumbel] it is a place drawn by its weight
// alpha = softmax(e), which is the hard attention of Xu et al. 2015, equation 8. It has no gradient.
func Locate(e, noise *Node) *Node {
	e.AssertRank(2)
	e = graph.StopGradient(e)
	if noise != nil {
		e = graph.Add(e, noise)
	}
	return graph.ArgMax(e, 1, dtypes.Int32)
}

// Gumbel makes noise of uniform numbers in [0, 1), such that arg max (e + noise) is a draw from softmax(e) (the Gumbel-max
// trick; Maddison, Tarlow and Minka 2014, section 2).
func Gumbel(uniform *Node) *Node {
	// The generators may give 0, whose noise is minus infinity: that place is never drawn.
	return graph.Neg(graph.Log(graph.Neg(graph.Log(uniform))))
}

// At returns weights [N, L] that are 1 at the places [N] and 0 elsewhere: with them [Context] is the feature vector a_i of
// the place itself (Xu et al. 2015, equation 9).
func At(places *Node, L int) *Node { return graph.OneHot(places, L, dtypes.Float32) }
