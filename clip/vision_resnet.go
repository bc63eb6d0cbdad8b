package clip

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

const (
	resNetReduction = 32 // pixels on a side of a position of the last grid, and the last stage's channels over the stem's
	expansion       = 4  // channels of a bottleneck's result over those inside it
)

// channels is how many the last stage has.
func (r ResNetConfig) channels() int { return r.Width * resNetReduction }

// modifiedResNet is CLIP's ResNet (section 2.4): the ResNet-D of He et al. 2018 with the antialiased strides of Zhang 2019,
// here averages, up to the attention that takes the place of the mean over positions. Its layers are visual.after_stem and
// visual.after_layer1 to 4, [N, C, H, W] each.
func modifiedResNet(scope *model.Scope, cfg VisionConfig, images *graph.Node) (places *graph.Node, layers Layers) {
	r := cfg.ResNet
	x := convReLU(scope, cfg, 1, images, r.Width/2, 3, nn.Conv{Stride: 2, Padding: nn.Pad(1)})
	x = convReLU(scope, cfg, 2, x, r.Width/2, 3, nn.Conv{Padding: nn.Pad(1)})
	x = convReLU(scope, cfg, 3, x, r.Width, 3, nn.Conv{Padding: nn.Pad(1)})
	x = nn.AvgPool2D(x, 2) // [N, H/4, W/4, width]
	layers.addGrid("visual.after_stem", x)
	for i, blocks := range r.Blocks {
		for j := range blocks {
			stride := 1
			if i > 0 && j == 0 {
				stride = 2
			}
			x = bottleneck(scope.At("layer%d", i+1).At("%d", j), cfg, x, r.Width<<i, stride)
		}
		layers.addGrid(fmt.Sprintf("visual.after_layer%d", i+1), x)
	}
	return x, layers
}

// bottleneck is a residual block [N, H, W, C] to [N, H/stride, W/stride, 4*planes]. All its convolutions have stride 1; the
// grid is halved by averaging behind the second one, and in front of the shortcut's.
func bottleneck(scope *model.Scope, cfg VisionConfig, x *graph.Node, planes, stride int) *graph.Node {
	out := planes * expansion
	y := convReLU(scope, cfg, 1, x, planes, 1, nn.Conv{})
	y = convReLU(scope, cfg, 2, y, planes, 3, nn.Conv{Padding: nn.Pad(1)})
	y = nn.AvgPool2D(y, stride)
	y = conv(scope.At("conv3"), y, out, 1, nn.Conv{})
	// The gain of the last norm starts at 0, so that a fresh block passes its input through.
	nn.Variable(scope.At("bn3"), "weight", nn.Zeros, out)
	y = batchNorm(scope.At("bn3"), cfg, y)
	if stride > 1 || x.Shape().Dim(-1) != out {
		s := scope.At("downsample")
		x = conv(s.At("0"), nn.AvgPool2D(x, stride), out, 1, nn.Conv{})
		x = batchNorm(s.At("1"), cfg, x)
	}
	return nn.ReLU(graph.Add(y, x))
}

// convReLU is convolution number i of the scope with its norm and ReLU.
func convReLU(scope *model.Scope, cfg VisionConfig, i int, x *graph.Node, out, kernel int, how nn.Conv) *graph.Node {
	return nn.ReLU(batchNorm(scope.At("bn%d", i), cfg, conv(scope.At("conv%d", i), x, out, kernel, how)))
}

func conv(scope *model.Scope, x *graph.Node, out, kernel int, how nn.Conv) *graph.Node {
	how.NoBias, how.Init = true, nn.FanIn
	return nn.Conv2DLayer(scope, x, out, kernel, how)
}

// attentionPool is one multi-head attention whose only query is the mean over the positions of x [N, H, W, C], which
// also is the first of the keys and values: [N, embedDim].
func attentionPool(scope *model.Scope, x *graph.Node, heads, embedDim int) *graph.Node {
	d := x.Shape().Dimensions
	n, l, c := d[0], 1+d[1]*d[2], d[3]
	init := nn.Normal(1 / math.Sqrt(float64(c)))
	x = graph.Reshape(x, n, l-1, c)
	x = graph.Concatenate([]*graph.Node{graph.ReduceAndKeep(x, graph.ReduceMean, 1), x}, 1)
	x = graph.Add(x, graph.ExpandAxes(nn.Param(scope, x, "positional_embedding", init, l, c), 0))

	q := linear(scope.At("q_proj"), graph.SliceAxis(x, 1, graph.AxisRange(0, 1)), c, init) // [N, 1, C]
	pooled := nn.Attend(q, linear(scope.At("k_proj"), x, c, init), linear(scope.At("v_proj"), x, c, init), heads, nil)
	return linear(scope.At("c_proj"), graph.Reshape(pooled, n, c), embedDim, init)
}
