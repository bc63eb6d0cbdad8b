package unclip

import (
	"math"
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
	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// tiny is a model of pictures of 8 pixels.
func tiny() Config {
	c := Default()
	u := diffusion.UNet{Side: 8, Depth: 3, Patch: 2, Channels: []int{8, 16}, Blocks: 1, Groups: 4, Heads: 2}
	c.Decoder, c.CLIP.Image, c.CLIP.EmbedDim = u, u, 6
	c.CLIP.Text = clip.TextConfig{ContextLength: 20, Width: 8, Layers: 1, Heads: 2}
	c.Prior.Width, c.Prior.Layers, c.Prior.Heads, c.Prior.Schedule.Steps, c.Prior.Sampling.Steps = 8, 2, 2, 20, 4
	c.Schedule.Steps, c.Sampling.Steps = 20, 3
	return c
}

func fresh(t *testing.T, cfg Config) *Model {
	t.Helper()
	tokenizer, err := clip.TrainTokenizer([]string{"a red circle", "a blue square"}, 20)
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(cfg, tokenizer, 3)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// numbers are n numbers of about the size of noise.
func numbers(n int, phase float64) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(1.4 * math.Sin(float64(i)*1.37+phase))
	}
	return values
}

// made are pictures of a prompt.
func made(t *testing.T, m *Model, b compute.Backend, prompt string) []float32 {
	t.Helper()
	texts, err := m.EmbedTexts(b, []string{prompt, prompt})
	if err != nil {
		t.Fatal(err)
	}
	prior, err := m.PriorSampler(b)
	if err != nil {
		t.Fatal(err)
	}
	defer prior.Close()
	z, err := prior.Sample(t.Context(), 1, 0, texts)
	if err != nil {
		t.Fatal(err)
	}
	if length := Dot(z[:6], z[:6]); math.Abs(length-1) > 1e-5 {
		t.Errorf("the prior's embedding has the length %g", length)
	}
	decoder, err := m.Decoder(b, m.Config.Sampling)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	given := []*tensors.Tensor{tensors.FromFlatDataAndDimensions(z, 2, 6)}
	if m.Store.GetVariable("/noise/out/weight") == nil { // no graph was compiled yet
		if _, err := decoder.Sample(t.Context(), 1, 0, 2, 1, given, nil); err != nil {
			t.Fatal(err)
		}
		for v := range m.Store.IterVariables() { // what starts at 0 in a fresh decoder keeps it from seeing the embedding
			if strings.HasPrefix(v.Path(), "/noise/") && strings.HasSuffix(v.Path(), "/weight") {
				if err := v.SetValue(tensors.FromFlatDataAndDimensions(numbers(v.Shape().Size(), 0), v.Shape().Dimensions...)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	x, err := decoder.Sample(t.Context(), 1, 0, 2, 2, given, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// A model that was saved and loaded makes the same pictures; another prompt makes others; another kind of model is refused.
func TestSaveAndLoad(t *testing.T) {
	b := backendtest.Go(t)
	m := fresh(t, tiny())
	want := made(t, m, b, "a red circle")
	if _, err := m.EmbedPictures(b, make([]float32, 8*8*3)); err != nil { // makes the tower's weights
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := m.Save(filepath.Join(dir, "model")); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := made(t, loaded, b, "a red circle"); !slices.Equal(got, want) {
		t.Errorf("the loaded model makes other pictures: %v and %v", got[:6], want[:6])
	}
	if slices.Equal(made(t, loaded, b, "a blue square"), want) {
		t.Error("another prompt makes the same pictures")
	}
	if slices.Equal(want[:8*8*3], want[8*8*3:]) {
		t.Error("other noise makes the same picture")
	}
	if _, err := diffusion.LoadGuided(dir); err == nil || !strings.Contains(err.Error(), "glimpse train built/guided") {
		t.Errorf("as a guided model: found %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "model", kind.ConfigFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "glimpse train built/unclip") {
		t.Errorf("no configuration: found %v", err)
	}
}

// The prior's loss is equation 2, by a loop over what the network predicts; a text that is not told has no say.
func TestPriorLoss(t *testing.T) {
	const n, d = 3, 6
	cfg, T := tiny(), 20
	schedule, err := diffusion.NewSchedule(diffusion.Cosine, T)
	if err != nil {
		t.Fatal(err)
	}
	z, text, e := numbers(n*d, 1), numbers(n*d, 2), numbers(n*d, 3)
	steps, keep := []int32{1, 9, 20}, []float32{1, 0, 1}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		store.SetParam("/"+nn.SeedParam, int64(1))
		row := func(x []float32) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(x, n, d) }
		loss := func(text []float32) float64 {
			out, err := model.CallOnce(b, store, func(scope *model.Scope, in []*graph.Node) *graph.Node {
				return cfg.Prior.Loss(scope, schedule, in[0], in[1], in[2], in[3], in[4])
			}, row(z), row(text), row(e), steps, tensors.FromFlatDataAndDimensions(keep, n, 1))
			if err != nil {
				t.Fatal(err)
			}
			return float64(tensors.ToScalar[float32](out))
		}
		root := math.Sqrt(d)
		var noised, told []float32
		for i := range n * d {
			left := schedule.Left[steps[i/d]]
			noised = append(noised, float32(math.Sqrt(left)*root*float64(z[i])+math.Sqrt(1-left)*float64(e[i])))
			told = append(told, float32(root)*text[i]*keep[i/d])
		}
		out, err := model.CallOnce(b, store, func(scope *model.Scope, in []*graph.Node) *graph.Node {
			return cfg.Prior.Clean(scope.At(PriorScope), in[0], in[1], in[2])
		}, row(noised), []float32{1, 9, 20}, row(told))
		if err != nil {
			t.Fatal(err)
		}
		want := 0.0
		for i, v := range tensors.MustCopyFlatData[float32](out) {
			want += math.Pow(float64(v)-root*float64(z[i]), 2) / (n * d)
		}
		found := loss(text)
		if math.Abs(found/want-1) > 1e-5 {
			t.Errorf("expected the loss %g, found %g", want, found)
		}
		changed := slices.Clone(text)
		copy(changed[d:2*d], numbers(d, 7))
		if other := loss(changed); other != found {
			t.Errorf("a text that is not told changes the loss from %g to %g", found, other)
		}
		copy(changed[:d], numbers(d, 7))
		if other := loss(changed); other == found {
			t.Error("a text that is told does not change the loss")
		}
	})
}

// Of several tries the embedding is kept that is nearest to the text.
func TestTries(t *testing.T) {
	b := backendtest.Go(t)
	text := append(Unit(numbers(6, 1)), Unit(numbers(6, 2))...)
	sample := func(tries int, seed uint64) []float32 {
		cfg := tiny()
		cfg.Prior.Tries = tries
		s, err := fresh(t, cfg).PriorSampler(b)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		z, err := s.Sample(t.Context(), seed, 4, text)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	first, second, best := sample(1, 5), sample(1, 5+1<<32), sample(2, 5)
	for i := range 2 {
		at := func(z []float32) []float32 { return z[6*i : 6*i+6] }
		want := at(first)
		if Dot(at(second), at(text)) > Dot(want, at(text)) {
			want = at(second)
		}
		if !slices.Equal(at(best), want) {
			t.Errorf("text %d: expected %v, found %v", i, want, at(best))
		}
	}
}

// Prior and decoder have gradients of all their weights, and train alike on every backend.
func TestTrainsAlike(t *testing.T) {
	var want []float32
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		m := fresh(t, tiny())
		exec, err := model.NewExec(b, m.Store, func(scope *model.Scope, in []*graph.Node) *graph.Node {
			x, z, text, e, ez, steps, keep := in[0], in[1], in[2], in[3], in[4], in[5], in[6]
			loss := graph.Add(m.Config.Prior.Loss(scope, m.Schedule, z, text, ez, steps, keep),
				DecoderLoss(scope, m.Config.Decoder, m.Schedule, x, z, e, steps, keep))
			var weights []*model.Variable
			var nodes []*graph.Node
			for v := range m.Store.IterVariables() {
				if v.Trainable && v.InUseByGraph(x.Graph()) {
					weights, nodes = append(weights, v), append(nodes, v.NodeValue(x.Graph()))
				}
			}
			for i, slope := range graph.Gradient(loss, nodes...) {
				weights[i].SetNodeValue(graph.Sub(nodes[i], graph.MulScalar(slope, 0.05)))
			}
			return loss
		})
		if err != nil {
			t.Fatal(err)
		}
		defer exec.Finalize()
		const n = 4
		z, text := numbers(n*6, 1), numbers(n*6, 2)
		var losses []float32
		for range 12 {
			out, err := exec.Call1(tensors.FromFlatDataAndDimensions(numbers(n*8*8*3, 4), n, 8, 8, 3), tensors.FromFlatDataAndDimensions(z, n, 6), tensors.FromFlatDataAndDimensions(text, n, 6),
				tensors.FromFlatDataAndDimensions(numbers(n*8*8*3, 5), n, 8, 8, 3), tensors.FromFlatDataAndDimensions(numbers(n*6, 6), n, 6), []int32{1, 7, 14, 20}, [][]float32{{1}, {0}, {1}, {1}})
			if err != nil {
				t.Fatal(err)
			}
			losses = append(losses, tensors.ToScalar[float32](out))
		}
		if last := len(losses) - 1; !(losses[last] < 0.9*losses[0]) {
			t.Errorf("expected a falling loss, found %v", losses)
		}
		if want == nil {
			want = losses
		}
		for i := range want {
			if math.Abs(float64(losses[i]-want[i])) > 2e-3*float64(want[i]) {
				t.Errorf("expected the losses %v, found %v", want, losses)
				break
			}
		}
	})
}

// Embeddings are of unit length and depend on nothing beside them, however many there are.
func TestEmbedManyAtATime(t *testing.T) {
	b := backendtest.Go(t)
	m := fresh(t, tiny())
	const n, size = embedAt + 3, 8 * 8 * 3
	all, err := m.EmbedPictures(b, numbers(n*size, 1))
	if err != nil {
		t.Fatal(err)
	}
	one, err := m.EmbedPictures(b, numbers(n*size, 1)[(n-1)*size:])
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != n*6 || len(one) != 6 || !slices.Equal(all[(n-1)*6:], one) || math.Abs(Dot(one, one)-1) > 1e-5 {
		t.Errorf("found %d numbers, the last %v and alone %v", len(all), all[len(all)-6:], one)
	}
	if _, err := m.EmbedTexts(b, []string{strings.Repeat("red ", 20)}); err == nil || !strings.Contains(err.Error(), "red red") {
		t.Errorf("a long text: found %v", err)
	}
}

// The way on the great circle begins and ends where it should, stays on the sphere, and goes at one speed.
func TestSlerp(t *testing.T) {
	a, b := Unit([]float32{1, 2, 3}), Unit([]float32{-2, 1, 0.5})
	angle := math.Acos(Dot(a, b))
	for _, share := range []float64{0, 0.25, 0.5, 1} {
		v := Slerp(a, b, share)
		if math.Abs(Dot(v, v)-1) > 1e-6 || math.Abs(math.Acos(min(Dot(a, v), 1))-share*angle) > 1e-3 {
			t.Errorf("at %g: found %v", share, v)
		}
	}
	if got := Slerp(a, a, 0.3); math.Abs(Dot(got, a)-1) > 1e-6 {
		t.Errorf("from a vector to itself: %v", got)
	}
	if got := Unit([]float32{0, 0}); got[0] != 0 || got[1] != 0 {
		t.Errorf("zeros have become %v", got)
	}
}

func TestChecks(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"even width that the heads divide": func(c *Config) { c.Prior.Heads = 3 },
		"at least 1":                       func(c *Config) { c.Prior.Tries = 0 },
		"prior: expected sizes of at most": func(c *Config) { c.Prior.Tries = 1 << 40 },
		"scale: expected 0":                func(c *Config) { c.Scale = -1 },
		"prior.scale":                      func(c *Config) { c.Prior.Scale = math.NaN() },
		"prior: sampling.steps":            func(c *Config) { c.Prior.Sampling.Steps = 21 },
		"prior: noise schedule":            func(c *Config) { c.Prior.Schedule.Name = "sine" },
		"linear or cosine":                 func(c *Config) { c.Schedule.Name = "" },
		"the same side and depth":          func(c *Config) { c.CLIP.Image.Side = 16 },
		"clip.embed_dim":                   func(c *Config) { c.CLIP.EmbedDim = 1 },
		"clip: expected sizes of 1":        func(c *Config) { c.CLIP.Text.Heads = 0 },
	} {
		c := tiny()
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, found %v", want, err)
		}
	}
	if err := Default().Check(); err != nil {
		t.Error(err)
	}
}
