package segmenting

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
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// tiny is a segmenter on an untrained CLIP of pictures of 16 x 16, whose tower leaves grids of 4 x 4 and 2 x 2.
func tiny(t testing.TB, change func(c *Config)) *Model {
	t.Helper()
	tokenizer, err := clip.TrainTokenizer([]string{"the red circle", "a blue square"}, 20)
	if err != nil {
		t.Fatal(err)
	}
	eye := clip.Tiny(tokenizer.VocabSize())
	eye.EmbedDim, eye.Vision.Height, eye.Vision.Width = 6, 16, 16
	eye.Vision.Stages = []clip.Stage{{Channels: 5, Blocks: 1}, {Channels: 7, Blocks: 1}}
	eye.Text.ContextLength = 20
	tower, err := clip.New(eye, tokenizer, 3)
	if err != nil {
		t.Fatal(err)
	}
	b := backendtest.Go(t)
	if _, err := tower.EncodeImages(b, [][]float32{pattern(16*16*3, 1)}); err != nil { // makes the weights
		t.Fatal(err)
	}
	if _, err := tower.EncodeTexts(b, []string{"red"}); err != nil {
		t.Fatal(err)
	}
	c := Config{Layers: []string{"visual.after_layer2", "visual.after_layer1"}, Width: 8, Heads: 2, Everywhere: true, Dice: 1, Threshold: 0.5}
	if change != nil {
		change(&c)
	}
	m, err := New(c, tower, 5)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// pattern is n numbers between -1 and 1, others for another phase.
func pattern(n int, phase float64) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(math.Sin(float64(i)*0.37 + phase))
	}
	return values
}

// unit is a unit vector of 6 numbers.
func unit(phase float64) []float32 {
	v, sum := pattern(6, phase), 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

// A mask depends on its picture and its condition, and on nothing beside them, with FiLM in every block or in the first. All backends agree.
func TestWhatMasksDependOn(t *testing.T) {
	for _, everywhere := range []bool{false, true} {
		var first []float32
		backendtest.Each(t, func(t *testing.T, b compute.Backend) {
			m := tiny(t, func(c *Config) { c.Everywhere = everywhere })
			one, other := pattern(16*16*3, 1), pattern(16*16*3, 2)
			masks := func(pixels [][]float32, conditions ...[][]float32) [][][]float32 {
				all, err := m.Probabilities(b, pixels, conditions)
				if err != nil {
					t.Fatal(err)
				}
				return all
			}
			alone := masks([][]float32{one}, [][]float32{unit(1)})[0][0]
			if first == nil {
				first = alone
			}
			near(t, "backends", alone, first, true)
			all := masks([][]float32{other, one}, [][]float32{unit(3)}, [][]float32{unit(2), unit(1)})
			if len(all[0]) != 1 || len(all[1]) != 2 || len(alone) != 16*16 {
				t.Fatalf("found masks for %d and %d conditions, of %d pixels", len(all[0]), len(all[1]), len(alone))
			}
			near(t, "beside others", all[1][1], alone, true)
			near(t, "another condition", all[1][0], alone, false)
			near(t, "another picture", masks([][]float32{other}, [][]float32{unit(1)})[0][0], alone, false)
		})
	}
}

// near wants values to be the same, or not.
func near(t *testing.T, what string, found, want []float32, same bool) {
	t.Helper()
	apart := 0.0
	for i := range want {
		apart = max(apart, math.Abs(float64(found[i]-want[i])))
	}
	if (apart < 1e-5) != same {
		t.Errorf("%s: expected the same values: %v, found them up to %g apart", what, same, apart)
	}
}

// call runs a graph on every backend and compares what it gives with what is wanted.
func call(t *testing.T, want []float64, f func(scope *model.Scope, in []*graph.Node) *graph.Node, inputs ...*tensors.Tensor) {
	t.Helper()
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		var copies []any // a tensor stays with the backend that it came to first
		for _, in := range inputs {
			copies = append(copies, tensors.FromFlatDataAndDimensions(tensors.MustCopyFlatData[float32](in), in.Shape().Dimensions...))
		}
		store := model.NewStore()
		store.SetParam("/"+nn.SeedParam, int64(1))
		out, err := model.CallOnce(b, store, f, copies...)
		if err != nil {
			t.Fatal(err)
		}
		found := tensors.MustCopyFlatData[float32](out)
		if len(found) != len(want) {
			t.Fatalf("expected %d numbers, found %d", len(want), len(found))
		}
		for i := range want {
			if math.Abs(float64(found[i])-want[i]) > 1e-5 {
				t.Fatalf("number %d: expected %g, found %g", i, want[i], found[i])
			}
		}
	})
}

// FiLM is gamma x + beta by channel, gamma and beta being linear in the condition.
func TestFilm(t *testing.T) {
	const m, h, w, d, e = 2, 2, 3, 4, 5
	x, condition := pattern(m*h*w*d, 1), pattern(m*e, 2)
	gammas, betas := pattern(d*e, 3), pattern(d*e, 4)
	var want []float64
	for i := range m * h * w * d {
		picture, channel := i/(h*w*d), i%d
		gamma, beta := 1.0, 0.0
		for k := range e {
			c := float64(condition[picture*e+k]) * math.Sqrt(e)
			gamma, beta = gamma+float64(gammas[channel*e+k])*c, beta+float64(betas[channel*e+k])*c
		}
		want = append(want, gamma*float64(x[i])+beta)
	}
	call(t, want, func(scope *model.Scope, in []*graph.Node) *graph.Node {
		for name, values := range map[string][]float32{"gamma": gammas, "beta": betas} {
			scope.At("%s", name).VariableWithValue("weight", tensors.FromFlatDataAndDimensions(values, d, e))
		}
		return film(scope, in[0], in[1])
	}, tensors.FromFlatDataAndDimensions(x, m, h, w, d), tensors.FromFlatDataAndDimensions(condition, m, e))
}

// Every place is written over the places that it covers, and every place becomes a block of pixels.
func TestGrids(t *testing.T) {
	const h, w, d = 2, 3, 2
	x := pattern(h*w*d, 1)
	at := func(y, x0, c int) float64 { return float64(x[(y*w+x0)*d+c]) }
	var large []float64
	for y := range 2 * h {
		for x0 := range 4 * w {
			for c := range d {
				large = append(large, at(y/2, x0/4, c))
			}
		}
	}
	input := tensors.FromFlatDataAndDimensions(x, 1, h, w, d)
	call(t, large, func(_ *model.Scope, in []*graph.Node) *graph.Node { return enlarged(in[0], 2*h, 4*w) }, input)

	kernel := pattern(6*d, 2)
	var pixels []float64
	for y := range 2 * h {
		for x0 := range 3 * w {
			k := y%2*3 + x0%3
			pixels = append(pixels, at(y/2, x0/3, 0)*float64(kernel[k*d])+at(y/2, x0/3, 1)*float64(kernel[k*d+1]))
		}
	}
	call(t, pixels, func(scope *model.Scope, in []*graph.Node) *graph.Node {
		scope.VariableWithValue("weight", tensors.FromFlatDataAndDimensions(kernel, 6, d))
		return transposedConv(scope, in[0], 2, 3)
	}, input)
}

func TestMix(t *testing.T) {
	text, example := pattern(6, 1), pattern(6, 2)
	want := make([]float64, 6)
	for i := range want {
		share := []float64{0, 1, 0.25}[i/2]
		want[i] = (1-share)*float64(text[i]) + share*float64(example[i])
	}
	call(t, want, func(_ *model.Scope, in []*graph.Node) *graph.Node { return Mix(in[0], in[1], in[2]) },
		tensors.FromFlatDataAndDimensions(text, 1, 3, 2), tensors.FromFlatDataAndDimensions(example, 1, 3, 2),
		tensors.FromFlatDataAndDimensions([]float32{0, 1, 0.25}, 1, 3, 1))
}

func TestLoss(t *testing.T) {
	logits := []float32{1, -2, 0.5, 60, -60, 3, -1, -1}
	truth := []float32{1, 0, 0, 1, 1, 0, 0, 0}
	const masks, size = 2, 4
	crossEntropy, overlap := 0.0, 0.0
	for m := range masks {
		both, each := 0.0, 0.0
		for i := m * size; i < (m+1)*size; i++ {
			p, y := 1/(1+math.Exp(-float64(logits[i]))), float64(truth[i])
			crossEntropy -= (y*math.Log(p) + (1-y)*math.Log(1-p+1e-300)) / (masks * size)
			both, each = both+p*y, each+p+y
		}
		overlap += (2*both + 1) / (each + 1) / masks
	}
	shape := func(v []float32) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(v, 1, masks, 2, 2) }
	call(t, []float64{crossEntropy, 1 - overlap, 2.0 / 3 / 2}, func(_ *model.Scope, in []*graph.Node) *graph.Node {
		a, b := Loss(in[0], in[1])
		return graph.Stack([]*graph.Node{a, b, IoU(in[0], in[1])}, 0)
	}, shape(logits), shape(truth))
	// A mask that is empty in truth does not count.
	call(t, []float64{2.0 / 3}, func(_ *model.Scope, in []*graph.Node) *graph.Node { return graph.ExpandAxes(IoU(in[0], in[1]), 0) },
		shape(logits), shape(append(slices.Clone(truth[:4]), 0, 0, 0, 0)))
}

// Every weight of the decoder gets a gradient from a batch, on every backend, and none of the CLIP is trained.
func TestGradients(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		m := tiny(t, nil)
		var names []string
		exec, err := model.NewExec(b, m.Store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
			scope.Store().SetTraining(in[0].Graph(), true)
			crossEntropy, dice := Loss(Segment(scope, m.Config, in[0], in[1]), in[2])
			loss := graph.Add(crossEntropy, dice)
			var at []*graph.Node
			for v := range m.Store.IterVariables() {
				if v.Trainable {
					names, at = append(names, v.Path()), append(at, v.NodeValue(loss))
				}
			}
			return graph.Gradient(loss, at...)
		})
		if err != nil {
			t.Fatal(err)
		}
		defer exec.Finalize()
		truth := make([]float32, 2*2*16*16)
		for i := range truth {
			truth[i] = float32(i / 7 % 2)
		}
		gradients, err := exec.Call(tensors.FromFlatDataAndDimensions(slices.Concat(pattern(16*16*3, 1), pattern(16*16*3, 2)), 2, 16, 16, 3),
			tensors.FromFlatDataAndDimensions(slices.Concat(unit(1), unit(2), unit(3), unit(4)), 2, 2, 6), tensors.FromFlatDataAndDimensions(truth, 2, 2, 16, 16))
		if err != nil {
			t.Fatal(err)
		}
		if len(gradients) < 30 {
			t.Fatalf("found %d weights", len(gradients))
		}
		for i, g := range gradients {
			if !isDecoder(names[i]) {
				t.Errorf("%s is trained", names[i])
			}
			some := slices.ContainsFunc(tensors.MustCopyFlatData[float32](g), func(v float32) bool { return v != 0 })
			if !some && !strings.HasSuffix(names[i], "key/bias") { // which a softmax does not see
				t.Errorf("%s has no gradient", names[i])
			}
		}
	})
}

// A ViT's layers are grids of one size, without the class token. A layer that there is none of, and grids in the wrong order, are refused.
func TestLayers(t *testing.T) {
	segment := func(vision clip.VisionConfig, layers ...string) error {
		cfg := Config{CLIP: clip.Config{EmbedDim: 6, Vision: vision}, Layers: layers, Width: 8, Heads: 2}
		out, err := model.CallOnce(backendtest.Go(t), model.NewStore(), func(scope *model.Scope, in []*graph.Node) *graph.Node {
			return Segment(scope, cfg, in[0], in[1])
		}, tensors.FromFlatDataAndDimensions(pattern(16*24*3, 1), 1, 16, 24, 3), tensors.FromFlatDataAndDimensions(slices.Concat(unit(1), unit(2)), 1, 2, 6))
		if err == nil && !slices.Equal(out.Shape().Dimensions, []int{1, 2, 16, 24}) {
			t.Errorf("%q: found the logits %s", layers, out.Shape())
		}
		return err
	}
	vit := clip.VisionConfig{Height: 16, Width: 24, Patch: 8, ViT: &clip.ViTConfig{Width: 12, Layers: 2, Heads: 3}}
	if err := segment(vit, "visual.after_block.1", "visual.after_block.0"); err != nil {
		t.Error(err)
	}
	if err := segment(vit, "visual.after_block.7"); err == nil || !strings.Contains(err.Error(), `found "visual.after_block.7"; it has`) {
		t.Errorf("found %v", err)
	}
	stages := clip.VisionConfig{Height: 16, Width: 24, Patch: 4, Stages: []clip.Stage{{Channels: 4, Blocks: 1}, {Channels: 4, Blocks: 1}}}
	if err := segment(stages, "visual.after_layer1", "visual.after_layer2"); err == nil || !strings.Contains(err.Error(), "from the coarsest to the finest") {
		t.Errorf("found %v", err)
	}
}

// Pictures and conditions of other sizes than the model's are refused, with a decoder and without.
func TestRefusesSizes(t *testing.T) {
	b, m := backendtest.Go(t), tiny(t, func(*Config) {})
	picture, condition := pattern(16*16*3, 1), unit(1)
	for want, of := range map[string]func() ([][]float32, [][][]float32){
		"conditions for each of 1":  func() ([][]float32, [][][]float32) { return [][]float32{picture}, nil },
		"768 numbers for picture 0": func() ([][]float32, [][][]float32) { return [][]float32{picture[1:]}, [][][]float32{{condition}} },
		"a condition of 6 numbers":  func() ([][]float32, [][][]float32) { return [][]float32{picture}, [][][]float32{{condition[1:]}} },
	} {
		pixels, conditions := of()
		if _, err := m.Probabilities(b, pixels, conditions); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("masks: expected %q, found %v", want, err)
		}
		if _, err := m.Similarities(b, pixels, conditions); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("places: expected %q, found %v", want, err)
		}
	}
}
