package bridge

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Resample is Flamingo's perceiver resampler (section 2.1, figure 5): learned latents read the features [N, L, D] of a picture's places, and themselves, in
// every layer, so that a picture of any number of places becomes [N, Length, Width]. Variables: resampler, with latents [Length, W], linear
// (the features' projection to W), layers.0..., norm.
func Resample(scope *model.Scope, cfg TransformerConfig, features *Node) *Node {
	features.AssertRank(3)
	g, n := features.Graph(), features.Shape().Dim(0)
	scope = scope.At("resampler")
	latents := nn.Param(scope, g, "latents", nn.Normal(0.02), cfg.Length, cfg.Width)
	x := graph.BroadcastToDims(graph.InsertAxes(latents, 0), n, cfg.Length, cfg.Width)
	seen := nn.Linear(scope.At("linear"), features, cfg.Width, true)
	for i := range cfg.Layers {
		x = block(scope.At("layers").At("%d", i), x, graph.Concatenate([]*Node{seen, x}, 1), cfg.Heads)
	}
	return nn.LayerNorm(scope.At("norm"), x, eps)
}

// GatedCrossAttention lets the vectors x [N, T, W] of a text look at the vectors memory [N, M, W'] of a picture, and go through a network, both added
// with a gate tanh(alpha) that starts at 0 (Flamingo, section 2.2, figure 4): a language model starts as it was without the picture.
// Variables in scope: attn_gate and ff_gate [1], norm, attn, ff_norm, ff.
func GatedCrossAttention(scope *model.Scope, x, memory *Node, heads int) *Node {
	gate := func(name string) *Node {
		return graph.Reshape(graph.Tanh(nn.Param(scope, x, name, nn.Zeros, 1)), 1, 1, 1)
	}
	read := attend(scope.At("attn"), nn.LayerNorm(scope.At("norm"), x, eps), memory, heads, nil)
	x = graph.Add(x, graph.Mul(gate("attn_gate"), read))
	return graph.Add(x, graph.Mul(gate("ff_gate"), feedForward(scope.At("ff"), nn.LayerNorm(scope.At("ff_norm"), x, eps))))
}
