package diffusion

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// gaussian tells the noise in numbers that are drawn from N(mean, deviation^2) before it is added: E[e | x_t], in closed form.
func gaussian(mean, deviation float64) Teller {
	return func(_ *model.Scope, at Noisy, _ []*graph.Node) *graph.Node {
		off := graph.Sub(at.X, graph.MulScalar(at.Signal, mean))
		variance := graph.Add(graph.MulScalar(graph.Square(at.Signal), deviation*deviation), graph.Square(at.Spread))
		return graph.Div(graph.Mul(at.Spread, off), variance)
	}
}

// A sampler that is told the noise exactly draws from the distribution that the pictures came from, with new noise and without.
func TestSamplerDrawsTheDistribution(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		const mean, deviation, n, side = 0.4, 0.25, 100, 4
		for _, eta := range []float64{0, 1} {
			s, err := NewSampler(b, model.NewStore(), made(t, Cosine, 200), Sampling{Steps: 100, Eta: eta}, side, 3, gaussian(mean, deviation))
			if err != nil {
				t.Fatal(err)
			}
			steps := 0
			x, err := s.Sample(t.Context(), 5, 0, n, 0, nil, func(int, []float32, []float32) { steps++ })
			if err != nil {
				t.Fatal(err)
			}
			s.Close()
			sum, squares := 0.0, 0.0
			for _, v := range x {
				sum, squares = sum+float64(v), squares+float64(v)*float64(v)
			}
			m := sum / float64(len(x))
			if d := math.Sqrt(squares/float64(len(x)) - m*m); math.Abs(m-mean) > 0.02 || math.Abs(d-deviation) > 0.03 || steps != 100 {
				t.Errorf("eta %g: expected N(%g, %g^2) after 100 steps, found %g and %g after %d", eta, mean, deviation, m, d, steps)
			}
		}
	})
}

// A picture depends on the seed and its number alone, not on what it is drawn together with.
func TestSamplesAreTheirOwn(t *testing.T) {
	s, err := NewSampler(backendtest.Go(t), model.NewStore(), made(t, Linear, 50), Sampling{Steps: 5, Eta: 1, Bound: 1}, 2, 3, gaussian(0, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sample := func(seed uint64, first, n int) []float32 {
		x, err := s.Sample(t.Context(), seed, first, n, 0, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	all := sample(1, 0, 4)
	if two := sample(1, 2, 1); !slices.Equal(two, all[2*12:3*12]) {
		t.Errorf("picture 2 is another one alone: %v and %v", two, all[2*12:3*12])
	}
	if slices.Equal(sample(2, 0, 4), all) {
		t.Error("another seed gives the same pictures")
	}
	for _, v := range all {
		if v < -1 || v > 1 {
			t.Errorf("expected the last guess within the bound, found %g", v)
		}
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Sample(stopped, 1, 0, 1, 0, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("expected to be stopped, found %v", err)
	}
}

func TestSamplingCheck(t *testing.T) {
	for want, s := range map[string]Sampling{"sampling.steps": {Steps: 11}, "sampling.eta": {Steps: 5, Eta: 2}, "sampling.bound": {Steps: 5, Bound: -1}} {
		if err := s.Check(10); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: expected %q, found %v", s, want, err)
		}
	}
}

// tiny is a model that is quick to build.
func tiny() GuidedConfig {
	c := DefaultGuided()
	c.Schedule.Steps, c.Sampling.Steps, c.CLIP.EmbedDim = 20, 3, 8
	c.Noise = UNet{Side: 8, Depth: 3, Patch: 2, Channels: []int{8, 16}, Blocks: 1, Groups: 4, Heads: 2}
	c.CLIP.Image = c.Noise
	c.CLIP.Text.Width, c.CLIP.Text.Layers, c.CLIP.Text.Heads, c.CLIP.Text.ContextLength = 16, 1, 2, 16
	return c
}

// What guidance takes from the noise is the slope of the similarity, which a small step in a direction shows as well.
func TestGuidanceIsTheSlope(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		m := model8(t, 3)
		c := m.Config
		const n, spread = 2, 0.6
		exec, err := model.NewExec(b, m.Store, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
			x, text := inputs[0], inputs[1]
			g := x.Graph()
			at := Noisy{X: x, T: graph.Const(g, []float32{7, 7}), Signal: graph.Const(g, float32(0.8)), Spread: graph.Const(g, float32(spread)), Scale: graph.Const(g, float32(0))}
			tell := ByCLIP(c.Noise, c.CLIP)
			unguided := tell(scope, at, []*graph.Node{text})
			at.Scale = graph.Const(g, float32(2))
			taken := graph.Sub(unguided, tell(scope, at, []*graph.Node{text})) // 2 spread slope
			direction := graph.Sin(graph.MulScalar(graph.IotaLike(x, 1), 1.3))
			similarity := func(step float64) *graph.Node {
				return graph.ReduceAllSum(c.CLIP.Similarity(scope.At(CLIPScope), graph.Add(x, graph.MulScalar(direction, step)), at.T, text))
			}
			return []*graph.Node{graph.ReduceAllSum(graph.Mul(taken, direction)), similarity(0.01), similarity(-0.01)}
		})
		if err != nil {
			t.Fatal(err)
		}
		defer exec.Finalize()
		values := make([]float32, n*8*8*3)
		for i := range values {
			values[i] = float32(math.Sin(float64(3 * i)))
		}
		text, err := m.Embed(b, []string{"a red circle", "a blue square"})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Call(tensors.FromFlatDataAndDimensions(values, n, 8, 8, 3), text)
		if err != nil {
			t.Fatal(err)
		}
		taken, up, down := float64(tensors.ToScalar[float32](out[0])), float64(tensors.ToScalar[float32](out[1])), float64(tensors.ToScalar[float32](out[2]))
		slope := (up - down) / 0.02
		if math.Abs(slope) < 0.01 || math.Abs(taken-2*spread*slope) > 0.02*math.Abs(2*spread*slope) {
			t.Errorf("expected %g to be taken from the noise, found %g", 2*spread*slope, taken)
		}
	})
}
