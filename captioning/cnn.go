package captioning

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// CNNConfig says how a small convolutional network makes a grid of features from pictures. It is trained from scratch
// with the decoder, where no weights of a trained network are at hand.
type CNNConfig struct {
	Size     int   `json:"size"`     // side of the square pictures
	Channels []int `json:"channels"` // of each stage; every stage halves the side
	Groups   int   `json:"groups"`   // of the group norm after each convolution
}

// SmallCNN makes 7 x 7 x 256 features of 112 x 112 pictures. Its sizes are ours.
func SmallCNN() CNNConfig { return CNNConfig{Size: 112, Channels: []int{32, 64, 128, 256}, Groups: 8} }

// Validate returns an error that names the first field with a value that cannot be.
func (c CNNConfig) Validate() error {
	if len(c.Channels) == 0 || c.Size < 1 || c.Size%(1<<len(c.Channels)) != 0 {
		return fmt.Errorf("expected one or more stages, and a size that can be halved by each, found size %d and channels %v",
			c.Size, c.Channels)
	}
	for _, n := range c.Channels {
		if c.Groups < 1 || n < 1 || n%c.Groups != 0 {
			return fmt.Errorf("expected channels that %d groups share evenly, found %v", c.Groups, c.Channels)
		}
	}
	return nil
}

// Locations is L, the places of the grid: Config.Locations.
func (c CNNConfig) Locations() int {
	side := c.Size >> len(c.Channels)
	return side * side
}

// FeatureDim is D, the numbers of a feature vector: Config.FeatureDim.
func (c CNNConfig) FeatureDim() int { return c.Channels[len(c.Channels)-1] }

// Field is what a place of the grid of [CNN] sees of the picture through the convolutions. The group norms tell every place one
// thing more of all pixels, the mean and the spread of their features.
func (c CNNConfig) Field() nn.Field {
	windows := make([]nn.Window, len(c.Channels))
	for i := range windows {
		windows[i] = nn.Window{Kernel: cnnKernel, Stride: 2, Padding: 1}
	}
	return nn.FieldOf(windows...)
}

// cnnKernel is the side of every convolution's kernel.
const cnnKernel = 3

// CNN returns features a [N, L, D] of pictures [N, Size, Size, 3], the places row by row. Each stage is a 3 x 3
// convolution with stride 2, a group norm (which, unlike a batch norm, is the same in training and after) and a ReLU.
func CNN(scope *model.Scope, cfg CNNConfig, pictures *Node) *Node {
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	pictures.AssertRank(4)
	N := pictures.Shape().Dimensions[0]
	pictures.AssertDims(N, cfg.Size, cfg.Size, 3)
	x := pictures
	for i, channels := range cfg.Channels {
		stage := scope.At("stage%d", i)
		x = nn.Conv2DLayer(stage.At("conv"), x, channels, cnnKernel, nn.Conv{Stride: 2, Padding: nn.Pad(1), NoBias: true})
		x = nn.ReLU(nn.GroupNorm(stage.At("norm"), x, cfg.Groups, 1e-5))
	}
	return graph.Reshape(x, N, cfg.Locations(), cfg.FeatureDim())
}
