package captioner

import (
	"context"
	"image"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/captioning/resnet"
	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

const networkSize = 32 // pixels on a side in these tests

var smallResNet = resnet.Config{Stem: 4, Bottleneck: true, Stages: []resnet.Stage{{Blocks: 1, Inside: 4, Channels: 8}, {Blocks: 2, Inside: 4, Channels: 12}}}

// randomResNet writes a small ResNet as published ones are, with random weights and statistics.
func randomResNet(t *testing.T, path string, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 2))
	all := map[string]safetensors.Tensor{"fc.weight": safetensors.FromFloat32s(make([]float32, 3*12), 3, 12), "fc.bias": safetensors.FromFloat32s(make([]float32, 3), 3)}
	shapes := smallResNet.Shapes()
	for _, name := range slices.Sorted(maps.Keys(shapes)) { // in their order, for each run to draw the same
		shape := shapes[name]
		n := 1
		for _, d := range shape {
			n *= d
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(0.3 * rng.NormFloat64())
			if strings.HasSuffix(name, "running_var") || !strings.Contains(name, "conv") && strings.HasSuffix(name, "weight") && len(shape) == 1 {
				values[i] = float32(0.5 + rng.Float64())
			}
		}
		all[name] = safetensors.FromFloat32s(values, shape...)
	}
	if err := safetensors.Write(path, all, nil); err != nil {
		t.Fatal(err)
	}
}

// smallCLIP saves a CLIP model with fresh weights.
func smallCLIP(t *testing.T, dir string, vision clip.VisionConfig) {
	t.Helper()
	tokenizer, err := clip.TrainTokenizer([]string{"a small red circle", "a large blue square"}, 10)
	if err != nil {
		t.Fatal(err)
	}
	cfg := clip.Tiny(tokenizer.VocabSize())
	vision.Height, vision.Width, vision.Mean, vision.Std, vision.Resize = networkSize, networkSize, cfg.Vision.Mean, cfg.Vision.Std, cfg.Vision.Resize
	cfg.Vision = vision
	m, err := clip.New(cfg, tokenizer, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Save(dir); err != nil {
		t.Fatal(err)
	}
	if m, err = clip.Load(dir); err != nil {
		t.Fatal(err)
	}
	for v := range m.Store.IterVariables() { // fresh blocks hand through what they are given
		if strings.HasSuffix(v.Path(), "/bn3/weight") {
			ones := make([]float32, v.Shape().Size())
			for i := range ones {
				ones[i] = 1
			}
			if err := v.SetValue(tensors.FromValue(ones)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := m.Save(dir); err != nil {
		t.Fatal(err)
	}
}

// encoders are the names of small networks of every kind, with the place of their weights, which weigh differently by seed.
func encoders(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "small.safetensors")
	randomResNet(t, file, 1)
	vit, res := filepath.Join(dir, "vit"), filepath.Join(dir, "resnet")
	smallCLIP(t, vit, clip.VisionConfig{Patch: 8, ViT: &clip.ViTConfig{Width: 12, Layers: 2, Heads: 3}})
	smallCLIP(t, res, clip.VisionConfig{ResNet: &clip.ResNetConfig{Blocks: []int{1, 1, 1, 1}, Width: 8, Heads: 2}})
	stages := filepath.Join(dir, "stages")
	smallCLIP(t, stages, clip.VisionConfig{Patch: 4, Stages: []clip.Stage{{Channels: 4, Blocks: 1}, {Channels: 6, Blocks: 2}}})
	return map[string]string{"resnet": "resnet:" + file, "vit": "clip:" + vit, "clip's resnet": "clip:" + res, "clip's stages": "clip:" + stages}
}

// someScenes are n pictures.
func someScenes(t *testing.T, n int) *scenes.Scenes {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	cfg := scenes.Pairs()
	cfg.Count, cfg.Size = n, networkSize
	set, err := scenes.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func openGo(t *testing.T) *backend.Backend {
	t.Helper()
	return backendtest.Open(t, "go")
}

// withEncoder has fresh weights and the words of Scenes.
func withEncoder(t *testing.T, b *backend.Backend, encoder *Encoder, set *scenes.Scenes) *Model {
	t.Helper()
	var captions [][]string
	for i := range set.Len() {
		for _, caption := range set.At(i).Captions {
			captions = append(captions, captioning.Tokenize(caption))
		}
	}
	cfg := captioning.Tiny(0)
	cfg.MaxLen = 20
	c, err := New(b, cfg, captioning.NewVocabulary(captions, 1), encoder, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Frozen features are the network's own, from the cache too; what the decoder sees of them has a mean square of 1, also after the
// captioner was saved and opened, and another network in the place of the one that it was trained with is found out.
func TestFrozenNetworks(t *testing.T) {
	b, set := openGo(t), someScenes(t, 10)
	for kind, name := range encoders(t) {
		t.Run(kind, func(t *testing.T) {
			encoder, err := OpenEncoder(b.Backend, name, networkSize, 0)
			if err != nil {
				t.Fatal(err)
			}
			c := withEncoder(t, b, encoder, set)
			var prepared *Set
			for range 2 { // computed, then read
				var problems []string
				if prepared, problems, err = c.Prepare(t.Context(), quiet(c), set); err != nil || len(problems) > 0 {
					t.Fatal(problems, err)
				}
			}
			img, err := set.At(9).Open()
			if err != nil {
				t.Fatal(err)
			}
			rgb, err := encoder.prepare(img)
			if err != nil {
				t.Fatal(err)
			}
			store := model.NewStore()
			if err := weights.IntoStore(store, encoder.net.weights); err != nil {
				t.Fatal(err)
			}
			out, err := model.CallOnce(b.Backend, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
				return encoder.net.features(scope, x, false)
			}, tensors.FromFlatDataAndDimensions(encoder.net.pixels(rgb), 1, networkSize, networkSize, 3))
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range tensors.MustCopyFlatData[float32](out) {
				if got := prepared.Inputs(9)[i]; math.Abs(float64(got-want)) > 2e-3*(1+math.Abs(float64(want))) { // float16
					t.Fatalf("number %d: got %v, expected %v", i, got, want)
				}
			}
			if got := meanSquare(t, c, prepared); math.Abs(got-1) > 1e-3 {
				t.Errorf("the decoder sees features with a mean square of %v", got)
			}

			before, err := c.LossPerPicture(t.Context(), prepared, 2)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := c.Save(dir); err != nil {
				t.Fatal(err)
			}
			again, err := Open(t.Context(), b, dir)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			if again.Encoder.scale != encoder.scale {
				t.Errorf("the scale was %v, and is %v", encoder.scale, again.Encoder.scale)
			}
			after, err := again.LossPerPicture(t.Context(), prepared, 2)
			if err != nil || before[3] != after[3] {
				t.Errorf("the loss was %v, and is %v (%v)", before[3], after[3], err)
			}
			if kind != "resnet" {
				return
			}
			randomResNet(t, strings.TrimPrefix(name, "resnet:"), 2)
			if _, err := Open(t.Context(), b, dir); err == nil || !strings.Contains(err.Error(), "with which the captioner was trained") {
				t.Errorf("with other weights: %v", err)
			}
		})
	}
}

func meanSquare(t *testing.T, c *Model, set *Set) float64 {
	t.Helper()
	sum, n := 0.0, 0
	for i := range set.Examples {
		row, err := c.featuresOf([][]float32{set.Inputs(i)})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		n += len(row)
	}
	return sum / float64(n)
}

// items yields the same batch again and again.
type items struct {
	c     *Model
	items []Item
}

func (s items) Next(context.Context) ([]*tensors.Tensor, error) { return s.c.Batch(s.items) }
func (s items) Waited() time.Duration                           { return 0 }
func (s items) Epoch() int                                      { return 0 }

// A network that is fine-tuned moves by its share of the learning rate, its batch norms do not, and it is saved with the captioner:
// the file it came from may be gone.
func TestFineTuning(t *testing.T) {
	b, set := openGo(t), someScenes(t, 6)
	for kind, name := range encoders(t) {
		t.Run(kind, func(t *testing.T) {
			encoder, err := OpenFineTuned(name, networkSize, 0)
			if err != nil {
				t.Fatal(err)
			}
			c := withEncoder(t, b, encoder, set)
			prepared, _, err := c.Prepare(t.Context(), quiet(c), set)
			if err != nil {
				t.Fatal(err)
			}
			if got := meanSquare(t, c, prepared); math.Abs(got-1) > 1e-3 {
				t.Errorf("the decoder sees features with a mean square of %v", got)
			}
			var batch []Item
			for i := range prepared.Examples {
				batch = append(batch, Item{prepared.Inputs(i), prepared.Texts[i][0]})
			}
			train := func(factor float64) map[string]float64 { // how far each variable moved
				before := values(t, c.Store)
				rates, err := c.LearningRates(factor, 0.9)
				if err != nil {
					t.Fatal(err)
				}
				optimizer := experiments.DefaultAdamW()
				optimizer.WarmupSteps, optimizer.WeightDecay = 1, 0
				task := experiments.Task{LR: rates, Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
					return c.Losses(scope, inputs).Total, nil
				}}
				cfg := experiments.TrainConfig{Steps: 3, Optimizer: optimizer, LogEvery: 1}
				if _, err := experiments.Train(t.Context(), b, c.Store, task, items{c, batch}, cfg, func(experiments.Step) error { return nil }); err != nil {
					t.Fatal(err)
				}
				moved := map[string]float64{}
				for name, after := range values(t, c.Store) {
					for i, v := range before[name] {
						moved[name] = max(moved[name], math.Abs(float64(after[i]-v)))
					}
				}
				return moved
			}
			if _, err := c.LossPerPicture(t.Context(), prepared, 1); err != nil { // makes the decoder's weights
				t.Fatal(err)
			}
			still := train(0)
			for name, d := range still {
				if d != 0 && strings.HasPrefix(name, "encoder.") {
					t.Errorf("%s moved by %g at a rate of 0", name, d)
				}
			}
			moved, kernels := train(0.1), 0
			for name, d := range moved {
				norm := moved[name[:strings.LastIndexByte(name, '.')+1]+"running_mean"]
				_, isNorm := moved[name[:strings.LastIndexByte(name, '.')+1]+"running_mean"]
				switch {
				case isNorm && (d != 0 || norm != 0):
					t.Errorf("the norm's %s moved by %g", name, d)
				case strings.HasPrefix(name, "encoder.") && !isNorm && d > 0:
					kernels++
					if d > 4e-4 { // three steps of at most about a tenth of 1e-3
						t.Errorf("%s moved by %g", name, d)
					}
				}
			}
			if kernels < 5 || moved["decoder.lstm.weight_ih"] < 1e-4 {
				t.Errorf("%d of the encoder's weights moved, the decoder's by %g", kernels, moved["decoder.lstm.weight_ih"])
			}

			before, err := c.LossPerPicture(t.Context(), prepared, 1)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := c.Save(dir); err != nil {
				t.Fatal(err)
			}
			_, path, _ := strings.Cut(name, ":")
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			again, err := Open(t.Context(), b, dir)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			opened, _, err := again.Prepare(t.Context(), quiet(again), set)
			if err != nil {
				t.Fatal(err)
			}
			after, err := again.LossPerPicture(t.Context(), opened, 1)
			if err != nil || math.Abs(before[2]-after[2]) > 1e-6 {
				t.Errorf("the loss was %v, and is %v (%v)", before[2], after[2], err)
			}
		})
	}
}

// values are those of a store's float32 variables, the optimiser's left out.
func values(t *testing.T, store *model.Store) map[string][]float32 {
	t.Helper()
	out := map[string][]float32{}
	for v := range store.IterVariables() {
		if v.Shape().DType != dtypes.Float32 || strings.HasPrefix(v.Path(), "/optimizer/") {
			continue
		}
		value, err := v.Value()
		if err != nil {
			t.Fatal(err)
		}
		out[weights.Name(v.Path())] = tensors.MustCopyFlatData[float32](value)
	}
	return out
}

// A decoder with hard attention can be measured after it was trained, and is the same when it was saved and opened.
func TestHardAttentionIsMeasured(t *testing.T) {
	b, set := openGo(t), someScenes(t, 4)
	encoder, err := OpenEncoder(b.Backend, "cnn", networkSize, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := withEncoder(t, b, encoder, set)
	c.Config.Attention, c.Config.Hard = captioning.AttentionHard, captioning.PaperHard()
	prepared, _, err := c.Prepare(t.Context(), quiet(c), set)
	if err != nil {
		t.Fatal(err)
	}
	optimizer := experiments.DefaultAdamW()
	optimizer.WarmupSteps = 1
	task := experiments.Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []experiments.Metric) {
		return c.Losses(scope, inputs).Total, nil
	}}
	source := items{c, []Item{{prepared.Inputs(0), prepared.Texts[0][0]}, {prepared.Inputs(1), prepared.Texts[1][0]}}}
	if _, err := experiments.Train(t.Context(), b, c.Store, task, source, experiments.TrainConfig{Steps: 1, Optimizer: optimizer, LogEvery: 1},
		func(experiments.Step) error { return nil }); err != nil {
		t.Fatal(err)
	}
	before, err := c.LossPerPicture(t.Context(), prepared, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := c.Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), b, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if after, err := again.LossPerPicture(t.Context(), prepared, 1); err != nil || after[0] != before[0] {
		t.Errorf("the loss was %v, and is %v (%v)", before, after, err)
	}
}

// Closing frees the graph of an encoder that is trained, too; a copy with another attention has one of its own.
func TestCloseFreesTheGraphs(t *testing.T) {
	b, set := openGo(t), someScenes(t, 2)
	encoder, err := OpenEncoder(b.Backend, "cnn", networkSize, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := withEncoder(t, b, encoder, set)
	img := sceneImage(t, 0, networkSize)
	if _, err := c.Caption([]image.Image{img}); err != nil || c.grids == nil {
		t.Fatal(err)
	}
	uniform := c.WithUniformAttention()
	if _, err := uniform.Caption([]image.Image{img}); err != nil {
		t.Fatal(err)
	}
	uniform.Close()
	if _, err := c.Caption([]image.Image{img}); err != nil {
		t.Errorf("after a copy was closed: %v", err)
	}
	c.Close()
	if c.grids != nil || c.writer != nil {
		t.Error("graphs are left after closing")
	}
}

// Averaging inside the graph, for a network that is trained, is averaging outside, for a frozen one.
func TestPooledInGraph(t *testing.T) {
	b := openGo(t)
	grid := make([]float32, 4*4*3)
	for i := range grid {
		grid[i] = float32(i * i % 17)
	}
	out, err := graph.CallOnce(b.Backend, func(x *graph.Node) *graph.Node { return nn.AvgPool2D(x, 2) }, tensors.FromFlatDataAndDimensions(grid, 1, 4, 4, 3))
	if err != nil {
		t.Fatal(err)
	}
	want := averaged(grid, 4, 2, 3)
	for i, got := range tensors.MustCopyFlatData[float32](out) {
		if math.Abs(float64(got-want[i])) > 1e-5 {
			t.Errorf("number %d: got %v, expected %v", i, got, want[i])
		}
	}
}

func TestOpenEncoderErrors(t *testing.T) {
	b, names := openGo(t), encoders(t)
	for _, c := range []struct {
		name       string
		size, pool int
		want       string
	}{
		{"resnet50", 32, 0, `encoder: expected squeezenet, cnn, resnet:PATH or clip:DIR, found "resnet50"`},
		{"vgg:x", 32, 0, `found "vgg:x"`},
		{"resnet:", 32, 0, `found "resnet:"`},
		{"resnet:nowhere.safetensors", 32, 0, "nowhere.safetensors"},
		{"clip:nowhere", 32, 0, "expected a CLIP model in nowhere"},
		{names["resnet"], 7, 0, "size: expected pictures of at least 8x8"},
		{names["vit"], 40, 0, "size: expected 32x32 pixels, for which this CLIP's positions were trained, found 40"},
		{names["clip's resnet"], 40, 0, "size: expected a multiple of 32 pixels"},
		{names["vit"], 32, 5, "pool: expected 0 to the 4 places on a side"},
	} {
		if _, err := OpenEncoder(b.Backend, c.name, c.size, c.pool); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s at %d: expected an error with %q, found %v", c.name, c.size, c.want, err)
		}
	}
	for name, want := range map[string]string{"cnn": "fine_tune: expected an encoder resnet:PATH or clip:DIR", names["vit"]: "pool: expected a divisor of the 4 places"} {
		if _, err := OpenFineTuned(name, 32, 3); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("fine-tuned %s: expected an error with %q, found %v", name, want, err)
		}
	}
	// A ResNet of CLIP's, which has no positions before its places are put together, takes other sizes.
	e, err := OpenEncoder(b.Backend, names["clip's resnet"], 96, 2)
	if err != nil || e.Grid != 2 || e.net.grid != 3 {
		t.Fatalf("at 96: %+v (%v)", e, err)
	}
	e.Close()
}
