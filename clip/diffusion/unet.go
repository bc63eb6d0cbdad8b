package diffusion

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

// UNet describes the network that tells the noise (Ronneberger et al. 2015, as in Ho et al. 2020, appendix B).
type UNet struct {
	Side     int   `json:"side"`     // of the pictures, in pixels
	Depth    int   `json:"depth"`    // numbers at each pixel: 3
	Patch    int   `json:"patch"`    // side of the squares of pixels that are put together into one place of the first grid
	Channels []int `json:"channels"` // of each grid; each has half the side of the one before
	Blocks   int   `json:"blocks"`   // residual blocks at each grid, going down; as many going up
	Groups   int   `json:"groups"`   // of the group norms
	Heads    int   `json:"heads"`    // of attention

	between Between // what is let in behind each block
}

// Between lets something else into a grid x [N, H, W, C]: the same shape. scope is that of the block before it.
type Between func(scope *model.Scope, x *graph.Node) *graph.Node

// Letting is the network with something let in behind each of its blocks, such as the words of a text.
func (c UNet) Letting(in Between) UNet {
	c.between = in
	return c
}

// Bounds of networks that make pictures, so that a damaged file asks for nothing absurd.
const (
	MaxSize   = 1 << 13 // of a side, of channels, of layers
	maxLevels = 12
)

// DefaultUNet is a network for pictures of 16 pixels.
func DefaultUNet() UNet {
	return UNet{Side: 16, Depth: 3, Patch: 2, Channels: []int{64, 96}, Blocks: 1, Groups: 8, Heads: 4}
}

// Check says what is wrong with the sizes, if anything is.
func (c UNet) Check() error {
	if min(c.Side, c.Depth, c.Patch, len(c.Channels), c.Blocks, c.Groups, c.Heads) < 1 {
		return fmt.Errorf("u-net: expected sizes of at least 1, found %+v", c)
	}
	if max(c.Side, c.Depth, c.Patch, c.Blocks, slices.Max(c.Channels)) > MaxSize || len(c.Channels) > maxLevels {
		return fmt.Errorf("u-net: expected sizes of at most %d and at most %d levels, found %+v", MaxSize, maxLevels, c)
	}
	if whole := c.Patch << (len(c.Channels) - 1); c.Side%whole != 0 {
		return fmt.Errorf("u-net: expected a side that is a multiple of %d, so that every grid is whole, found %d", whole, c.Side)
	}
	for _, n := range c.Channels {
		if n < 2 || n%c.Groups != 0 || n%c.Heads != 0 || n%2 != 0 {
			return fmt.Errorf("u-net: expected even channels that %d groups and %d heads divide, found %v", c.Groups, c.Heads, c.Channels)
		}
	}
	return nil
}

// V tells the noise in pictures x [N, side, side, depth] at steps t [N] (float32), as v = sqrt(left) noise - sqrt(1-left) picture: the
// same shape. A network that learns v need not copy the noise where there is nothing else, and its guess of the picture is never an error
// divided by next to nothing (Salimans and Ho 2022, section 4).
func (c UNet) V(scope *model.Scope, x, t *graph.Node) *graph.Node { return c.VGiven(scope, x, t, nil) }

// VGiven is [UNet.V] where something is known of the pictures besides: given [N, D] is projected and added to what the network knows of the
// steps (Ramesh et al. 2022, section 2.1), unless it is nil.
func (c UNet) VGiven(scope *model.Scope, x, t, given *graph.Node) *graph.Node {
	n, side := x.Shape().Dim(0), c.Side/c.Patch
	x.AssertDims(n, c.Side, c.Side, c.Depth)
	when := c.when(scope.At("time"), t, given)
	x = nn.Conv2DLayer(scope.At("in"), Patches(x, c.Patch), c.Channels[0], 3, nn.Conv{Padding: nn.Same()})
	kept := []*graph.Node{x}
	for level, channels := range c.Channels {
		s := scope.At("down%d", level)
		if level > 0 {
			x = nn.AvgPool2D(x, 2)
		}
		for i := range c.Blocks {
			x = c.block(s.At("%d", i), x, when, channels, c.attends(level))
			kept = append(kept, x)
		}
	}
	x = c.block(scope.At("middle"), x, when, c.Channels[len(c.Channels)-1], true)
	for level := len(c.Channels) - 1; level >= 0; level-- {
		s := scope.At("up%d", level)
		for i := range c.Blocks {
			last := len(kept) - 1
			x = c.block(s.At("%d", i), graph.Concatenate([]*graph.Node{x, kept[last]}, 3), when, c.Channels[level], c.attends(level))
			kept = kept[:last]
		}
		if level > 0 {
			x = Doubled(x)
		}
	}
	x = SiLU(nn.GroupNorm(scope.At("out_norm"), graph.Concatenate([]*graph.Node{x, kept[0]}, 3), c.Groups, normEps))
	x.AssertDims(n, side, side, 2*c.Channels[0])
	x = nn.Conv2DLayer(scope.At("out"), x, c.Patch*c.Patch*c.Depth, 3, nn.Conv{Padding: nn.Same(), Init: nn.Zeros})
	return Pixels(x, c.Patch)
}

// attends says whether the places of a grid look at each other: those of the smallest.
func (c UNet) attends(level int) bool { return level == len(c.Channels)-1 }

// when is what the network knows of the steps t [N], and of what is given besides, [N, D] or nil: [N, 4 channels].
func (c UNet) when(scope *model.Scope, t, given *graph.Node) *graph.Node {
	width := 4 * c.Channels[0]
	x := SiLU(nn.Linear(scope.At("0"), Timestep(t, c.Channels[0]), width, true))
	x = nn.Linear(scope.At("1"), x, width, true)
	if given != nil {
		x = graph.Add(x, nn.Linear(scope.At("given"), given, width, true))
	}
	return SiLU(x)
}

// block is a residual block and, behind it where a grid attends, attention to the other places, and then what is let in between.
func (c UNet) block(scope *model.Scope, x, when *graph.Node, channels int, attends bool) *graph.Node {
	x = residual(scope, x, when, channels, c.Groups)
	if attends {
		x = c.lookAround(scope.At("self"), x)
	}
	if c.between != nil {
		x = c.between(scope, x)
	}
	return x
}
