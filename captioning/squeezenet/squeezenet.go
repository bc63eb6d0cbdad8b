// Package squeezenet is SqueezeNet 1.0, a small convolutional network for ImageNet: Iandola, Han, Moskewicz, Ashraf, Dally
// and Keutzer, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size" (2016,
// arXiv:1602.07360). Here it is the eye of the captioner: its last grid of features is what attention moves over.
//
// Reproduced: the architecture of table 1, with the weights that the authors published after deep compression
// (pruned, and shared between at most 256 values a layer), as unpacked into a safetensors file under
// torchvision's names. Left out: training on ImageNet, and the variants with bypass of section 6.
//
// Where the weights come from decides three things that differ from other networks: pixels are 0..255 minus a mean and not
// divided by anything, pools round up (Caffe), and the classifier's ReLU comes before the mean over positions.
package squeezenet

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Channels is the width of the grid of features.
const Channels = 512

// Classes is the number of ImageNet's classes.
const Classes = 1000

// Mean is what is subtracted from red, green and blue, in 0..255.
var Mean = [3]float32{123, 117, 104}

// fire is one Fire module of table 1: the number of 1x1 filters that squeeze, and of 1x1 and of 3x3 filters that expand.
type fire struct {
	index           int // torchvision's number of the layer
	squeeze, expand int
	pool            bool // followed by a max pool
}

// fires are fire2 to fire9.
var fires = [...]fire{
	{index: 3, squeeze: 16, expand: 64},
	{index: 4, squeeze: 16, expand: 64},
	{index: 5, squeeze: 32, expand: 128, pool: true},
	{index: 7, squeeze: 32, expand: 128},
	{index: 8, squeeze: 48, expand: 192},
	{index: 9, squeeze: 48, expand: 192},
	{index: 10, squeeze: 64, expand: 256, pool: true},
	{index: 12, squeeze: 64, expand: 256},
}

// Features returns the grid after fire9, [N, h, w, 512], of pictures [N, H, W, 3]: red, green, blue in 0..255 minus [Mean].
// Grid says how large h and w are. Frozen lets no gradient through, and is faster.
func Features(scope *model.Scope, images *graph.Node, frozen bool) *graph.Node {
	scope = scope.At("features")
	x := convolution(scope.At("0"), images, 96, firstKernel, nn.Conv{Stride: 2, Frozen: frozen}) // conv1
	x = pool(x, frozen)
	for _, f := range fires {
		x = f.module(scope.At("%d", f.index), x, frozen)
		if f.pool {
			x = pool(x, frozen)
		}
	}
	return x
}

// firstKernel is the side of conv1's kernel.
const firstKernel = 7

// module is a Fire module (section 3.2): squeeze to few channels, expand with 1x1 and 3x3 filters side by side.
func (f fire) module(scope *model.Scope, x *graph.Node, frozen bool) *graph.Node {
	x = convolution(scope.At("squeeze"), x, f.squeeze, 1, nn.Conv{Frozen: frozen})
	return graph.Concatenate([]*graph.Node{
		convolution(scope.At("expand1x1"), x, f.expand, 1, nn.Conv{Frozen: frozen}),
		convolution(scope.At("expand3x3"), x, f.expand, 3, nn.Conv{Frozen: frozen, Padding: nn.Pad(1)}),
	}, 3)
}

func convolution(scope *model.Scope, x *graph.Node, out, kernel int, cfg nn.Conv) *graph.Node {
	return nn.ReLU(nn.Conv2DLayer(scope, x, out, kernel, cfg))
}

func pool(x *graph.Node, frozen bool) *graph.Node {
	return nn.MaxPool2D(x, nn.Pool{Size: 3, Stride: 2, Ceil: true, Frozen: frozen})
}

// Field is what a place of the grid of [Features] sees of the picture: 155 pixels on a side, every 16 pixels, from pixel -60 on.
func Field() nn.Field {
	pool := nn.Window{Kernel: 3, Stride: 2}
	windows := []nn.Window{{Kernel: firstKernel, Stride: 2}, pool}
	for _, f := range fires {
		windows = append(windows, nn.Window{Kernel: 3, Stride: 1, Padding: 1}) // the wider of the branches that expand
		if f.pool {
			windows = append(windows, pool)
		}
	}
	return nn.FieldOf(windows...)
}

// Logits returns the scores of the 1000 classes [N, 1000], which are never negative: the mean over positions of
// ReLU(conv10(features)). Images are as for [Features].
func Logits(scope *model.Scope, images *graph.Node, frozen bool) *graph.Node {
	return Classify(scope, Features(scope, images, frozen), frozen)
}

// Classify is the second half of [Logits]: from features [N, h, w, 512] to scores [N, 1000].
func Classify(scope *model.Scope, features *graph.Node, frozen bool) *graph.Node {
	scores := convolution(scope.At("classifier").At("1"), features, Classes, 1, nn.Conv{Frozen: frozen}) // conv10
	return nn.GlobalMean(scores)
}

// Grid returns the side of the grid of features for square pictures of the given side, such as 13 for 224 and 7 for 128.
func Grid(size int) (int, error) {
	if size < MinSize {
		return 0, fmt.Errorf("expected pictures of at least %dx%d for SqueezeNet, found a size of %d", MinSize, MinSize, size)
	}
	side := (size-7)/2 + 1
	for range 3 {
		side = (side-2)/2 + 1 // a 3x3 window, stride 2, rounded up
	}
	return side, nil
}

// MinSize is the side of the smallest picture that every pool still finds a whole window in.
const MinSize = 35
