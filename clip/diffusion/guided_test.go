package diffusion

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// model8 is a model of pictures of 8 pixels with fresh weights.
func model8(t *testing.T, seed int64) *Guided {
	t.Helper()
	tokenizer, err := clip.TrainTokenizer([]string{"a red circle", "a blue square"}, 20)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewGuided(tiny(), tokenizer, seed)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// pictures8 are n pictures of 8 pixels.
func pictures8(t *testing.T, m *Guided, b compute.Backend, n int, texts ...string) []float32 {
	t.Helper()
	text, err := m.Embed(b, texts)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Sampler(b, m.Config.Sampling)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x, err := s.Sample(t.Context(), 1, 0, n, 5, []*tensors.Tensor{text}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A model that was saved and loaded makes the same pictures, and parts of two models are refused.
func TestSaveAndLoad(t *testing.T) {
	b := backendtest.Go(t)
	m := model8(t, 3)
	want := pictures8(t, m, b, 1, "a red circle")
	dir := t.TempDir()
	if err := m.Save(filepath.Join(dir, "model")); err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadGuided(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := pictures8(t, loaded, b, 1, "a red circle"); !slices.Equal(got, want) {
		t.Errorf("the loaded model makes other pictures: %v and %v", got[:6], want[:6])
	}
	if other := pictures8(t, loaded, b, 1, "a blue square"); slices.Equal(other, want) {
		t.Error("another prompt makes the same picture")
	}
	other, err := clip.TrainTokenizer([]string{"green stars are cyan"}, 20)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Save(filepath.Join(dir, "model", clip.TokenizerFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadGuided(dir); err == nil || !strings.Contains(err.Error(), "tokenizer.json with which the weights were saved") {
		t.Errorf("another vocabulary: found %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "model", ConfigFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadGuided(dir); err == nil || !strings.Contains(err.Error(), "glimpse train built/guided") {
		t.Errorf("no configuration: found %v", err)
	}
}

// The network and its gradients are the same on every backend: after a few steps down the gradient the loss is as expected from the pure Go
// backend, and lower.
func TestTrainsAlike(t *testing.T) {
	u, schedule := tiny().Noise, made(t, Cosine, 20)
	fresh := func() *model.Store {
		store := model.NewStore()
		store.SetParam("/"+nn.SeedParam, int64(4))
		return store
	}
	inputs := func() []*tensors.Tensor {
		x, e := make([]float32, 4*8*8*3), make([]float32, 4*8*8*3)
		for i := range x {
			x[i], e[i] = float32(i%3)-1, float32(i*7919%101)/29-1.7
		}
		return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, 4, 8, 8, 3), tensors.FromFlatDataAndDimensions(e, 4, 8, 8, 3), tensors.FromValue([]int32{1, 7, 14, 20})}
	}
	backendtest.Descends(t, 12, 0.05, fresh, inputs, func(scope *model.Scope, inputs []*graph.Node) *graph.Node {
		x, e, at := inputs[0], inputs[1], inputs[2]
		return schedule.Loss(u.V(scope, schedule.Noised(x, e, at), AsFloat(at)), x, e, at)
	})
}

// Squares of pixels are put together and taken apart without loss, and what is doubled shows every place four times.
func TestPatches(t *testing.T) {
	b := backendtest.Go(t)
	x := make([]float32, 2*4*6*3)
	for i := range x {
		x[i] = float32(i)
	}
	out, err := graph.CallOnceN(b, func(x *graph.Node) []*graph.Node {
		return []*graph.Node{Patches(x, 2), Pixels(Patches(x, 2), 2), Doubled(x)}
	}, tensors.FromFlatDataAndDimensions(x, 2, 4, 6, 3))
	if err != nil {
		t.Fatal(err)
	}
	if got := out[0].Shape().Dimensions; !slices.Equal(got, []int{2, 2, 3, 12}) {
		t.Errorf("found patches %v", got)
	}
	first := tensors.MustCopyFlatData[float32](out[0])[:12]
	if want := []float32{0, 1, 2, 3, 4, 5, 18, 19, 20, 21, 22, 23}; !slices.Equal(first, want) {
		t.Errorf("expected the first square %v, found %v", want, first)
	}
	if got := tensors.MustCopyFlatData[float32](out[1]); !slices.Equal(got, x) {
		t.Error("taken apart again, the pictures are others")
	}
	large := tensors.MustCopyFlatData[float32](out[2])
	for row := range 8 {
		for col := range 12 {
			if got, want := large[(row*12+col)*3], x[(row/2*6+col/2)*3]; got != want {
				t.Fatalf("row %d, column %d: expected %g, found %g", row, col, want, got)
			}
		}
	}
}

func TestChecks(t *testing.T) {
	for want, change := range map[string]func(c *GuidedConfig){
		"multiple of 4":              func(c *GuidedConfig) { c.Noise.Side = 10 },
		"even channels":              func(c *GuidedConfig) { c.Noise.Channels = []int{8, 10} },
		"at least 1":                 func(c *GuidedConfig) { c.Noise.Blocks = 0 },
		"the same side and depth":    func(c *GuidedConfig) { c.CLIP.Image.Side = 16 },
		"at most 12 levels":          func(c *GuidedConfig) { c.Noise.Channels = slices.Repeat([]int{8}, 65) },
		"noise schedule: expected 2": func(c *GuidedConfig) { c.Schedule.Steps = 1 << 50 },
		"that the heads divide":      func(c *GuidedConfig) { c.CLIP.Text.Heads = 0 },
		"scale":                      func(c *GuidedConfig) { c.Scale = -1 },
		"linear or cosine":           func(c *GuidedConfig) { c.Schedule.Name = "" },
		"sampling.steps: expected ":  func(c *GuidedConfig) { c.Sampling.Steps = 21 },
	} {
		c := tiny()
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, found %v", want, err)
		}
	}
	if err := DefaultGuided().Check(); err != nil {
		t.Error(err)
	}
}
