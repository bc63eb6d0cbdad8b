package captioning

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// tellerGolden is golden/captioning/attention/show_and_tell.*: our own PyTorch implementation in float64.
type tellerGolden struct {
	F, E, H, V int
	Loss       float64   `json:"loss_mean_per_token"`
	PerImage   []float64 `json:"sum_log_prob_per_image"`

	weights, grads *safetensors.File
	golden         // io alone
}

func loadTeller(t *testing.T) (want tellerGolden, cfg ShowAndTellConfig) {
	t.Helper()
	load := func(kind string) *safetensors.File {
		f, err := safetensors.Load(testdata.Golden(t, "captioning/attention/show_and_tell."+kind+".safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	data, err := os.ReadFile(testdata.Golden(t, "captioning/attention/show_and_tell.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	want.weights, want.grads, want.io = load("weights"), load("grads"), load("io")
	return want, ShowAndTellConfig{VocabSize: want.V, EmbedDim: want.E, Hidden: want.H, FeatureDim: want.F, MaxLen: 9}
}

// store returns a store with the golden weights at its root.
func (g tellerGolden) store(t *testing.T) *model.Store {
	t.Helper()
	store := model.NewStore()
	for name := range g.weights.Tensors {
		values, shape, err := g.weights.Float32s(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.CreateVariable(variablePath(name), tensors.FromFlatDataAndDimensions(values, shape...)); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

func TestShowAndTellGolden(t *testing.T) {
	want, cfg := loadTeller(t)
	g, grads := want.golden, want.grads
	names := slices.Sorted(maps.Keys(want.weights.Tensors))
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := want.store(t)
		exec, err := model.NewExec(b, store, func(scope *model.Scope, in []*Node) []*Node {
			o := DecodeShowAndTell(scope, cfg, in[0], in[1])
			l := ShowAndTellLoss(o, in[1], in[2])
			wrt := []*Node{in[0]}
			for _, name := range names {
				wrt = append(wrt, store.GetVariable(variablePath(name)).NodeValue(in[0].Graph()))
			}
			return append([]*Node{o.H0, o.C0, o.H, o.Logits, l.Total, l.PerExample}, graph.Gradient(l.Total, wrt...)...)
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := exec.Call(g.tensor(t, "image_features"), g.tensor(t, "captions"), g.tensor(t, "lengths"))
		if err != nil {
			t.Fatal(err)
		}
		lengths, _, err := g.io.Int32s("lengths")
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"h_after_image", "c_after_image", "h", "logits"} {
			values, shape, err := g.io.Float32s(name)
			if err != nil {
				t.Fatal(err)
			}
			mine := flat(t, got[i])
			if len(shape) == 3 { // zero past a caption's end
				for k := range mine {
					n, step := k/(shape[1]*shape[2]), k/shape[2]%shape[1]
					if step >= int(lengths[n])-1 {
						mine[k], values[k] = 0, 0
					}
				}
			}
			near(t, name, mine, values)
		}
		if loss := float64(tensors.ToScalar[float32](got[4])); !(math.Abs(loss-want.Loss) < 1e-5) {
			t.Errorf("got the loss %.7f, want %.7f", loss, want.Loss)
		}
		for n, perExample := range flat(t, got[5]) {
			if !(math.Abs(float64(perExample)+want.PerImage[n]) < 1e-4) {
				t.Errorf("picture %d: got -log p %g, want %g", n, perExample, -want.PerImage[n])
			}
		}
		for i, name := range append([]string{"image_features"}, names...) {
			values, _, err := grads.Float32s(name)
			if err != nil {
				t.Fatal(err)
			}
			nearLargest(t, "gradient of "+name, flat(t, got[6+i]), values)
		}
	})
}

// Step by step, the words have the golden log p.
func TestShowAndTellWalks(t *testing.T) {
	want, cfg := loadTeller(t)
	features, shape, err := want.io.Float32s("image_features")
	if err != nil {
		t.Fatal(err)
	}
	captions, _, err := want.io.Int32s("captions")
	if err != nil {
		t.Fatal(err)
	}
	golden, goldenShape, err := want.io.Float32s("log_prob_of_target")
	if err != nil {
		t.Fatal(err)
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		logProbs, _ := readCaptions(t, b, want.store(t), cfg, features, captions, shape[0])
		for i, w := range golden {
			if w != 0 { // 0 where the step does not count
				near(t, "log p", logProbs[i%goldenShape[1]][i/goldenShape[1]:][:1], []float32{w})
			}
		}
	})
}

// Greedy and beam search write captions with Show and Tell too: the log p they give is that of the captions read again,
// the wider beam finds captions at least as likely, and nobody looks anywhere.
func TestShowAndTellWritesCaptions(t *testing.T) {
	want, cfg := loadTeller(t)
	features, shape, err := want.io.Float32s("image_features")
	if err != nil {
		t.Fatal(err)
	}
	N := shape[0]
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		scope := want.store(t).RootScope()
		greedy, err := NewGreedy(b, scope, cfg, 3)
		if err != nil {
			t.Fatal(err)
		}
		defer greedy.Close()
		last, err := greedy.Caption(features, N)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []int{1, 4, 40} {
			beam, err := NewBeam(b, scope, cfg, 3, BeamOptions{K: k})
			if err != nil {
				t.Fatal(err)
			}
			captions, err := beam.Caption(features, N)
			beam.Close()
			if err != nil {
				t.Fatal(err)
			}
			ids := make([]int32, 0, N*(cfg.MaxLen+1))
			for n, c := range captions {
				if k == 1 && !slices.Equal(c.IDs, last[n].IDs) || c.LogProb < last[n].LogProb-1e-5 || c.Alphas != nil {
					t.Errorf("picture %d: got %v with a beam of %d, %v before", n, c, k, last[n])
				}
				row := append([]int32{Start}, c.IDs...)
				ids = append(ids, append(row, make([]int32, cfg.MaxLen+1-len(row))...)...)
			}
			logProbs, _ := readCaptions(t, b, want.store(t), cfg, features, ids, N)
			for n, c := range captions {
				for i, p := range c.LogProbs {
					near(t, "log p", logProbs[i][n:][:1], []float32{float32(p)})
				}
			}
			last = captions
		}
	})
}

func TestShowAndTellValidate(t *testing.T) {
	good := ShowAndTellPaper(1000, 2048)
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*ShowAndTellConfig){
		"vocab_size":  func(c *ShowAndTellConfig) { c.VocabSize = 2 },
		"embed_dim":   func(c *ShowAndTellConfig) { c.EmbedDim = 0 },
		"hidden":      func(c *ShowAndTellConfig) { c.Hidden = 0 },
		"feature_dim": func(c *ShowAndTellConfig) { c.FeatureDim = 0 },
		"max_len":     func(c *ShowAndTellConfig) { c.MaxLen = 0 },
		"dropout":     func(c *ShowAndTellConfig) { c.Dropout = math.NaN() },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got the error %v, want one with %q", err, want)
		}
	}
}
