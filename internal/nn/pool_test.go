package nn_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// TestMaxPool2D compares with the definition; sizes of the result are PyTorch's (torch.nn.MaxPool2d).
func TestMaxPool2D(t *testing.T) {
	cases := []struct {
		h, w, ho, wo int
		cfg          nn.Pool
	}{
		{8, 6, 4, 3, nn.Pool{Size: 2}},
		{9, 7, 4, 3, nn.Pool{Size: 2}},
		{9, 7, 5, 4, nn.Pool{Size: 2, Ceil: true}},
		{9, 7, 4, 3, nn.Pool{Size: 3, Stride: 2}},
		{10, 8, 4, 3, nn.Pool{Size: 3, Stride: 2}},
		{10, 8, 5, 4, nn.Pool{Size: 3, Stride: 2, Ceil: true}}, // SqueezeNet's pools at even sizes
		{9, 7, 4, 3, nn.Pool{Size: 3, Stride: 2, Ceil: true}},
		{8, 7, 4, 4, nn.Pool{Size: 3, Stride: 2, Padding: 1}}, // ResNet's first pool
		{5, 4, 5, 4, nn.Pool{Size: 3, Stride: 1, Padding: 1}},
		{5, 5, 2, 2, nn.Pool{Size: 1, Stride: 3}},
		{4, 4, 2, 2, nn.Pool{Size: 2, Stride: 3, Padding: 1, Ceil: true}}, // the third window would see padding only
		{2, 2, 1, 1, nn.Pool{Size: 2}},
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%dx%d_%+v", c.h, c.w, c.cfg), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(5, 6))
				x := normal(rng, 2, c.h, c.w, 3)
				for i := range x.values {
					x.values[i] -= 10 // so that a padding of 0 shows
				}
				weights := normal(rng, 2, c.ho, c.wo, 3)
				want, wantGradient := maxPool(x, weights, c.cfg)
				got := call(t, b, func(x, weights *graph.Node) []*graph.Node {
					y := nn.MaxPool2D(x, c.cfg)
					return append(graph.Gradient(graph.ReduceAllSum(graph.Mul(y, weights)), x), y)
				}, x, weights)
				near(t, "value", got[1], want, 0)
				near(t, "gradient", got[0], wantGradient, 1e-6)
				frozen := c.cfg
				frozen.Frozen = true
				got = call(t, b, func(x *graph.Node) *graph.Node { return nn.MaxPool2D(x, frozen) }, x)
				near(t, "frozen value", got[0], want, 0)
			})
		}
	})
}

func maxPool(x, weights array, cfg nn.Pool) (y, gradient array) {
	y, gradient = zeros(weights.dims...), zeros(x.dims...)
	h, w, channels := x.dims[1], x.dims[2], x.dims[3]
	stride := cfg.Stride
	if stride == 0 {
		stride = cfg.Size
	}
	for k := range y.values {
		c, j, i, n := k%channels, k/channels%y.dims[2], k/channels/y.dims[2]%y.dims[1], k/channels/y.dims[2]/y.dims[1]
		best, at := float32(math.Inf(-1)), -1
		for r := max(i*stride-cfg.Padding, 0); r < min(i*stride-cfg.Padding+cfg.Size, h); r++ {
			for q := max(j*stride-cfg.Padding, 0); q < min(j*stride-cfg.Padding+cfg.Size, w); q++ {
				if xi := ((n*h+r)*w+q)*channels + c; x.values[xi] > best {
					best, at = x.values[xi], xi
				}
			}
		}
		y.values[k] = best
		gradient.values[at] += weights.values[k]
	}
	return y, gradient
}

// TestMaxPool2DTies checks that one of several equal values gets the gradient, and that it gets it once. White
// backgrounds make many of them.
func TestMaxPool2DTies(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, cfg := range []nn.Pool{{Size: 2}, {Size: 3, Stride: 3}} {
			x := zeros(1, 6, 6, 1)
			got := call(t, b, func(x *graph.Node) []*graph.Node {
				return graph.Gradient(graph.ReduceAllSum(nn.MaxPool2D(x, cfg)), x)
			}, x)[0]
			want := zeros(1, 6, 6, 1)
			for i := 0; i < 6; i += cfg.Size {
				for j := 0; j < 6; j += cfg.Size {
					want.values[6*i+j] = 1
				}
			}
			near(t, fmt.Sprintf("%+v", cfg), got, want, 0)
		}
	})
}

func TestAvgPool2D(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		x := zeros(1, 5, 4, 1)
		for i := range x.values {
			x.values[i] = float32(i)
		}
		got := call(t, b, func(x *graph.Node) []*graph.Node {
			y := nn.AvgPool2D(x, 2)
			return append(graph.Gradient(graph.ReduceAllSum(graph.Mul(y, y)), x), y, nn.GlobalMean(x))
		}, x)
		near(t, "value", got[1], array{[]int{1, 2, 2, 1}, []float32{2.5, 4.5, 10.5, 12.5}}, 0)
		half := []float32{1.25, 2.25, 5.25, 6.25} // 2*y/4
		gradient := zeros(1, 5, 4, 1)
		for i := range 16 {
			gradient.values[i] = half[i/8*2+i%4/2]
		}
		near(t, "gradient", got[0], gradient, 1e-6)
		near(t, "mean", got[2], array{[]int{1, 1}, []float32{9.5}}, 0)
	})
}

func TestReLU(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		got := call(t, b, func(x, weights *graph.Node) []*graph.Node {
			y := nn.ReLU(x)
			return append(graph.Gradient(graph.ReduceAllSum(graph.Mul(y, weights)), x), y)
		}, array{[]int{4}, []float32{-2, 0, 1e-30, 3}}, array{[]int{4}, []float32{5, 6, 7, 8}})
		near(t, "value", got[1], array{[]int{4}, []float32{0, 0, 1e-30, 3}}, 0)
		near(t, "gradient", got[0], array{[]int{4}, []float32{0, 0, 7, 8}}, 0)
	})
}
