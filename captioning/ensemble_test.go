package captioning

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// together is a store with every golden case's weights as those of a member.
func together(t *testing.T, cases ...golden) *model.Store {
	t.Helper()
	store := model.NewStore()
	for i, g := range cases {
		if err := LoadWeights(MemberScope(store.RootScope(), i), g.cfg, g.weights); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// rowsBeside puts the rows [n, ...] of several tensors side by side.
func rowsBeside(n int, all ...[]float32) (out []float32) {
	for i := range n {
		for _, x := range all {
			out = append(out, x[i*len(x)/n:(i+1)*len(x)/n]...)
		}
	}
	return out
}

// unlike is a decoder of other sizes, with other weights and features of n pictures, for the same words and as many places.
func unlike(cfg Config, n int) (golden, []float32) {
	cfg.Hidden, cfg.EmbedDim, cfg.AttentionDim, cfg.FeatureDim, cfg.Gate, cfg.DeepOutput = 7, 5, 6, 3, GateScalar, true
	other := golden{cfg: cfg, weights: map[string]safetensors.Tensor{}}
	rng := rand.New(rand.NewPCG(1, 2))
	drawn := func(n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(rng.NormFloat64())
		}
		return out
	}
	shapes := cfg.WeightShapes()
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		size := 1
		for _, d := range shapes[name] {
			size *= d
		}
		other.weights[name] = safetensors.FromFloat32s(drawn(size), shapes[name]...)
	}
	return other, drawn(n * cfg.Locations * cfg.FeatureDim)
}

// An ensemble's probabilities are the mean of its members', each with pictures of its own, and it looks where they look on the mean.
func TestEnsembleIsTheMean(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		g := loadGolden(t, "sat_vector_gate")
		captions, shape, err := g.io.Int32s("captions")
		if err != nil {
			t.Fatal(err)
		}
		N, T := shape[0], shape[1]
		other, theirs := unlike(g.cfg, N)
		features := [2][]float32{1: theirs}
		if features[0], _, err = g.io.Float32s("a"); err != nil {
			t.Fatal(err)
		}
		var logProbs, alphas [2][]float32
		for i, member := range []golden{g, other} {
			p, a := readCaptions(t, b, member.store(t), member.cfg, features[i], captions, N)
			logProbs[i], alphas[i] = slices.Concat(p...), slices.Concat(a...)
		}
		p, a := readCaptions(t, b, together(t, g, other), Ensemble{g.cfg, other.cfg}, rowsBeside(N, features[0], features[1]), captions, N)
		gotP, gotA := slices.Concat(p...), slices.Concat(a...)
		if len(gotP) != N*(T-1) || len(gotA) != len(gotP)*g.cfg.Locations {
			t.Fatalf("got %d and %d numbers", len(gotP), len(gotA))
		}
		differ := 0.0
		for i, got := range gotP {
			x, y := math.Exp(float64(logProbs[0][i])), math.Exp(float64(logProbs[1][i]))
			near(t, "log p", []float32{got}, []float32{float32(math.Log((x + y) / 2))})
			differ = max(differ, math.Abs(x-y))
		}
		if differ < 1e-3 {
			t.Errorf("the members' probabilities differ by %g at most: the test shows nothing", differ)
		}
		for i, got := range gotA {
			near(t, "alpha", []float32{got}, []float32{(alphas[0][i] + alphas[1][i]) / 2})
		}
	})
}

// A decoder twice is that decoder: it writes the golden captions.
func TestEnsembleOfOneDecoderTwice(t *testing.T) {
	g, want, features, n := loadBeam(t, "beam")
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		beam, err := NewBeam(b, together(t, g, g).RootScope(), Ensemble{g.cfg, g.cfg}, 2, BeamOptions{K: want.K, Rule: Shrink})
		if err != nil {
			t.Fatal(err)
		}
		defer beam.Close()
		captions, err := beam.Captions(rowsBeside(n, features, features), n)
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range captions {
			sameCaptions(t, fmt.Sprintf("picture %d", i), got, want.Images[i].Shrink)
		}
	})
}

// Decoders of two papers write together. The ensemble looks nowhere, because one of them does not.
func TestEnsembleOfTwoPapers(t *testing.T) {
	b := backendtest.Go(t)
	tells := ShowAndTellConfig{VocabSize: 9, EmbedDim: 4, Hidden: 5, FeatureDim: 3, MaxLen: 6}
	looks := Tiny(9)
	store := model.NewStore()
	store.SetParam("/"+nn.SeedParam, int64(1))
	both := Ensemble{tells, looks}
	sampler, err := NewSampler(b, store.RootScope(), both, 2, SampleOptions{N: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer sampler.Close()
	features := make([]float32, 3+looks.Locations*looks.FeatureDim)
	for i := range features {
		features[i] = float32(math.Sin(float64(i)))
	}
	captions, err := sampler.Captions(features, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range captions[0] {
		if c.Alphas != nil || len(c.IDs) == 0 || len(c.IDs) > tells.MaxLen {
			t.Errorf("got a caption of %d words with weights %v; want at most %d words, and none", len(c.IDs), c.Alphas, tells.MaxLen)
		}
	}
}

// Far from 0, where probabilities are 0 in float32, the mean's logarithm is still a number.
func TestMeanProbabilityFarFromZero(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		exec, err := graph.NewExec(b, func(x *Node) *Node {
			return MeanProbability(graph.Reshape(graph.SliceAxis(x, 0, graph.AxisElem(0)), 1, 2), graph.Reshape(graph.SliceAxis(x, 0, graph.AxisElem(1)), 1, 2))
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Call1(tensors.FromValue([][]float32{{-500, -1}, {-501, -1}}))
		if err != nil {
			t.Fatal(err)
		}
		near(t, "log of the mean", flat(t, out), []float32{float32(-499 + math.Log((1+math.Exp(-1))/2)), 0})
	})
}

func TestEnsembleRefuses(t *testing.T) {
	if _, err := NewBeam(backendtest.Go(t), model.NewStore().RootScope(), Ensemble{}, 1, BeamOptions{K: 1}); err == nil {
		t.Error("a beam of no decoders was made")
	}
	if _, err := NewSampler(backendtest.Go(t), model.NewStore().RootScope(), Ensemble{}, 1, SampleOptions{}); err == nil {
		t.Error("a sampler of no decoders was made")
	}
	fewer := Tiny(9)
	fewer.VocabSize = 8
	broken := Tiny(9)
	broken.Hidden = 0
	for what, want := range map[string]string{
		fmt.Sprint(Ensemble{}.Validate()):                 "at least one",
		fmt.Sprint(Ensemble{Tiny(9), fewer}.Validate()):   "member 2 of the ensemble: expected a vocabulary of 9 words, as the first has, found 8",
		fmt.Sprint(Ensemble{Tiny(9), broken}.Validate()):  "member 2 of the ensemble: expected hidden",
		fmt.Sprint(Ensemble{Tiny(9), Tiny(9)}.Validate()): "<nil>",
	} {
		if !strings.Contains(what, want) {
			t.Errorf("got %q, want a sentence with %q", what, want)
		}
	}
}
