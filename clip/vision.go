package clip

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// EncodeImage maps pictures [N, H, W, 3] (normalised by the configuration's mean and std) to features
// [N, embedDim], not normalised.
func EncodeImage(scope *model.Scope, cfg VisionConfig, embedDim int, images *graph.Node) *graph.Node {
	feature, _ := ImageTower(scope, cfg, embedDim, images)
	return feature
}

// ImageTower is [EncodeImage] with what lies on the way.
func ImageTower(scope *model.Scope, cfg VisionConfig, embedDim int, images *graph.Node) (feature *graph.Node, layers Layers) {
	scope = scope.At("visual")
	places, class, layers := placesOf(scope, cfg, images)
	switch {
	case cfg.ViT != nil:
		feature = cfg.ViT.classFeature(scope, embedDim, class, &layers)
	case cfg.ResNet != nil:
		feature = attentionPool(scope.At("attnpool"), places, cfg.ResNet.Heads, embedDim)
	default:
		feature = residualFeature(scope, embedDim, nn.GlobalMean(places))
	}
	feature.AssertDims(images.Shape().Dim(0), embedDim)
	return feature, layers
}

// residualFeature is a residual network's places x [..., C], or their mean, through a norm and a projection: [..., embedDim].
func residualFeature(scope *model.Scope, embedDim int, x *graph.Node) *graph.Node {
	x = nn.LayerNorm(scope.At("ln_post"), x, layerNormEps)
	return nn.Affine(x, nn.Param(scope.At("proj"), x, "weight", nn.HeNormal, embedDim, x.Shape().Dim(-1)), nil)
}

// placesOf is the tower up to where the places of the picture are put together: [N, h, w, C] or, of a ViT, [N, 1+h*w, C] with
// the class token first, which is class [N, C] too: that costs less where the other places are not wanted.
func placesOf(scope *model.Scope, cfg VisionConfig, images *graph.Node) (places, class *graph.Node, layers Layers) {
	images.AssertDims(images.Shape().Dim(0), cfg.Height, cfg.Width, 3)
	switch {
	case cfg.ViT != nil:
		return visionTransformer(scope, cfg, images)
	case cfg.ResNet != nil:
		places, layers = modifiedResNet(scope, cfg, images)
	default:
		places, layers = residualTower(scope, cfg, images)
	}
	return places, nil, layers
}

// residualTower is a small residual network (He et al. 2015) on a patch stem. Every stage halves the grid of the one
// before by averaging 2 x 2 positions, as CLIP's own ResNets do (section 2.4).
func residualTower(scope *model.Scope, cfg VisionConfig, images *graph.Node) (places *graph.Node, layers Layers) {
	x := patchStem(scope.At("conv1"), cfg, images)
	layers.addGrid("visual.after_stem", x)
	for i, stage := range cfg.Stages {
		s := scope.At("layer%d", i+1)
		if i > 0 {
			x = convNorm(s.At("downsample"), cfg, nn.AvgPool2D(x, 2), stage.Channels, 1)
		}
		for j := range stage.Blocks {
			x = residualBlock(s.At("%d", j), cfg, x, stage.Channels)
		}
		layers.addGrid(fmt.Sprintf("visual.after_layer%d", i+1), x)
	}
	return x, layers
}

// patchStem cuts the picture into patches and maps each to the first stage's channels: [N, H, W, 3] to
// [N, H/p, W/p, C].
func patchStem(scope *model.Scope, cfg VisionConfig, images *graph.Node) *graph.Node {
	x := nn.Conv2DLayer(scope, images, cfg.Stages[0].Channels, cfg.Patch, nn.Conv{Stride: cfg.Patch, NoBias: true})
	return batchNorm(scope.At("norm"), cfg, x)
}

// residualBlock is two 3x3 convolutions and a shortcut: [N, H, W, C] to the same shape.
func residualBlock(scope *model.Scope, cfg VisionConfig, x *graph.Node, channels int) *graph.Node {
	y := nn.ReLU(convNorm(scope.At("conv1"), cfg, x, channels, 3))
	return nn.ReLU(graph.Add(x, convNorm(scope.At("conv2"), cfg, y, channels, 3)))
}

func convNorm(scope *model.Scope, cfg VisionConfig, x *graph.Node, channels, kernel int) *graph.Node {
	return batchNorm(scope.At("norm"), cfg, nn.Conv2DLayer(scope, x, channels, kernel, nn.Conv{Padding: nn.Same(), NoBias: true}))
}

// batchNorm uses the batch's statistics while training and the running ones otherwise.
func batchNorm(scope *model.Scope, cfg VisionConfig, x *graph.Node) *graph.Node {
	return nn.BatchNorm(scope, x, 1e-5, orElse(cfg.BatchNormMomentum, 0.1), scope.IsTraining(x.Graph()))
}
