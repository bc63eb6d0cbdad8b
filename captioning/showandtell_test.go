package captioning

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// golden/captioning/attention/show_and_tell.*: our own PyTorch implementation in float64.
func TestShowAndTellGolden(t *testing.T) {
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
	var want struct {
		F, E, H, V int
		Loss       float64   `json:"loss_mean_per_token"`
		PerImage   []float64 `json:"sum_log_prob_per_image"`
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	cfg := ShowAndTellConfig{VocabSize: want.V, EmbedDim: want.E, Hidden: want.H, FeatureDim: want.F}
	weights, grads := load("weights"), load("grads")
	g := golden{io: load("io")}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		names := slices.Sorted(maps.Keys(weights.Tensors))
		for _, name := range names {
			values, shape, err := weights.Float32s(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.CreateVariable(variablePath(name), tensors.FromFlatDataAndDimensions(values, shape...)); err != nil {
				t.Fatal(err)
			}
		}
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
