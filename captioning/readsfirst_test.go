package captioning

import (
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// readingFirst is a golden case whose attention knows the word, too: W_y is the one weight more.
func readingFirst(t *testing.T, scale float64) (golden, Config, map[string]safetensors.Tensor) {
	t.Helper()
	g := loadGolden(t, "sat_deep_output")
	cfg := g.cfg
	cfg.ReadsFirst = true
	W_y := make([]float32, cfg.AttentionDim*cfg.EmbedDim)
	for i := range W_y {
		W_y[i] = float32(scale * math.Sin(float64(i*i)))
	}
	weights := maps.Clone(g.weights)
	weights["att.W_y"] = safetensors.FromFloat32s(W_y, cfg.AttentionDim, cfg.EmbedDim)
	return g, cfg, weights
}

// Where the word weighs nothing, the paper's attention is left.
func TestReadsFirstWithoutWeightIsThePapers(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		g, cfg, weights := readingFirst(t, 0)
		want, wantAlpha, _, _ := logitsOf(t, b, g, g.cfg, g.weights)
		got, alpha, _, _ := logitsOf(t, b, g, cfg, weights)
		near(t, "logits", got, want)
		near(t, "alpha", alpha, wantAlpha)
	})
}

// The weights of a step depend on the word that it reads; in the paper's decoder they do not, but those of the next step do.
func TestReadsFirstKnowsTheWord(t *testing.T) {
	b := backendtest.Go(t)
	g, cfg, weights := readingFirst(t, 1)
	captions, shape, err := g.io.Int32s("captions")
	if err != nil {
		t.Fatal(err)
	}
	other := slices.Clone(captions)
	const step = 1
	for n := range shape[0] { // another word in the place of the first behind the start word
		word := &other[n*shape[1]+step]
		*word = (*word+1-Unknown-1)%int32(cfg.VocabSize-4) + Unknown + 1
	}
	differ := func(cfg Config, weights map[string]safetensors.Tensor) (at [3]bool) {
		alphas := func(captions []int32) []float32 {
			io := *g.io
			io.Tensors = maps.Clone(io.Tensors)
			io.Tensors["captions"] = safetensors.FromInt32s(captions, shape...)
			changed := g
			changed.io = &io
			_, alpha, _, _ := logitsOf(t, b, changed, cfg, weights)
			return alpha
		}
		was, is := alphas(captions), alphas(other)
		L, steps := cfg.Locations, shape[1]-1
		for i := range was {
			if s := i / L % steps; s < 3 && math.Abs(float64(was[i]-is[i])) > 1e-5 {
				at[s] = true
			}
		}
		return at
	}
	if got := differ(g.cfg, g.weights); got != [3]bool{false, false, true} {
		t.Errorf("the paper's attention changes at the steps %v", got)
	}
	if got := differ(cfg, weights); got != [3]bool{false, true, true} {
		t.Errorf("attention that reads first changes at the steps %v", got)
	}
}

// A walk step by step looks where the decoder looks that reads the whole caption at once.
func TestReadsFirstWalks(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		g, cfg, weights := readingFirst(t, 1)
		_, alpha, _, _ := logitsOf(t, b, g, cfg, weights)
		features, shape, err := g.io.Float32s("a")
		if err != nil {
			t.Fatal(err)
		}
		captions, captionsShape, err := g.io.Int32s("captions")
		if err != nil {
			t.Fatal(err)
		}
		store := model.NewStore()
		if err := LoadWeights(store.RootScope(), cfg, weights); err != nil {
			t.Fatal(err)
		}
		N, steps, L := shape[0], captionsShape[1]-1, shape[1]
		_, walked := readCaptions(t, b, store, cfg, features, captions, N)
		for step := range steps {
			for n := range N {
				near(t, "alpha", walked[step][n*L:][:L], alpha[(n*steps+step)*L:][:L])
			}
		}
		if read, err := ConfigOf(weights); err != nil || !read.ReadsFirst {
			t.Errorf("read off the weights: %+v, %v", read, err)
		}
	})
}

// The gradient of W_y is the difference quotient of the loss.
func TestReadsFirstGradient(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		g, cfg, weights := readingFirst(t, 1)
		E, A := cfg.EmbedDim, cfg.AttentionDim
		measure := func(weights map[string]safetensors.Tensor) (loss float64, gradient []float32) {
			store := model.NewStore()
			if err := LoadWeights(store.RootScope(), cfg, weights); err != nil {
				t.Fatal(err)
			}
			out, err := model.CallOnceN(b, store, func(scope *model.Scope, in []*Node) []*Node {
				l := Loss(cfg, Decode(scope, cfg, in[0], in[1]), in[1], in[2])
				W_y := store.GetVariable(variablePath("att.W_y")).NodeValue(in[0].Graph())
				return []*Node{l.Total, graph.Gradient(l.Total, W_y)[0]}
			}, g.tensor(t, "a"), g.tensor(t, "captions"), g.tensor(t, "lengths"))
			if err != nil {
				t.Fatal(err)
			}
			return float64(flat(t, out[0])[0]), flat(t, out[1])
		}
		_, gradient := measure(weights)
		// Along the gradient itself, so that float32's rounding is small beside the difference.
		norm := 0.0
		for _, v := range gradient {
			norm += float64(v) * float64(v)
		}
		const h = 2e-2
		moved := func(by float64) float64 {
			values, err := weights["att.W_y"].Float32s()
			if err != nil {
				t.Fatal(err)
			}
			for i := range values {
				values[i] += float32(by * float64(gradient[i]) / math.Sqrt(norm))
			}
			changed := maps.Clone(weights)
			changed["att.W_y"] = safetensors.FromFloat32s(values, A, E)
			loss, _ := measure(changed)
			return loss
		}
		quotient := (moved(h) - moved(-h)) / (2 * h)
		if !(math.Abs(quotient-math.Sqrt(norm)) < 0.01*math.Sqrt(norm)) || norm == 0 {
			t.Errorf("the gradient's length is %g, the difference quotient along it %g", math.Sqrt(norm), quotient)
		}
	})
}
