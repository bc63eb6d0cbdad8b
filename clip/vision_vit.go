package clip

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// visionTransformer is CLIP's ViT (section 2.4) up to its last block: patches, a class token in front, positions, a layer norm,
// blocks. class [N, W] is the class token's part of the result. Its layers are visual.patch_conv [N, W, H/p, W/p], visual.after_ln_pre and visual.after_block.N [N, L, W].
func visionTransformer(scope *model.Scope, cfg VisionConfig, images *graph.Node) (tokens, class *graph.Node, layers Layers) {
	n, width := images.Shape().Dim(0), cfg.ViT.Width
	gridH, gridW := cfg.Height/cfg.Patch, cfg.Width/cfg.Patch
	scale := 1 / math.Sqrt(float64(width))
	blocks := cfg.ViT.blocks()

	x := patchEmbedding(scope.At("conv1"), cfg, images) // [N, L-1, W]
	layers.addGrid("visual.patch_conv", graph.Reshape(x, n, gridH, gridW, width))
	class = nn.Param(scope, x, "class_embedding", nn.Normal(scale), width)
	positions := nn.Param(scope, x, "positional_embedding", nn.Normal(scale), 1+gridH*gridW, width)
	x = graph.Concatenate([]*graph.Node{graph.BroadcastToDims(graph.Reshape(class, 1, 1, width), n, 1, width), x}, 1)
	x = graph.Add(x, graph.ExpandAxes(positions, 0))
	x = nn.LayerNorm(scope.At("ln_pre"), x, blocks.eps)
	layers.add("visual.after_ln_pre", x)

	first := func(x *graph.Node) *graph.Node { return graph.SliceAxis(x, 1, graph.AxisRange(0, 1)) }
	class, after := blocks.encodeOne(scope, x, nil, first)
	for i := range after {
		x = after[i]
		layers.add(fmt.Sprintf("visual.after_block.%d", i), x)
	}
	return x, class, layers
}

// classFeature is the class token [N, W] through a norm and a projection: [N, embedDim]. Its layer is visual.after_ln_post_cls
// [N, W].
func (v *ViTConfig) classFeature(scope *model.Scope, embedDim int, class *graph.Node, layers *Layers) *graph.Node {
	x := nn.LayerNorm(scope.At("ln_post"), class, v.blocks().eps)
	layers.add("visual.after_ln_post_cls", x)
	return v.projected(scope, embedDim, x)
}

// projected maps what ln_post gave, x [M, W], to the shared space: [M, embedDim].
func (v *ViTConfig) projected(scope *model.Scope, embedDim int, x *graph.Node) *graph.Node {
	return graph.MatMul(x, nn.Param(scope, x, "proj", nn.Normal(1/math.Sqrt(float64(v.Width))), v.Width, embedDim))
}

// patchEmbedding maps each patch to a vector: pictures [N, H, W, 3] to [N, (H/p)*(W/p), C]. It is a convolution whose
// stride is its kernel's size, which is one matrix product.
func patchEmbedding(scope *model.Scope, cfg VisionConfig, images *graph.Node) *graph.Node {
	n, p, width := images.Shape().Dim(0), cfg.Patch, cfg.ViT.Width
	gridH, gridW := cfg.Height/p, cfg.Width/p
	kernel := nn.Param(scope, images, "weight", nn.FanIn, width, 3, p, p)
	x := graph.Reshape(images, n, gridH, p, gridW, p, 3)
	x = graph.Reshape(graph.TransposeAllAxes(x, 0, 1, 3, 5, 2, 4), n, gridH*gridW, 3*p*p)
	return nn.Affine(x, graph.Reshape(kernel, width, 3*p*p), nil)
}
