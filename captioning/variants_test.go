package captioning

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// logitsOf decodes a golden case's captions with the given weights.
func logitsOf(t *testing.T, b compute.Backend, g golden, cfg Config, weights map[string]safetensors.Tensor) (logits, alpha, e, beta []float32) {
	t.Helper()
	store := model.NewStore()
	if err := LoadWeights(store.RootScope(), cfg, weights); err != nil {
		t.Fatal(err)
	}
	exec, err := model.NewExec(b, store, func(scope *model.Scope, in []*Node) []*Node {
		o := Decode(scope, cfg, in[0], in[1])
		return []*Node{o.Logits, o.Alpha, o.E, o.Beta}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Call(g.tensor(t, "a"), g.tensor(t, "captions"))
	if err != nil {
		t.Fatal(err)
	}
	return flat(t, out[0]), flat(t, out[1]), flat(t, out[2]), flat(t, out[3])
}

// Uniform attention is soft attention whose scores are all zero.
func TestUniformIsSoftWithoutScores(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		g := loadGolden(t, "sat_vector_gate")
		still := maps.Clone(g.weights)
		still["att.v"] = safetensors.FromFloat32s(make([]float32, g.cfg.AttentionDim), g.cfg.AttentionDim)
		want, _, _, _ := logitsOf(t, b, g, g.cfg, still)

		uniform := g.cfg
		uniform.Attention = AttentionUniform
		weights := maps.Clone(g.weights)
		maps.DeleteFunc(weights, func(name string, _ safetensors.Tensor) bool { return strings.HasPrefix(name, "att.") })
		got, alpha, e, _ := logitsOf(t, b, g, uniform, weights)
		near(t, "logits", got, want)
		for i := range alpha {
			if alpha[i] != 1/float32(uniform.Locations) || e[i] != 0 {
				t.Fatalf("got alpha %g and score %g, want 1/%d and 0", alpha[i], e[i], uniform.Locations)
			}
		}
	})
}

// No gate is a gate that is wide open.
func TestNoGateIsAnOpenGate(t *testing.T) {
	b := backendtest.Go(t)
	for _, name := range []string{"sat_vector_gate", "sat_scalar_gate"} {
		g := loadGolden(t, name)
		open := maps.Clone(g.weights)
		n := open["gate.bias"].Len()
		open["gate.bias"] = safetensors.FromFloat32s(slices.Repeat([]float32{1e4}, n), n)
		want, _, _, _ := logitsOf(t, b, g, g.cfg, open)

		none := g.cfg
		none.Gate = GateNone
		weights := maps.Clone(g.weights)
		delete(weights, "gate.weight")
		delete(weights, "gate.bias")
		got, _, _, beta := logitsOf(t, b, g, none, weights)
		near(t, name, got, want)
		for _, x := range beta {
			if x != 1 {
				t.Fatalf("got beta %g without a gate, want 1", x)
			}
		}
	}
}

// Every combination trains: the loss of a small batch falls to where the captions are known by heart, and the greedy
// captions are those captions.
func TestLearnsByHeart(t *testing.T) {
	variants := map[string]func(*Config){
		"soft, vector gate":   func(*Config) {},
		"soft, deep, scalar":  func(c *Config) { c.DeepOutput, c.Gate, c.Norm, c.Lambda = true, GateScalar, NormPaper, 0.1 },
		"uniform, no gate":    func(c *Config) { c.Attention, c.Gate = AttentionUniform, GateNone },
		"soft, some dropout ": func(c *Config) { c.Dropout = 0.2 },
		"hard":                func(c *Config) { c.Attention, c.Hard, c.Lambda = AttentionHard, PaperHard(), 0 },
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for name, change := range variants {
			t.Run(name, func(t *testing.T) {
				cfg := Tiny(12)
				cfg.EmbedDim, cfg.Hidden, cfg.MaxLen = 16, 32, 6
				change(&cfg)
				learnByHeart(t, b, cfg)
			})
		}
	})
}

func learnByHeart(t *testing.T, b compute.Backend, cfg Config) {
	const N = 6
	rng := rand.New(rand.NewPCG(5, 6))
	features := make([]float32, N*cfg.Locations*cfg.FeatureDim)
	for i := range features {
		features[i] = float32(rng.NormFloat64())
	}
	captions := make([][]int32, N)
	for n := range captions {
		captions[n] = []int32{Start}
		for range 1 + n%4 {
			captions[n] = append(captions[n], Unknown+1+int32(rng.IntN(cfg.VocabSize-int(Unknown)-1)))
		}
		captions[n] = append(captions[n], End)
	}
	ids, lengths, err := Batch(captions, cfg.MaxLen)
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(1); err != nil {
		t.Fatal(err)
	}
	adam := optimizer.Adam().LearningRate(0.02).Done()
	exec, err := model.NewExec(b, store, func(scope *model.Scope, a, captions, lengths *Node) *Node {
		store.SetTraining(a.Graph(), true)
		model := scope.At("captioner")
		out := Decode(model, cfg, a, captions)
		if cfg.Attention == AttentionHard {
			l := HardLoss(model, cfg, out, captions, lengths)
			adam.UpdateGraph(scope, a.Graph(), l.Total)
			return l.CrossEntropy
		}
		l := Loss(cfg, out, captions, lengths)
		adam.UpdateGraph(scope, a.Graph(), l.Total)
		return l.CrossEntropy
	})
	if err != nil {
		t.Fatal(err)
	}
	args := []any{
		tensors.FromFlatDataAndDimensions(slices.Clone(features), N, cfg.Locations, cfg.FeatureDim),
		tensors.FromFlatDataAndDimensions(ids, N, cfg.MaxLen+1), tensors.FromFlatDataAndDimensions(lengths, N),
	}
	var ce float32
	for range 80 {
		out, err := exec.Call(args...)
		if err != nil {
			t.Fatal(err)
		}
		ce = tensors.ToScalar[float32](out[0])
	}
	if !(ce < 0.7) {
		t.Errorf("the cross entropy is still %g", ce)
	}
	greedy, err := NewGreedy(b, store.RootScope().At("captioner"), cfg, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer greedy.Close()
	got, err := greedy.Caption(features, N)
	if err != nil {
		t.Fatal(err)
	}
	for n, c := range got {
		if !slices.Equal(c.IDs, captions[n][1:]) {
			t.Errorf("picture %d: got %v, want %v", n, c.IDs, captions[n][1:])
		}
	}
}

// Dropout of every kind changes the loss from call to call in training, and is not there otherwise.
func TestDropoutOnlyInTraining(t *testing.T) {
	for name, set := range map[string]func(*Config){
		"dropout": func(c *Config) { c.Dropout = 0.5 }, "embed": func(c *Config) { c.EmbedDropout = 0.5 }, "feature": func(c *Config) { c.FeatureDropout = 0.5 },
	} {
		t.Run(name, func(t *testing.T) { onlyInTraining(t, set) })
	}
}

func onlyInTraining(t *testing.T, set func(*Config)) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		g := loadGolden(t, "sat_vector_gate")
		set(&g.cfg)
		for _, training := range []bool{false, true} {
			store := g.store(t)
			exec, err := model.NewExec(b, store, func(scope *model.Scope, a, captions, lengths *Node) *Node {
				store.SetTraining(a.Graph(), training)
				return Loss(g.cfg, Decode(scope, g.cfg, a, captions), captions, lengths).Total
			})
			if err != nil {
				t.Fatal(err)
			}
			var losses []float64
			for range 3 {
				out, err := exec.Call(g.tensor(t, "a"), g.tensor(t, "captions"), g.tensor(t, "lengths"))
				if err != nil {
					t.Fatal(err)
				}
				losses = append(losses, float64(tensors.ToScalar[float32](out[0])))
			}
			same := losses[0] == losses[1] && losses[1] == losses[2]
			if same == training {
				t.Errorf("training=%v: got the losses %v", training, losses)
			}
			if !training && !(math.Abs(losses[0]-g.json.LossMean) < 1e-4) {
				t.Errorf("without training: got the loss %g, want %g", losses[0], g.json.LossMean)
			}
		}
	})
}

// A feature that is left out is left out of all places and steps: the context has nothing of it, and of the others what there was, larger.
func TestFeatureDropoutTakesWholeFeatures(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		g := loadGolden(t, "sat_vector_gate")
		g.cfg.Attention = AttentionUniform // the context is the mean, whatever the state
		maps.DeleteFunc(g.weights, func(name string, _ safetensors.Tensor) bool { return strings.HasPrefix(name, "att.") })
		contexts := func(rate float64) []float32 {
			cfg, store := g.cfg, g.store(t)
			cfg.FeatureDropout = rate
			if err := store.SetRNGStateFromSeed(2); err != nil {
				t.Fatal(err)
			}
			exec, err := model.NewExec(b, store, func(scope *model.Scope, a, captions *Node) *Node {
				store.SetTraining(a.Graph(), true)
				return Decode(scope, cfg, a, captions).Z
			})
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Call1(g.tensor(t, "a"), g.tensor(t, "captions"))
			if err != nil {
				t.Fatal(err)
			}
			return flat(t, out)
		}
		whole, left := contexts(0), contexts(0.25)
		D, steps := g.cfg.FeatureDim, 7
		dropped := 0
		for i, z := range left {
			first := left[i/(steps*D)*steps*D+i%D] // of the same feature at the first step
			switch {
			case first == 0 && z == 0:
				dropped++
			case first == 0 || z == 0:
				t.Fatalf("number %d: a feature is left out at one step, but not at another", i)
			default:
				near(t, "context", []float32{z}, []float32{whole[i] / 0.75})
			}
		}
		if share := float64(dropped) / float64(len(left)); share < 0.05 || share > 0.5 {
			t.Errorf("a share of %.2f was left out, want about 0.25", share)
		}
	})
}

// A batch in which no word counts has a loss, and it is a number.
func TestLossOfNothing(t *testing.T) {
	b := backendtest.Go(t)
	g := loadGolden(t, "sat_vector_gate")
	for _, norm := range []Norm{NormMean, NormPaper} {
		g.cfg.Norm = norm
		exec, err := model.NewExec(b, g.store(t), func(scope *model.Scope, a, captions, lengths *Node) *Node {
			return Loss(g.cfg, Decode(scope, g.cfg, a, captions), captions, lengths).CrossEntropy
		})
		if err != nil {
			t.Fatal(err)
		}
		none := tensors.FromFlatDataAndDimensions([]int32{0, 1, 0, 1}, 4)
		out, err := exec.Call(g.tensor(t, "a"), g.tensor(t, "captions"), none)
		if err != nil {
			t.Fatal(err)
		}
		if ce := tensors.ToScalar[float32](out[0]); ce != 0 {
			t.Errorf("%s: got the cross entropy %g, want 0", norm, ce)
		}
	}
}

func TestWeightsRoundTrip(t *testing.T) {
	for _, name := range append([]string{"beam"}, satCases...) {
		g := loadGolden(t, name)
		got, err := Weights(g.store(t).RootScope(), g.cfg)
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range g.weights {
			if !slices.Equal(got[key].Data, want.Data) {
				t.Errorf("%s: the weight %s changed", name, key)
			}
		}
		if len(got) != len(g.weights) {
			t.Errorf("%s: got %d weights, want %d", name, len(got), len(g.weights))
		}
		cfg, err := ConfigOf(g.weights)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Locations, cfg.Lambda, cfg.Norm, cfg.Dropout, cfg.MaxLen = g.cfg.Locations, g.cfg.Lambda, g.cfg.Norm, g.cfg.Dropout, g.cfg.MaxLen
		if cfg != g.cfg {
			t.Errorf("%s: got the configuration %+v, want %+v", name, cfg, g.cfg)
		}
	}
}

func TestLoadWeightsRefuses(t *testing.T) {
	g := loadGolden(t, "sat_vector_gate")
	for _, c := range []struct {
		name string
		do   func(w map[string]safetensors.Tensor)
		want string
	}{
		{"missing", func(w map[string]safetensors.Tensor) { delete(w, "att.v") }, `a weight "att.v"`},
		{"left over", func(w map[string]safetensors.Tensor) { w["att.u"] = w["att.v"] }, `"att.u" that this decoder has no use for`},
		{"shape", func(w map[string]safetensors.Tensor) { w["att.v"] = w["att.b"]; w["att.b"] = w["out.bias"] }, `[12] for the weight "att.b", found [30]`},
		{"type", func(w map[string]safetensors.Tensor) { w["att.v"] = safetensors.FromInt32s(make([]int32, 12), 12) }, "I32"},
	} {
		t.Run(c.name, func(t *testing.T) {
			weights := maps.Clone(g.weights)
			c.do(weights)
			store := model.NewStore()
			if err := LoadWeights(store.RootScope(), g.cfg, weights); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got the error %v, want one with %q", err, c.want)
			}
			if store.NumVariables() != 0 {
				t.Errorf("%d variables were made all the same", store.NumVariables())
			}
		})
	}
	if _, err := Weights(model.NewStore().RootScope(), g.cfg); err == nil {
		t.Error("weights were read from an empty store")
	}
	if _, err := ConfigOf(nil); err == nil {
		t.Error("a configuration was read off no weights")
	}
}

func TestValidate(t *testing.T) {
	for _, good := range []Config{Small(3000), Paper(10000), Tiny(10)} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for want, change := range map[string]func(*Config){
		"vocab_size":      func(c *Config) { c.VocabSize = 2 },
		"embed_dim":       func(c *Config) { c.EmbedDim = 0 },
		"hidden":          func(c *Config) { c.Hidden = -1 },
		"attention_dim":   func(c *Config) { c.AttentionDim = 0 },
		"feature_dim":     func(c *Config) { c.FeatureDim = 0 },
		"locations":       func(c *Config) { c.Locations = 0 },
		"max_len":         func(c *Config) { c.MaxLen = 0 },
		"gate":            func(c *Config) { c.Gate = "" },
		"attention to":    func(c *Config) { c.Attention = "" },
		"hard.lambda_r":   func(c *Config) { c.Hard.LambdaR = -1 },
		"hard.lambda_e":   func(c *Config) { c.Hard.LambdaE = math.NaN() },
		"hard.expected":   func(c *Config) { c.Hard.Expected = 1.5 },
		"norm":            func(c *Config) { c.Norm = "sum" },
		"lambda":          func(c *Config) { c.Lambda = math.NaN() },
		"dropout":         func(c *Config) { c.Dropout = 1 },
		"embed_dropout":   func(c *Config) { c.EmbedDropout = -0.1 },
		"feature_dropout": func(c *Config) { c.FeatureDropout = math.NaN() },
		"label_smoothing": func(c *Config) { c.LabelSmoothing = 1 },
	} {
		c := Tiny(10)
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got the error %v, want one with %q", err, want)
		}
	}
}

// Wrong shapes come back as errors with a sentence, not as panics.
func TestDecodeRefuses(t *testing.T) {
	b := backendtest.Go(t)
	g := loadGolden(t, "sat_vector_gate")
	exec, err := model.NewExec(b, g.store(t), func(scope *model.Scope, a, captions *Node) *Node {
		return Decode(scope, g.cfg, a, captions).Logits
	})
	if err != nil {
		t.Fatal(err)
	}
	L, D := g.cfg.Locations, g.cfg.FeatureDim
	for want, args := range map[string][]any{
		"another configuration": {tensors.FromFlatDataAndDimensions(make([]float32, 2*L*(D+1)), 2, L, D+1), tensors.FromFlatDataAndDimensions(make([]int32, 6), 2, 3)},
		"captions [N=2, T]":     {tensors.FromFlatDataAndDimensions(make([]float32, 2*L*D), 2, L, D), tensors.FromFlatDataAndDimensions(make([]int32, 9), 3, 3)},
		"at least two words":    {tensors.FromFlatDataAndDimensions(make([]float32, 2*L*D), 2, L, D), tensors.FromFlatDataAndDimensions(make([]int32, 2), 2, 1)},
	} {
		if _, err := exec.Call(args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got the error %v, want one with %q", err, want)
		}
	}
}
