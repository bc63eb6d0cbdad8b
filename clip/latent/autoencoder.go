package latent

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Autoencoder describes the network that makes latents of pictures, and pictures of latents.
type Autoencoder struct {
	Side     int     `json:"side"`     // of the pictures, in pixels
	Patch    int     `json:"patch"`    // side of the squares of pixels that are put together into one place of the first grid
	Channels []int   `json:"channels"` // of each grid; each has half the side of the one before
	Depth    int     `json:"depth"`    // c, numbers at each place of a latent
	Groups   int     `json:"groups"`   // of the group norms
	KL       float64 `json:"kl"`       // weight of the penalty
}

// DefaultAutoencoder makes 8 x 8 x 4 numbers of a picture of 32 x 32 x 3, a twelfth as many.
func DefaultAutoencoder() Autoencoder {
	return Autoencoder{Side: 32, Patch: 2, Channels: []int{32, 64}, Depth: 4, Groups: 8, KL: 1e-4}
}

// colours are the numbers of a pixel.
const colours = 3

// normEps is that of the group norms.
const normEps = 1e-5

// Check says what is wrong with the sizes, if anything is.
func (a Autoencoder) Check() error {
	if min(a.Side, a.Patch, len(a.Channels), a.Depth, a.Groups) < 1 {
		return fmt.Errorf("autoencoder: expected sizes of at least 1, found %+v", a)
	}
	if max(a.Side, a.Patch, a.Depth, slices.Max(a.Channels)) > diffusion.MaxSize || a.Patch<<min(len(a.Channels)-1, 20) > a.Side {
		return fmt.Errorf("autoencoder: expected sizes of at most %d, and a place of a latent that is no larger than the picture, found %+v", diffusion.MaxSize, a)
	}
	if a.Side%a.factor() != 0 {
		return fmt.Errorf("autoencoder: expected a side that is a multiple of %d, so that every grid is whole, found %d", a.factor(), a.Side)
	}
	for _, n := range a.Channels {
		if n < 1 || n%a.Groups != 0 {
			return fmt.Errorf("autoencoder: expected channels that %d groups divide, found %v", a.Groups, a.Channels)
		}
	}
	if !(a.KL >= 0) {
		return fmt.Errorf("autoencoder.kl: expected 0 or more, found %g", a.KL)
	}
	return nil
}

// factor is the paper's f: pixels on the side of what becomes one place of a latent.
func (a Autoencoder) factor() int { return a.Patch << (len(a.Channels) - 1) }

// Latents is the side of a latent.
func (a Autoencoder) Latents() int { return a.Side / a.factor() }

// Gaussian is what the encoder says of a picture's latent: the mean and the logarithm of the variance of each number, [N, h, w, c] both.
type Gaussian struct{ Mean, LogVariance *graph.Node }

// Encode maps pictures x [N, side, side, 3] to their latents.
func (a Autoencoder) Encode(scope *model.Scope, x *graph.Node) Gaussian {
	scope = scope.At("encoder")
	n, side := x.Shape().Dim(0), a.Latents()
	x.AssertDims(n, a.Side, a.Side, colours)
	x = diffusion.Patches(x, a.Patch)
	for level, channels := range a.Channels {
		if level > 0 {
			x = nn.AvgPool2D(x, 2)
		}
		x = a.grid(scope.At("down%d", level), x, channels)
	}
	x = nn.Conv2DLayer(scope.At("out"), x, 2*a.Depth, 3, nn.Conv{Padding: nn.Same()})
	x.AssertDims(n, side, side, 2*a.Depth)
	part := func(from int) *graph.Node { return graph.SliceAxis(x, 3, graph.AxisRange(from, from+a.Depth)) }
	return Gaussian{part(0), graph.ClipScalar(part(a.Depth), -30, 20)}
}

// Decode maps latents z [N, h, w, c] to pictures [N, side, side, 3].
func (a Autoencoder) Decode(scope *model.Scope, z *graph.Node) *graph.Node {
	scope = scope.At("decoder")
	z.AssertDims(-1, a.Latents(), a.Latents(), a.Depth)
	x := z
	for level := len(a.Channels) - 1; level >= 0; level-- {
		x = a.grid(scope.At("up%d", level), x, a.Channels[level])
		if level > 0 {
			x = diffusion.Doubled(x)
		}
	}
	x = nn.Conv2DLayer(scope.At("out"), x, a.Patch*a.Patch*colours, 3, nn.Conv{Padding: nn.Same()})
	return diffusion.Pixels(x, a.Patch)
}

// grid is two convolutions on a grid, [N, H, W, C] to [N, H, W, channels].
func (a Autoencoder) grid(scope *model.Scope, x *graph.Node, channels int) *graph.Node {
	for i := range 2 {
		x = nn.Conv2DLayer(scope.At("conv%d", i), x, channels, 3, nn.Conv{Padding: nn.Same()})
		x = diffusion.SiLU(nn.GroupNorm(scope.At("norm%d", i), x, a.Groups, normEps))
	}
	return x
}

// Loss is how badly pictures x [N, side, side, 3] come back, when noise [N, h, w, c] from N(0, I) draws their latents: the mean square of the error
// plus kl times the mean distance of a latent's numbers from N(0, 1). square is the first of the two alone.
func (a Autoencoder) Loss(scope *model.Scope, x, noise *graph.Node) (loss, square *graph.Node) {
	z := a.Encode(scope, x)
	back := a.Decode(scope, z.Draw(noise))
	square = graph.ReduceAllMean(graph.Square(graph.Sub(back, x)))
	return graph.Add(square, graph.MulScalar(z.KL(), a.KL)), square
}

// Draw is a latent, given noise from N(0, I) of its shape.
func (z Gaussian) Draw(noise *graph.Node) *graph.Node {
	return graph.Add(z.Mean, graph.Mul(graph.Exp(graph.MulScalar(z.LogVariance, 0.5)), noise))
}

// KL is the mean Kullback-Leibler divergence of a number's Gaussian from N(0, 1), in nats (Kingma and Welling 2014, appendix B): a scalar.
func (z Gaussian) KL() *graph.Node {
	spread := graph.Sub(graph.Exp(z.LogVariance), graph.OnePlus(z.LogVariance))
	return graph.MulScalar(graph.ReduceAllMean(graph.Add(graph.Square(z.Mean), spread)), 0.5)
}
