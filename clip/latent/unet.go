package latent

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// V tells the noise in latents x [N, h, w, c] at steps t [N] (float32), reading the states of a text's tokens, words [N, L, W]: v of the same
// shape as x. Behind each block of the network u the places of the grid look at the words, whose states go through a layer norm first
// (Saharia et al. 2022, section D.1).
func V(scope *model.Scope, u diffusion.UNet, x, t, words *graph.Node) *graph.Node {
	words.AssertDims(x.Shape().Dim(0), -1, -1)
	words = nn.LayerNorm(scope.At("words"), words, normEps)
	reading := u.Letting(func(scope *model.Scope, x *graph.Node) *graph.Node { return u.Read(scope.At("cross"), x, words) })
	return reading.V(scope, x, t)
}
