package unclip

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
)

// Untold is the share of training in which prior and decoder are not told what they go by, so that they can be guided without a classifier (sections 2.1 and
// 2.2).
const Untold = 0.1

// DecoderLoss is the loss of the decoder u, a scalar: x are pictures [N, H, W, C], e is noise of the same shape, t [N] (int32) its steps, z are the unit embeddings
// [N, D] of the pictures; where keep [N, 1] is 0 the embedding is not told, which is zeros in its place (section 2.1).
func DecoderLoss(scope *model.Scope, u diffusion.UNet, schedule diffusion.Schedule, x, z, e, t, keep *graph.Node) *graph.Node {
	v := u.VGiven(scope.At(diffusion.NoiseScope), schedule.Noised(x, e, t), diffusion.AsFloat(t), graph.Mul(spread(z), keep))
	return schedule.Loss(v, x, e, t)
}

// decode is what the decoder says of the noise in pictures; the sampler's input are the unit embeddings [N, D].
func decode(u diffusion.UNet) diffusion.Teller {
	given := diffusion.Given(u)
	return func(scope *model.Scope, at diffusion.Noisy, inputs []*graph.Node) *graph.Node {
		return given(scope, at, []*graph.Node{spread(inputs[0])})
	}
}
