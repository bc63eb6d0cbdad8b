package captioning

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/shapes"
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

	// Refine is how many 3 x 3 convolutions with stride 1 follow each stage's, each with its norm and ReLU; nothing is none.
	Refine []int `json:"refine,omitempty"`
	// Places, if true, tells the network where it is: x and y of every place, from -1 to 1, join the last stage's channels
	// in front of its last refinement (as in CoordConv: Liu et al. 2018, arXiv 1807.03247). Without it a feature says what
	// is there but not where, and "left of" cannot be said of two places that look alike.
	Places bool `json:"places,omitempty"`
}

// SmallCNN makes 7 x 7 x 256 features of 112 x 112 pictures. Its sizes are ours.
func SmallCNN() CNNConfig { return CNNConfig{Size: 112, Channels: []int{32, 64, 128, 256}, Groups: 8} }

// Validate returns an error that names the first field with a value that cannot be.
func (c CNNConfig) Validate() error {
	if len(c.Channels) == 0 || c.Size < 1 || c.Size%(1<<len(c.Channels)) != 0 {
		return fmt.Errorf("expected one or more stages, and a size that can be halved by each, found size %d and channels %v",
			c.Size, c.Channels)
	}
	if len(c.Refine) > len(c.Channels) || len(c.Refine) > 0 && slices.Min(c.Refine) < 0 {
		return fmt.Errorf("expected refine to have a number of 0 or more for each of %d stages or for the first of them, found %v", len(c.Channels), c.Refine)
	}
	if c.Places && c.refined(len(c.Channels)-1) == 0 {
		return fmt.Errorf("expected the last stage to be refined at least once with places, which that mixes in, found refine %v", c.Refine)
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
	var windows []nn.Window
	for i := range c.Channels {
		windows = append(windows, nn.Window{Kernel: cnnKernel, Stride: 2, Padding: 1})
		for range c.refined(i) {
			windows = append(windows, nn.Window{Kernel: cnnKernel, Stride: 1, Padding: 1})
		}
	}
	return nn.FieldOf(windows...)
}

// cnnKernel is the side of every convolution's kernel.
const cnnKernel = 3

// refined is how many convolutions follow that of a stage.
func (c CNNConfig) refined(stage int) int {
	if stage < len(c.Refine) {
		return c.Refine[stage]
	}
	return 0
}

// CNN returns features a [N, L, D] of pictures [N, Size, Size, 3], the places row by row. Each stage is a 3 x 3
// convolution with stride 2, a group norm (which, unlike a batch norm, is the same in training and after) and a ReLU.
// The convolutions of Refine follow.
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
		x = convolved(stage, cfg, x, channels, 2)
		for k := range cfg.refined(i) {
			if cfg.Places && i == len(cfg.Channels)-1 && k == cfg.refined(i)-1 {
				x = graph.Concatenate([]*Node{x, coordinates(x)}, -1)
			}
			x = convolved(stage.At("refine%d", k), cfg, x, channels, 1)
		}
	}
	return graph.Reshape(x, N, cfg.Locations(), cfg.FeatureDim())
}

// convolved is a 3 x 3 convolution, the norm and the ReLU: [N, H/stride, W/stride, channels] of x [N, H, W, D].
func convolved(scope *model.Scope, cfg CNNConfig, x *Node, channels, stride int) *Node {
	x = nn.Conv2DLayer(scope.At("conv"), x, channels, 3, nn.Conv{Stride: stride, Padding: nn.Pad(1), NoBias: true})
	return nn.ReLU(nn.GroupNorm(scope.At("norm"), x, cfg.Groups, 1e-5))
}

// coordinates returns x and y [N, H, W, 2] of the places of a grid [N, H, W, D]: -1 in the first column or row, 1 in the last.
func coordinates(grid *Node) *Node {
	dims := append([]int(nil), grid.Shape().Dimensions...)
	dims[3] = 1
	along := func(axis int) *Node {
		at := graph.Iota(grid.Graph(), shapes.Make(grid.DType(), dims...), axis)
		return graph.AddScalar(graph.MulScalar(at, 2/float64(max(dims[axis]-1, 1))), -1)
	}
	return graph.Concatenate([]*Node{along(2), along(1)}, -1)
}
