package latent

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// V tells the noise in latents x [N, h, w, c] at steps t [N] (float32), reading the states of a text's tokens, words [N, L, W]: v of the same
// shape as x. Behind each block of the network u the places of the grid look at the words, whose states go through a layer norm first; one
// vector of all words is added to what the network knows of the step (Saharia et al. 2022, section 2.5).
func V(scope *model.Scope, u diffusion.UNet, x, t, words *graph.Node) *graph.Node {
	words.AssertDims(x.Shape().Dim(0), -1, -1)
	words = nn.LayerNorm(scope.At("words"), words, normEps)
	reading := u.Letting(func(scope *model.Scope, x *graph.Node) *graph.Node { return u.Read(scope.At("cross"), x, words) })
	return reading.VGiven(scope, x, t, pooled(scope.At("pool"), words))
}

// poolHeads are those of the attention that pools words, where they divide the width.
const poolHeads = 4

// pooled is one vector of all words [N, L, W], what a learned query reads of them: [N, W].
func pooled(scope *model.Scope, words *graph.Node) *graph.Node {
	n, width, heads := words.Shape().Dim(0), words.Shape().Dim(2), poolHeads
	if width%heads != 0 {
		heads = 1
	}
	query := nn.Param(scope, words, "query", nn.Normal(1), 1, 1, width)
	read := nn.Attend(graph.BroadcastToDims(query, n, 1, width), nn.Linear(scope.At("k"), words, width, false), nn.Linear(scope.At("v"), words, width, false), heads, nil)
	return graph.Reshape(read, n, width)
}
