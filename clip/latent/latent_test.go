package latent

import (
	"math"
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
)

// tiny is a model that is quick to build: latents of 4 x 4 x 2 of pictures of 16 pixels.
func tiny() Config {
	c := Default()
	c.Schedule.Steps, c.Sampling.Steps = 20, 3
	c.Auto = Autoencoder{Side: 16, Patch: 2, Channels: []int{8, 16}, Depth: 2, Groups: 4, KL: 1e-3}
	c.Noise = diffusion.UNet{Side: 4, Depth: 2, Patch: 1, Channels: []int{8, 16}, Blocks: 1, Groups: 4, Heads: 2}
	c.Text = Text{Tower: clip.TextConfig{ContextLength: 12, Width: 16, Layers: 2, Heads: 2}, Joint: 8, Length: 10, Skip: 1}
	return c
}

func tokenizer(t *testing.T) *clip.Tokenizer {
	t.Helper()
	tokenizer, err := clip.TrainTokenizer([]string{"a red circle", "a blue square", "a red circle", "a blue square"}, 100)
	if err != nil {
		t.Fatal(err)
	}
	return tokenizer
}

// fresh is a model with fresh weights, but for those maps of its network that start at 0: with them no text makes a difference.
func fresh(t *testing.T, b compute.Backend) *Model {
	t.Helper()
	m, err := New(tiny(), tokenizer(t), 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, make := range []func() error{ // the weights come to be as they are used
		func() error { _, err := m.Encode(b, numbers(16*16*3)); return err },
		func() error { _, err := m.Decode(b, numbers(4*4*2)); return err },
		func() error { _, err := made(t, m, b, 1, "a red circle"); return err },
	} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
	}
	for v := range m.Store.IterVariables() {
		if strings.HasSuffix(v.Path(), "/out/weight") || strings.HasSuffix(v.Path(), "/conv2/weight") {
			if err := v.SetValue(tensors.FromFlatDataAndDimensions(numbers(v.Shape().Size()), v.Shape().Dimensions...)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return m
}

// numbers are n that look random, about 0.
func numbers(n int) []float32 {
	all := make([]float32, n)
	for i := range all {
		all[i] = float32(i*7919%101)/101 - 0.5
	}
	return all
}

// made are latents of one picture of a text.
func made(t *testing.T, m *Model, b compute.Backend, scale float64, text string) ([]float32, error) {
	t.Helper()
	words, err := m.Embed(b, []string{text})
	if err != nil {
		return nil, err
	}
	defer words.FinalizeAll()
	sampler, err := m.Sampler(b, m.Config.Sampling)
	if err != nil {
		return nil, err
	}
	defer sampler.Close()
	return sampler.Sample(t.Context(), 1, 0, 1, scale, []*tensors.Tensor{words}, nil)
}

func near(a, b, within float64) bool { return math.Abs(a-b) <= within*max(1, math.Abs(b)) }

// The penalty is the divergence from N(0, 1), here by a sum over a fine grid, and latents are drawn with the mean and the deviation that are said.
func TestGaussian(t *testing.T) {
	mean, logVariance := []float32{0, 0.7, -1.2}, []float32{0, -1, 0.4}
	out, err := graph.CallOnceN(backendtest.Go(t), func(mean, logVariance *graph.Node) []*graph.Node {
		z := Gaussian{mean, logVariance}
		return []*graph.Node{z.KL(), z.Draw(graph.MulScalar(graph.OnesLike(mean), 2))}
	}, mean, logVariance)
	if err != nil {
		t.Fatal(err)
	}
	want, drawn := 0.0, tensors.MustCopyFlatData[float32](out[1])
	for i := range mean {
		m, v := float64(mean[i]), math.Exp(float64(logVariance[i]))
		log := func(x, mean, variance float64) float64 {
			return -(x-mean)*(x-mean)/(2*variance) - math.Log(2*math.Pi*variance)/2
		}
		const step = 1e-3
		for x := -12.0; x < 12; x += step {
			want += math.Exp(log(x, m, v)) * (log(x, m, v) - log(x, 0, 1)) * step / 3
		}
		if !near(float64(drawn[i]), m+2*math.Sqrt(v), 1e-5) {
			t.Errorf("expected %g, two deviations from the mean, found %g", m+2*math.Sqrt(v), drawn[i])
		}
	}
	if got := float64(tensors.ToScalar[float32](out[0])); !near(got, want, 1e-4) {
		t.Errorf("expected a divergence of %g, found %g", want, got)
	}
}

// The autoencoder's loss, and the network's with the text and without, go down the same way on every backend.
func TestTrainsAlike(t *testing.T) {
	c, tokens := tiny(), tokenizer(t)
	ids := tokens.EncodeBatch([]string{"a red circle", "a blue square"}, c.Text.Length)
	var m *Model
	fresh := func() *model.Store {
		var err error
		if m, err = New(c, tokens, 4); err != nil {
			t.Fatal(err)
		}
		return m.Store
	}
	inputs := func() []*tensors.Tensor {
		return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(numbers(2*16*16*3), 2, 16, 16, 3), tensors.FromFlatDataAndDimensions(numbers(2*4*4*2), 2, 4, 4, 2),
			tensors.FromValue([]int32{3, 15}), tensors.FromFlatDataAndDimensions(slices.Clone(ids), 2, c.Text.Length), tensors.FromValue([]float32{0, 1})}
	}
	t.Run("autoencoder", func(t *testing.T) {
		backendtest.Descends(t, 10, 0.3, fresh, inputs, func(scope *model.Scope, in []*graph.Node) *graph.Node {
			loss, _ := c.Auto.Loss(scope.At(AutoScope), in[0], in[1])
			return loss
		})
	})
	t.Run("network", func(t *testing.T) {
		backendtest.Descends(t, 12, 0.1, fresh, inputs, func(scope *model.Scope, in []*graph.Node) *graph.Node {
			return m.Loss(scope, in[0], in[1], in[2], in[3], in[4])
		})
	})
}

// What is told without the text does not depend on it; the scale leads from there over what is told with it and beyond.
func TestGuidance(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		m := fresh(t, b)
		tell := func(scale float32, text string) []float32 {
			words, err := m.Embed(b, []string{text})
			if err != nil {
				t.Fatal(err)
			}
			exec, err := model.NewExec(b, m.Store, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
				g := inputs[0].Graph()
				at := diffusion.Noisy{X: inputs[0], T: graph.Const(g, []float32{7}), Signal: graph.Const(g, float32(0.8)), Spread: graph.Const(g, float32(0.6)), Scale: graph.Const(g, scale)}
				none := graph.ZerosLike(inputs[1])
				said := func(words *graph.Node) *graph.Node {
					return at.FromV(V(scope.At(NoiseScope), m.Config.Noise, at.X, at.T, words))
				}
				return []*graph.Node{ByWords(m.Config.Noise)(scope, at, inputs[1:]), said(none), said(inputs[1])}
			})
			if err != nil {
				t.Fatal(err)
			}
			defer exec.Finalize()
			out, err := exec.Call(tensors.FromFlatDataAndDimensions(numbers(4*4*2), 1, 4, 4, 2), words)
			if err != nil {
				t.Fatal(err)
			}
			told, without, with := tensors.MustCopyFlatData[float32](out[0]), tensors.MustCopyFlatData[float32](out[1]), tensors.MustCopyFlatData[float32](out[2])
			for i := range told {
				if want := without[i] + scale*(with[i]-without[i]); !near(float64(told[i]), float64(want), 1e-4) {
					t.Fatalf("scale %g: expected %g, found %g", scale, want, told[i])
				}
			}
			if scale != 0 && slices.Equal(without, with) {
				t.Fatal("the text makes no difference")
			}
			return told
		}
		one, other := tell(0, "a red circle"), tell(0, "a blue square")
		if !slices.Equal(one, other) {
			t.Errorf("at scale 0 another text makes a difference: %v and %v", one, other)
		}
		tell(1, "a red circle")
		tell(3, "a red circle")
	})
}

// The states are those of the text tower that was taken, and no gradient reaches it.
func TestText(t *testing.T) {
	b := backendtest.Go(t)
	c, tokens := tiny(), tokenizer(t)
	cfg := clip.Tiny(tokens.VocabSize())
	cfg.EmbedDim, cfg.Text = c.Text.Joint, c.Text.Tower
	cfg.Text.VocabSize = tokens.VocabSize()
	whole, err := clip.New(cfg, tokens, 9)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	ids := tokens.EncodeBatch([]string{"a red circle"}, c.Text.Length)
	want, err := whole.Evaluate(b, clip.Inputs{IDs: ids, Length: c.Text.Length}, clip.Wanted{Layers: true})
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(c, tokens, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.TakeText(model.NewStore()); err == nil || !strings.Contains(err.Error(), "text tower") {
		t.Errorf("no tower: found %v", err)
	}
	if err := m.TakeText(whole.Store); err != nil {
		t.Fatal(err)
	}
	for skip, layer := range []string{"text.after_ln_final", "text.after_block.0"} {
		m.Config.Text.Skip = skip
		states, err := want[layer].Float32s()
		if err != nil {
			t.Fatal(err)
		}
		words, err := m.Embed(b, []string{"a red circle"})
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range tensors.MustCopyFlatData[float32](words) {
			if !near(float64(got), float64(states[i]), 1e-5) {
				t.Fatalf("%s, number %d: expected %g, found %g", layer, i, states[i], got)
			}
		}
	}
	slopes, err := model.CallOnce(b, m.Store, func(scope *model.Scope, ids *graph.Node) *graph.Node {
		states := m.Config.Text.States(scope.At(TextScope), ids)
		table := m.Store.GetVariable("/text/token_embedding/weight").NodeValue(ids)
		return graph.Gradient(graph.Add(graph.ReduceAllSum(graph.Square(states)), graph.ReduceAllSum(table)), table)[0]
	}, tensors.FromFlatDataAndDimensions(ids, 1, c.Text.Length))
	if err != nil {
		t.Fatal(err)
	}
	if got := tensors.MustCopyFlatData[float32](slopes); slices.Max(got) != 1 || slices.Min(got) != 1 {
		t.Errorf("a gradient flows back into the text encoder")
	}
	if _, err := m.Embed(b, []string{"a red circle and a blue square and a red circle"}); err == nil || !strings.Contains(err.Error(), "tokens") {
		t.Errorf("a long text: found %v", err)
	}
}

// Standardised states have mean 0 and deviation 1 in every number over the tokens of the texts, padding not counted, and a model that was saved has the same.
func TestStandardise(t *testing.T) {
	b := backendtest.Go(t)
	m := fresh(t, b)
	texts := []string{"a red circle", "a blue square", "a blue"}
	if err := m.Standardise(b, texts); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := m.Save(dir); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*Model{m, loaded} {
		out, err := m.Embed(b, texts)
		if err != nil {
			t.Fatal(err)
		}
		states, l, w := tensors.MustCopyFlatData[float32](out), m.Config.Text.Length, m.Config.Text.Tower.Width
		for c := range w {
			sum, squares, n := 0.0, 0.0, 0.0
			for i, text := range texts {
				for k := range len(strings.Fields(text)) + 2 { // every word is a token
					v := float64(states[(i*l+k)*w+c])
					sum, squares, n = sum+v, squares+v*v, n+1
				}
			}
			if !near(sum/n, 0, 1e-4) || !near(squares/n, 1, 1e-3) {
				t.Errorf("number %d: expected mean 0 and square 1, found %g and %g", c, sum/n, squares/n)
			}
		}
	}
	// Another text is measured against the same numbers, and what is refused changes nothing.
	mean, deviation := m.Config.Text.Mean, m.Config.Text.Deviation
	if err := m.Standardise(b, []string{"a red circle and a blue square and a red circle"}); err == nil || !strings.Contains(err.Error(), "tokens") {
		t.Errorf("a long text: found %v", err)
	}
	if err := m.Standardise(b, nil); err == nil || !strings.Contains(err.Error(), "at least one text") {
		t.Errorf("no text: found %v", err)
	}
	found := embedded(t, m, b, "a red square")
	m.Config.Text.Mean, m.Config.Text.Deviation = nil, nil
	for i, v := range embedded(t, m, b, "a red square") {
		c := i % len(mean)
		if want := (v - mean[c]) / deviation[c]; !near(float64(found[i]), float64(want), 1e-4) {
			t.Fatalf("number %d of another text: expected %g, found %g", i, want, found[i])
		}
	}
}

func embedded(t *testing.T, m *Model, b compute.Backend, text string) []float32 {
	t.Helper()
	out, err := m.Embed(b, []string{text})
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float32](out)
}

// A model that was saved and loaded makes the same pictures; latents of deviation 1 and pictures are each other's way back.
func TestSaveAndLoad(t *testing.T) {
	b := backendtest.Go(t)
	m := fresh(t, b)
	m.Config.Deviation = 2
	want, err := made(t, m, b, 2, "a red circle")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := m.Save(dir + "/model"); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := made(t, loaded, b, 2, "a red circle"); err != nil || !slices.Equal(got, want) {
		t.Errorf("the loaded model makes other latents: %v and %v (%v)", got, want, err)
	}
	if got, err := made(t, loaded, b, 2, "a blue square"); err != nil || slices.Equal(got, want) {
		t.Errorf("another prompt makes the same latents (%v)", err)
	}
	x := numbers(16 * 16 * 3)
	halved, err := loaded.Encode(b, x)
	if err != nil {
		t.Fatal(err)
	}
	loaded.Config.Deviation = 1
	whole, err := loaded.Encode(b, x)
	if err != nil {
		t.Fatal(err)
	}
	pictures, err := loaded.Decode(b, whole)
	if err != nil {
		t.Fatal(err)
	}
	loaded.Config.Deviation = 2
	same, err := loaded.Decode(b, halved)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range whole {
		if !near(float64(halved[i]), float64(v)/2, 1e-5) {
			t.Fatalf("expected %g, half of the encoder's mean, found %g", v/2, halved[i])
		}
	}
	for i, v := range pictures {
		if !near(float64(same[i]), float64(v), 1e-4) {
			t.Fatalf("expected the same picture, %g, found %g", v, same[i])
		}
	}
	if _, err := Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), "glimpse train built/latent") {
		t.Errorf("an empty folder: found %v", err)
	}
}

// Only the words of texts that are dropped are replaced by zeros.
func TestDropped(t *testing.T) {
	out, err := graph.CallOnce(backendtest.Go(t), Dropped, [][][]float32{{{1, 2}}, {{3, 4}}}, []float32{1, 0})
	if err != nil {
		t.Fatal(err)
	}
	if got := tensors.MustCopyFlatData[float32](out); !slices.Equal(got, []float32{0, 0, 3, 4}) {
		t.Errorf("found %v", got)
	}
}

func TestChecks(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"multiple of 4":                   func(c *Config) { c.Auto.Side = 18 },
		"that 4 groups divide":            func(c *Config) { c.Auto.Channels = []int{8, 10} },
		"autoencoder.kl":                  func(c *Config) { c.Auto.KL = math.NaN() },
		"sizes of at least 1":             func(c *Config) { c.Auto.Depth = 0 },
		"a side of 4":                     func(c *Config) { c.Noise.Side = 8 },
		"text.length":                     func(c *Config) { c.Text.Length = 13 },
		"that the heads divide":           func(c *Config) { c.Text.Tower.Heads = 3 },
		"no larger than the picture":      func(c *Config) { c.Auto.Channels = slices.Repeat([]int{8}, 65) },
		"text: expected sizes of at most": func(c *Config) { c.Text.Joint = 1 << 40 },
		"scale":                           func(c *Config) { c.Scale = -1 },
		"deviation":                       func(c *Config) { c.Deviation = 0 },
		"linear or cosine":                func(c *Config) { c.Schedule.Name = "" },
		"sampling.steps":                  func(c *Config) { c.Sampling.Steps = 21 },
		"text.skip":                       func(c *Config) { c.Text.Skip = 2 },
		"text: expected means":            func(c *Config) { c.Text.Mean = []float32{1} },
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
