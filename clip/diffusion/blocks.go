package diffusion

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
)

const normEps = 1e-5

// Timestep writes steps t [N] (float32) as sines and cosines of width/2 frequencies from 1 down to 1/10,000 (Vaswani et al. 2017,
// section 3.5): [N, width].
func Timestep(t *graph.Node, width int) *graph.Node {
	n, half := t.Shape().Dim(0), width/2
	t.AssertDims(n)
	frequencies := make([]float32, half)
	for i := range frequencies {
		frequencies[i] = float32(math.Exp(-math.Log(10000) * float64(i) / float64(half)))
	}
	angles := graph.Mul(graph.Reshape(t, n, 1), graph.Const(t.Graph(), [][]float32{frequencies}))
	return graph.Concatenate([]*graph.Node{graph.Sin(angles), graph.Cos(angles)}, 1)
}

// residual is two 3x3 convolutions and a shortcut, x [N, H, W, C] to [N, H, W, channels]. What is known of the step, when [N, D],
// scales and shifts the second norm (Dhariwal and Nichol 2021: adaptive group norm). The last convolution starts at 0: a fresh block passes
// its input through.
func residual(scope *model.Scope, x, when *graph.Node, channels, groups int) *graph.Node {
	n := x.Shape().Dim(0)
	same := nn.Conv{Padding: nn.Same()}
	y := SiLU(nn.GroupNorm(scope.At("norm1"), x, groups, normEps))
	y = nn.GroupNorm(scope.At("norm2"), nn.Conv2DLayer(scope.At("conv1"), y, channels, 3, same), groups, normEps)
	change := graph.Reshape(nn.Linear(scope.At("time"), when, 2*channels, true), n, 1, 1, 2*channels)
	gain := graph.AddScalar(graph.SliceAxis(change, 3, graph.AxisRange(0, channels)), 1)
	y = SiLU(graph.Add(graph.Mul(y, gain), graph.SliceAxis(change, 3, graph.AxisRange(channels, 2*channels))))
	same.Init = nn.Zeros
	y = nn.Conv2DLayer(scope.At("conv2"), y, channels, 3, same)
	if x.Shape().Dim(3) != channels {
		x = nn.Conv2DLayer(scope.At("shortcut"), x, channels, 1, nn.Conv{})
	}
	return graph.Add(x, y)
}

// SiLU is x sigmoid(x) (Hendrycks and Gimpel 2016).
func SiLU(x *graph.Node) *graph.Node { return graph.Mul(x, graph.Sigmoid(x)) }

// Patches puts squares of p x p pixels together: [N, H, W, C] to [N, H/p, W/p, p*p*C].
func Patches(x *graph.Node, p int) *graph.Node {
	if p == 1 {
		return x
	}
	d := x.Shape().Dimensions
	n, h, w, c := d[0], d[1]/p, d[2]/p, d[3]
	x = graph.TransposeAllAxes(graph.Reshape(x, n, h, p, w, p, c), 0, 1, 3, 2, 4, 5)
	return graph.Reshape(x, n, h, w, p*p*c)
}

// Pixels is the inverse of [Patches]: [N, H, W, p*p*C] to [N, H*p, W*p, C].
func Pixels(x *graph.Node, p int) *graph.Node {
	if p == 1 {
		return x
	}
	d := x.Shape().Dimensions
	n, h, w, c := d[0], d[1], d[2], d[3]/(p*p)
	x = graph.TransposeAllAxes(graph.Reshape(x, n, h, w, p, p, c), 0, 1, 3, 2, 4, 5)
	return graph.Reshape(x, n, h*p, w*p, c)
}

// Doubled writes every place of [N, H, W, C] four times: [N, 2H, 2W, C].
func Doubled(x *graph.Node) *graph.Node {
	d := x.Shape().Dimensions
	n, h, w, c := d[0], d[1], d[2], d[3]
	x = graph.BroadcastToDims(graph.Reshape(x, n, h, 1, w, 1, c), n, h, 2, w, 2, c)
	return graph.Reshape(x, n, 2*h, 2*w, c)
}
