package clip

import (
	"math"
	"strings"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// ImageGrid is what the image tower knows of every place of pictures [N, H, W, 3] (normalised by the configuration's mean and
// std), before the places are put together to one feature: [N, h, w, C], where h, w and C are those of [VisionConfig.Grid].
//
// Of a ResNet that is the last stage's grid, of a ViT the tokens of the patches after the last block. They go through the norm
// that CLIP has for the class token (ln_post): the blocks never normalise what they pass on, and a few of its channels are many
// times as large as the others.
func ImageGrid(scope *model.Scope, cfg VisionConfig, images *graph.Node) *graph.Node {
	scope = scope.At("visual")
	places, _, _ := placesOf(scope, cfg, images)
	if cfg.ViT == nil {
		return places
	}
	h, w, c := cfg.Grid()
	patches := graph.Slice(places, graph.AxisRange(), graph.AxisRangeToEnd(1))
	patches = nn.LayerNorm(scope.At("ln_post"), patches, cfg.ViT.blocks().eps)
	return graph.Reshape(patches, images.Shape().Dim(0), h, w, c)
}

// ImagePlaces is every place of [ImageGrid] by itself in the space that pictures share with texts: pictures [N, H, W, 3] to [N, h, w, embedDim], not
// normalised. What puts the places together is left out, and what would be done to the one feature is done to each of them: MaskCLIP (Zhou, Loy and
// Dai 2022, arXiv 2112.01071, section 3.2). Of a ResNet that is the attention pool's map of values and its last map; of a small residual network norm
// and projection, and so of a ViT, whose last attention is kept, unlike MaskCLIP's.
func ImagePlaces(scope *model.Scope, cfg VisionConfig, embedDim int, images *graph.Node) *graph.Node {
	places := ImageGrid(scope, cfg, images)
	n, h, w, c := images.Shape().Dim(0), places.Shape().Dim(1), places.Shape().Dim(2), places.Shape().Dim(3)
	flat, scope := graph.Reshape(places, n*h*w, c), scope.At("visual")
	switch {
	case cfg.ViT != nil:
		flat = cfg.ViT.projected(scope, embedDim, flat)
	case cfg.ResNet != nil:
		pool, init := scope.At("attnpool"), nn.Normal(1/math.Sqrt(float64(c)))
		flat = linear(pool.At("c_proj"), linear(pool.At("v_proj"), flat, c, init), embedDim, init)
	default:
		flat = residualFeature(scope, embedDim, flat)
	}
	return graph.Reshape(flat, n, h, w, embedDim)
}

// Grid is the size of what [ImageGrid] returns: places from top to bottom and from left to right, and channels of each.
func (v VisionConfig) Grid() (h, w, channels int) {
	switch {
	case v.ViT != nil:
		return v.Height / v.Patch, v.Width / v.Patch, v.ViT.Width
	case v.ResNet != nil:
		return v.Height / resNetReduction, v.Width / resNetReduction, v.ResNet.channels()
	}
	shrink := v.Patch << (len(v.Stages) - 1)
	return v.Height / shrink, v.Width / shrink, v.Stages[len(v.Stages)-1].Channels
}

// Field is what the places of [ImageGrid] can see of the picture, and false for a ViT, whose places see all of it.
func (v VisionConfig) Field() (nn.Field, bool) {
	same := nn.Window{Kernel: 3, Stride: 1, Padding: 1} // a 3x3 convolution
	halve := nn.Window{Kernel: 2, Stride: 2}            // an average
	var windows []nn.Window
	switch {
	case v.ViT != nil:
		return nn.Field{}, false
	case v.ResNet != nil:
		windows = append(windows, nn.Window{Kernel: 3, Stride: 2, Padding: 1}, same, same, halve)
		for i, blocks := range v.ResNet.Blocks {
			for j := range blocks {
				if windows = append(windows, same); i > 0 && j == 0 {
					windows = append(windows, halve)
				}
			}
		}
	default:
		windows = append(windows, nn.Window{Kernel: v.Patch, Stride: v.Patch})
		for i, stage := range v.Stages {
			if i > 0 {
				windows = append(windows, halve)
			}
			for range 2 * stage.Blocks {
				windows = append(windows, same)
			}
		}
	}
	return nn.FieldOf(windows...), true
}

// IsGridWeight says whether [ImageGrid] needs the variable of that path, in a model of this configuration.
func (v VisionConfig) IsGridWeight(path string) bool {
	name, visual := strings.CutPrefix(path, "/visual/")
	pooling := strings.HasPrefix(name, "attnpool/") || name == "proj" || strings.HasPrefix(name, "proj/") ||
		v.ViT == nil && strings.HasPrefix(name, "ln_post/")
	return visual && !pooling
}
