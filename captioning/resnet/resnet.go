// Package resnet is the residual network of He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition" (2015,
// arXiv:1512.03385), as an eye for the captioner: its last grid of features is what attention moves over.
//
// Reproduced: the networks of table 1 with basic blocks (18 and 34 layers) and with bottlenecks (50, 101, 152), as torchvision and
// timm publish their weights: batch norms behind every convolution, projections where the shape changes (option B), and the stride
// of a bottleneck on its 3x3 convolution ("ResNet v1.5"), where the paper has it on the first. Sizes are read off the weights, so
// that wider and shallower networks of this kind open too. Left out: training on ImageNet, the classifier, and variants that are
// other networks (ResNeXt's groups, ResNet-D's stem, squeeze and excitation), which are refused by name.
//
// Batch norms use their running statistics, always: a captioner's batch is too small and too unlike ImageNet for its own.
package resnet

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Config says which network it is.
type Config struct {
	Stem       int     `json:"stem"`       // channels behind the first convolution, 64 in the paper
	Bottleneck bool    `json:"bottleneck"` // blocks of three convolutions (figure 5, right) rather than of two
	Stages     []Stage `json:"stages"`     // four in the paper; each but the first halves the grid
}

// Stage is a run of blocks on one grid.
type Stage struct {
	Blocks   int `json:"blocks"`
	Inside   int `json:"inside"`   // channels of the convolutions inside a block
	Channels int `json:"channels"` // of what comes out
}

// Mean and Std are what published ResNets expect of pictures' red, green and blue, in 0..1: those of ImageNet.
var (
	Mean = [3]float32{0.485, 0.456, 0.406}
	Std  = [3]float32{0.229, 0.224, 0.225}
)

const (
	stride = 4    // of the stem, pixels a place
	eps    = 1e-5 // of the batch norms, PyTorch's default
)

// Channels is the width of the grid of features.
func (c Config) Channels() int { return c.Stages[len(c.Stages)-1].Channels }

// Grid returns the side of the grid of features for square pictures of size pixels on a side, such as 7 for 224: every halving
// rounds up.
func (c Config) Grid(size int) (int, error) {
	if least := stride << (len(c.Stages) - 1); size < least {
		return 0, fmt.Errorf("expected pictures of at least %dx%d for this ResNet, found a size of %d", least, least, size)
	}
	for range 2 + len(c.Stages) - 1 { // the stem halves twice
		size = (size + 1) / 2
	}
	return size, nil
}

// Field is what the places of the grid can see of the picture: of the 50 layers' 7x7 places, 427 pixels each, which is more than there are at
// the usual size; most of what a place says is about the middle of them ([nn.Field.Profile]).
func (c Config) Field() nn.Field {
	windows := []nn.Window{{Kernel: 7, Stride: 2, Padding: 3}, {Kernel: 3, Stride: 2, Padding: 1}}
	for i, stage := range c.Stages {
		for j := range stage.Blocks {
			step := 1
			if i > 0 && j == 0 {
				step = 2
			}
			windows = append(windows, nn.Window{Kernel: 3, Stride: step, Padding: 1})
			if !c.Bottleneck {
				windows = append(windows, nn.Window{Kernel: 3, Stride: 1, Padding: 1})
			}
		}
	}
	return nn.FieldOf(windows...)
}

// Features returns the last stage's grid [N, h, w, C] of pictures [N, H, W, 3], red, green, blue in 0..1 minus [Mean], over [Std].
// Frozen lets no gradient through, and is faster.
func Features(scope *model.Scope, cfg Config, pictures *graph.Node, frozen bool) *graph.Node {
	b := builder{frozen}
	x := nn.ReLU(b.convolution(scope, "conv1", "bn1", pictures, cfg.Stem, 7, 2))
	x = nn.MaxPool2D(x, nn.Pool{Size: 3, Stride: 2, Padding: 1, Frozen: frozen})
	for i, stage := range cfg.Stages {
		for j := range stage.Blocks {
			step := 1
			if i > 0 && j == 0 {
				step = 2
			}
			x = b.block(scope.At("layer%d", i+1).At("%d", j), cfg.Bottleneck, stage, x, step)
		}
	}
	return x
}

// builder builds the parts of a network whose gradients are wanted, or are not.
type builder struct{ frozen bool }

// block is a residual block [N, H, W, C] to [N, H/step, W/step, stage.Channels].
func (b builder) block(scope *model.Scope, bottleneck bool, stage Stage, x *graph.Node, step int) *graph.Node {
	y := x
	if bottleneck {
		y = nn.ReLU(b.convolution(scope, "conv1", "bn1", y, stage.Inside, 1, 1))
		y = nn.ReLU(b.convolution(scope, "conv2", "bn2", y, stage.Inside, 3, step))
		y = b.convolution(scope, "conv3", "bn3", y, stage.Channels, 1, 1)
	} else {
		y = nn.ReLU(b.convolution(scope, "conv1", "bn1", y, stage.Inside, 3, step))
		y = b.convolution(scope, "conv2", "bn2", y, stage.Channels, 3, 1)
	}
	if step > 1 || x.Shape().Dim(-1) != stage.Channels {
		x = b.convolution(scope.At("downsample"), "0", "1", x, stage.Channels, 1, step)
	}
	return nn.ReLU(graph.Add(y, x))
}

// convolution is one without bias, and its batch norm.
func (b builder) convolution(scope *model.Scope, conv, norm string, x *graph.Node, out, kernel, step int) *graph.Node {
	y := nn.Conv2DLayer(scope.At("%s", conv), x, out, kernel, nn.Conv{Stride: step, Padding: nn.Pad(kernel / 2), NoBias: true, Frozen: b.frozen})
	return nn.BatchNorm(scope.At("%s", norm), y, eps, 0, false)
}
