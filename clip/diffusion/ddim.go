package diffusion

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

// Stride is a step back of a sampler, from step From of the noise to step To (Song et al. 2021, equation 12): x_0 is guessed from x_t and
// the noise e in it,
//
//	x_0 = (x_t - sqrt(1-left) e) / sqrt(left), and x_To = Clean x_0 + Noise e + Fresh z, z being N(0, I).
type Stride struct {
	From, To     int
	Left         float64 // of the schedule at From
	Clean, Noise float64
	Fresh        float64 // standard deviation of new noise
}

// Stride is the step from t to a lower one. eta is 0 for none but the first noise (DDIM), 1 for as much new noise as the
// posterior has (DDPM): from t to t-1 it is [Schedule.Posterior].
func (s Schedule) Stride(from, to int, eta float64) Stride {
	a, b := s.Left[from], s.Left[to]
	fresh := eta * math.Sqrt((1-b)/(1-a)*(1-a/b)) // equation 16
	return Stride{From: from, To: to, Left: a, Clean: math.Sqrt(b), Noise: math.Sqrt(max(1-b-fresh*fresh, 0)), Fresh: fresh}
}

// strideNumbers are what the graph is given of a stride: [6].
const strideNumbers = 6

func (s Stride) numbers() []float32 {
	return []float32{float32(s.From), float32(math.Sqrt(s.Left)), float32(math.Sqrt(1 - s.Left)), float32(s.Clean), float32(s.Noise), float32(s.Fresh)}
}

// stride are a stride's numbers in the graph, scalars all.
type stride struct{ t, signal, spread, clean, noise, fresh *graph.Node }

func strideOf(numbers *graph.Node) stride {
	numbers.AssertDims(strideNumbers)
	at := func(i int) *graph.Node { return graph.Reshape(graph.Slice(numbers, graph.AxisRange(i, i+1))) }
	return stride{at(0), at(1), at(2), at(3), at(4), at(5)}
}

// back takes x [N, H, W, C], whose noise is e, to the lower step, with new noise z. Where bound is above 0 the guessed x_0 is kept within -bound..bound, and the noise is what
// fits to that.
func (s stride) back(x, e, z *graph.Node, bound float64) (to, guess *graph.Node) {
	guess = graph.Div(graph.Sub(x, graph.Mul(s.spread, e)), s.signal)
	if bound > 0 {
		guess = graph.ClipScalar(guess, -bound, bound)
		e = graph.Div(graph.Sub(x, graph.Mul(s.signal, guess)), s.spread)
	}
	to = graph.Add(graph.Mul(s.clean, guess), graph.Mul(s.noise, e))
	return graph.Add(to, graph.Mul(s.fresh, z)), guess
}
