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

type convCase struct {
	h, w, c, out, kh, kw int
	cfg                  nn.Conv
}

func (c convCase) String() string {
	return fmt.Sprintf("%dx%dx%d_to_%d_kernel_%dx%d_stride_%d_%+v", c.h, c.w, c.c, c.out, c.kh, c.kw, max(c.cfg.Stride, 1), c.cfg.Padding)
}

// convCases are kernels 1, 3 and 7, strides 1 and 2, even and odd sizes, every kind of padding; then odd ones out.
func convCases() []convCase {
	var cases []convCase
	for _, size := range []int{8, 9} {
		for _, k := range []int{1, 3, 7} {
			for _, stride := range []int{1, 2} {
				for _, p := range []nn.Padding{nn.Valid(), nn.Same(), nn.Pad(k / 2)} {
					cases = append(cases, convCase{size, size + 2, 3, 5, k, k, nn.Conv{Stride: stride, Padding: p}})
				}
			}
		}
	}
	return append(cases,
		convCase{7, 5, 2, 3, 2, 3, nn.Conv{Padding: nn.Edges(1, 0, 2, 1)}},
		convCase{10, 11, 2, 3, 3, 2, nn.Conv{Stride: 3, Padding: nn.Edges(0, 2, 1, 0)}},
		convCase{6, 6, 2, 3, 3, 3, nn.Conv{Padding: nn.Pad(4)}},            // more than kernel-1
		convCase{6, 6, 2, 3, 1, 1, nn.Conv{Padding: nn.Pad(1), Stride: 2}}, // ditto
		convCase{6, 7, 2, 3, 3, 3, nn.Conv{Stride: 4}},                     // stride above the kernel
		convCase{6, 6, 3, 2, 2, 2, nn.Conv{Stride: 2}},                     // patches
		convCase{7, 7, 3, 2, 7, 7, nn.Conv{}},                              // one position
		convCase{7, 9, 4, 1, 1, 3, nn.Conv{Padding: nn.Same()}},            // one row of kernel
	)
}

// valueAndGradients returns the convolution, and the gradients of sum(weights * convolution).
func valueAndGradients(convolve func(x, kernel *graph.Node) *graph.Node) func(x, kernel, weights *graph.Node) []*graph.Node {
	return func(x, kernel, weights *graph.Node) []*graph.Node {
		y := convolve(x, kernel)
		gradients := graph.Gradient(graph.ReduceAllSum(graph.Mul(y, weights)), x, kernel)
		return append([]*graph.Node{y}, gradients...)
	}
}

var parts = []string{"value", "gradient of x", "gradient of kernel"}

// TestConv2D compares values and gradients with the sums that define them.
func TestConv2D(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, c := range convCases() {
			for _, form := range []nn.Form{nn.Auto, nn.Lowered, nn.Native} {
				t.Run(fmt.Sprintf("%s_form_%d", c, form), func(t *testing.T) {
					rng := rand.New(rand.NewPCG(1, 2))
					x, kernel := normal(rng, 2, c.h, c.w, c.c), normal(rng, c.out, c.c, c.kh, c.kw)
					top, left, ho, wo := c.sizes()
					weights := normal(rng, 2, ho, wo, c.out)
					want := definition(x, kernel, weights, max(c.cfg.Stride, 1), top, left)
					cfg := c.cfg
					cfg.Form = form
					got := call(t, b, valueAndGradients(func(x, k *graph.Node) *graph.Node { return nn.Conv2D(x, k, cfg) }), x, kernel, weights)
					for i, what := range parts {
						near(t, what, got[i], want[i], 1e-5)
					}
				})
			}
		}
	})
}

// sizes works out padding and result as the documentation of Padding says.
func (c convCase) sizes() (top, left, ho, wo int) {
	edges := func(size, kernel int) (before, after int) {
		s := max(c.cfg.Stride, 1)
		switch c.cfg.Padding {
		case nn.Valid():
			return 0, 0
		case nn.Same():
			total := max((int(math.Ceil(float64(size)/float64(s)))-1)*s+kernel-size, 0)
			return total / 2, total - total/2
		}
		var p struct {
			same                     bool
			top, bottom, left, right int
		}
		fmt.Sscanf(fmt.Sprintf("%v", c.cfg.Padding), "{%t %d %d %d %d}", &p.same, &p.top, &p.bottom, &p.left, &p.right)
		if size == c.h && kernel == c.kh {
			return p.top, p.bottom
		}
		return p.left, p.right
	}
	top, bottom := edges(c.h, c.kh)
	left, right := edges(c.w, c.kw)
	s := max(c.cfg.Stride, 1)
	return top, left, (c.h+top+bottom-c.kh)/s + 1, (c.w+left+right-c.kw)/s + 1
}

// definition computes y[n,i,j,o] = sum of x[n, s*i+a-top, s*j+b-left, c] * kernel[o,c,a,b], and the gradients of
// sum(weights * y), in float64.
func definition(x, kernel, weights array, stride, top, left int) []array {
	n, h, w, c := x.dims[0], x.dims[1], x.dims[2], x.dims[3]
	out, kh, kw := kernel.dims[0], kernel.dims[2], kernel.dims[3]
	ho, wo := weights.dims[1], weights.dims[2]
	y, dx, dk := make([]float64, len(weights.values)), make([]float64, len(x.values)), make([]float64, len(kernel.values))
	for ni := range n {
		for i := range ho {
			for j := range wo {
				for o := range out {
					yi := ((ni*ho+i)*wo+j)*out + o
					for a := range kh {
						for b := range kw {
							r, q := stride*i+a-top, stride*j+b-left
							if r < 0 || r >= h || q < 0 || q >= w {
								continue
							}
							for ci := range c {
								xi, ki := ((ni*h+r)*w+q)*c+ci, ((o*c+ci)*kh+a)*kw+b
								y[yi] += float64(x.values[xi]) * float64(kernel.values[ki])
								dx[xi] += float64(weights.values[yi]) * float64(kernel.values[ki])
								dk[ki] += float64(weights.values[yi]) * float64(x.values[xi])
							}
						}
					}
				}
			}
		}
	}
	return []array{rounded(y, weights.dims), rounded(dx, x.dims), rounded(dk, kernel.dims)}
}

// TestConv2DAgainstGoMLX compares with GoMLX's own convolution and gradients on the pure Go backend. Even kernels are left
// out: GoMLX v0.28 gives them wrong gradients, or panics.
func TestConv2DAgainstGoMLX(t *testing.T) {
	b := backendtest.Go(t)
	for _, c := range convCases() {
		top, left, ho, wo := c.sizes()
		if c.kh%2 == 0 || c.kw%2 == 0 || top >= c.kh || left >= c.kw {
			continue
		}
		t.Run(c.String(), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			x, kernel, weights := normal(rng, 2, c.h, c.w, c.c), normal(rng, c.out, c.c, c.kh, c.kw), normal(rng, 2, ho, wo, c.out)
			stride := max(c.cfg.Stride, 1)
			bottom, right := (ho-1)*stride+c.kh-c.h-top, (wo-1)*stride+c.kw-c.w-left
			if bottom < 0 || right < 0 {
				t.Skip("GoMLX's gradient expects a padding that is used")
			}
			want := call(t, b, valueAndGradients(func(x, k *graph.Node) *graph.Node {
				k = graph.TransposeAllAxes(k, 2, 3, 1, 0)
				return graph.Convolve(x, k).Strides(stride).PaddingPerDim([][2]int{{top, bottom}, {left, right}}).Done()
			}), x, kernel, weights)
			got := call(t, b, valueAndGradients(func(x, k *graph.Node) *graph.Node { return nn.Conv2D(x, k, c.cfg) }), x, kernel, weights)
			for i, what := range parts {
				near(t, what, got[i], want[i], 1e-5)
			}
		})
	}
}
