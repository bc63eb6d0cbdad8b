package clip

import (
	"fmt"
	"image"
	"image/color"
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
)

// smallModel is a whole model with fresh weights.
func smallModel(t *testing.T, seed int64) *Model {
	t.Helper()
	tok, err := TrainTokenizer([]string{"a red shirt", "a red shoe", "two blue shirts"}, 20)
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(smallConfig(tok.VocabSize()), tok, seed)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func smallConfig(vocabSize int) Config {
	return Config{EmbedDim: 6, Vision: smallVision, Text: TextConfig{VocabSize: vocabSize, ContextLength: 9, Width: 16, Layers: 2, Heads: 4}}
}

func somePictures(n int) [][]float32 {
	return slices.Collect(slices.Chunk(noise(n), smallPicture))
}

// embed encodes two pictures and two texts.
func embed(t *testing.T, b compute.Backend, m *Model) [][]float32 {
	t.Helper()
	images, err := m.EncodeImages(b, somePictures(2))
	if err != nil {
		t.Fatal(err)
	}
	texts, err := m.EncodeTexts(b, []string{"a red shirt", "blue"})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(images, texts)
}

func TestNewRefuses(t *testing.T) {
	tok, err := NewTokenizer(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(smallConfig(tok.VocabSize()+1), tok, 1)
	sentence(t, err, "vocab_size", "514", "515")
	_, err = New(withEnd(smallConfig(tok.VocabSize()), 9), tok, 1)
	sentence(t, err, "end_token", "513", "found 9")
	cfg := smallConfig(tok.VocabSize())
	cfg.EmbedDim = 0
	_, err = New(cfg, tok, 1)
	sentence(t, err, "embed_dim")
}

// More inputs than fit into one batch are encoded like each by itself, into unit vectors.
func TestEncodeInBatches(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		m := smallModel(t, 1)
		values := somePictures(encodeBatch + 3)
		images, err := m.EncodeImages(b, values)
		if err != nil {
			t.Fatal(err)
		}
		texts := make([]string, encodeBatch+3)
		for i := range texts {
			texts[i] = fmt.Sprintf("%d red shoes", i)
		}
		texts[1], texts[2] = "", strings.Repeat("longer than the context ", 9)
		_, err = m.EncodeTexts(b, texts)
		sentence(t, err, "longer than the context", "the model takes", "allow truncation")
		encoded, err := m.EncodeTextsTruncated(b, texts)
		if err != nil {
			t.Fatal(err)
		}
		for _, vectors := range [][][]float32{images, encoded} {
			if len(vectors) != encodeBatch+3 {
				t.Fatalf("%d inputs gave %d vectors", encodeBatch+3, len(vectors))
			}
			for i, v := range vectors {
				squares := 0.0
				for _, x := range v {
					squares += float64(x) * float64(x)
				}
				if len(v) != 6 || math.Abs(squares-1) > 1e-5 {
					t.Errorf("vector %d has %d numbers and the length %g", i, len(v), math.Sqrt(squares))
				}
			}
		}
		for _, i := range []int{0, encodeBatch - 1, encodeBatch, encodeBatch + 2} {
			alone, err := m.EncodeImages(b, values[i:i+1])
			if err != nil {
				t.Fatal(err)
			}
			near(t, "image alone", alone[0], images[i], 1e-5, 0)
			if alone, err = m.EncodeTextsTruncated(b, texts[i:i+1]); err != nil {
				t.Fatal(err)
			}
			near(t, "text alone", alone[0], encoded[i], 1e-5, 0)
		}
		differ(t, encoded[3], encoded[4], 3, 4)
		none, err := m.EncodeImages(b, nil)
		if err != nil || len(none) != 0 {
			t.Errorf("no pictures: found %v (%v)", none, err)
		}
		values[encodeBatch+1] = values[0][:100]
		_, err = m.EncodeImages(b, values)
		sentence(t, err, fmt.Sprint(smallPicture), fmt.Sprintf("input %d", encodeBatch+1), "found 100")
	})
}

// Ids that the vocabulary does not have are an error, and no other ids in their place.
func TestEncodeTokensRefusesForeignIDs(t *testing.T) {
	m, b := smallModel(t, 1), backendtest.Go(t)
	size := m.Config.Text.VocabSize
	row := func(id int) []int32 { return []int32{int32(size - 2), int32(id), int32(size - 1), 0, 0, 0, 0, 0, 0} }
	for _, id := range []int{-1, size, math.MaxInt32} {
		_, err := m.EncodeTokens(b, [][]int32{row(3), row(id)})
		sentence(t, err, fmt.Sprintf("0 to %d", size-1), fmt.Sprintf("found %d in text 1 at position 1", id))
	}
	if _, err := m.EncodeTokens(b, [][]int32{row(3), row(size - 3)}); err != nil {
		t.Error(err)
	}
}

// A model goes from one backend to another and back, as long as both are open, and sees weights and statistics that
// changed since it was compiled.
func TestEncodersAreNeverStale(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		m, other := smallModel(t, 1), backendtest.Go(t)
		first := embed(t, other, m)
		for _, b := range []compute.Backend{b, other, b} {
			for i, got := range embed(t, b, m) {
				near(t, "on another backend", got, first[i], 1e-5, 1e-5)
			}
			if m.images.backend != b || m.texts.backend != b {
				t.Error("the towers stayed on the backend they were on")
			}
		}
		// One tower here, the other there, and what uses both.
		texts := []string{"a red shirt", "blue"}
		for _, on := range [][2]compute.Backend{{b, other}, {b, other}, {other, b}, {other, other}} {
			images, err := m.EncodeImages(on[0], somePictures(2))
			if err != nil {
				t.Fatal(err)
			}
			encoded, err := m.EncodeTexts(on[1], texts)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := m.Evaluate(on[1], Inputs{Images: noise(1), IDs: []int32{1, 2, 3}, Length: 3}, Wanted{}); err != nil {
				t.Fatal(err)
			}
			for i, want := range first {
				near(t, "one tower on each backend", slices.Concat(images, encoded)[i], want, 1e-5, 1e-5)
			}
		}
		for path, i := range map[string]int{"/visual/layer3/0/conv2/norm/running_var": 0, "/token_embedding/weight": 2} {
			v := m.Store.GetVariable(path)
			if v == nil {
				t.Fatalf("there is no variable %s", path)
			}
			changed := tensors.MustCopyFlatData[float32](v.MustValue())
			rng := rand.New(rand.NewPCG(3, 4))
			for k := range changed {
				changed[k] = 0.1 + 4*rng.Float32()
			}
			if err := v.SetValue(tensors.FromFlatDataAndDimensions(changed, v.Shape().Dimensions...)); err != nil {
				t.Fatal(err)
			}
			differ(t, embed(t, b, m)[i], first[i], i, i)
		}
	})
}

func TestPreprocess(t *testing.T) {
	m := smallModel(t, 1)
	m.Config.Vision.Mean, m.Config.Vision.Std = [3]float64{0.1, 0.2, 0.3}, [3]float64{0.5, 0.25, 0.125}
	for _, size := range []image.Rectangle{image.Rect(0, 0, 1, 1), image.Rect(0, 0, 24, 16), image.Rect(5, 5, 305, 45)} {
		img := image.NewRGBA(size)
		for y := size.Min.Y; y < size.Max.Y; y++ {
			for x := size.Min.X; x < size.Max.X; x++ {
				img.Set(x, y, color.RGBA{255, 51, 0, 255})
			}
		}
		values, err := m.Preprocess(img)
		if err != nil || len(values) != smallPicture {
			t.Fatalf("%v: %d numbers (%v)", size, len(values), err)
		}
		want := slices.Repeat([]float32{(1 - 0.1) / 0.5, 0, (0 - 0.3) / 0.125}, smallPicture/3)
		near(t, fmt.Sprint(size), values, want, 1e-5, 0)
	}
	if _, err := m.Preprocess(image.NewRGBA(image.Rect(0, 0, 0, 0))); err == nil {
		t.Error("a picture without pixels was accepted")
	}
}

// With fresh weights the loss is near chance, and every weight gets a gradient.
func TestLossReachesEveryWeight(t *testing.T) {
	const n = 4
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		m := smallModel(t, 1)
		var paths []string
		exec, err := model.NewExec(b, m.Store, func(scope *model.Scope, images, ids *graph.Node) []*graph.Node {
			m.Store.SetTraining(images.Graph(), true)
			loss, scale := m.Loss(scope, images, ids)
			var values []*graph.Node
			for v := range m.Store.IterVariables() {
				if v.Trainable {
					paths = append(paths, v.Path())
					values = append(values, v.NodeValue(loss))
				}
			}
			return append([]*graph.Node{loss, scale}, graph.Gradient(loss, values...)...)
		})
		if err != nil {
			t.Fatal(err)
		}
		defer exec.Finalize()
		ids := m.Tokenizer.EncodeBatch([]string{"a red shirt", "two blue shoes", "red", "shirts, shoes"}, 9)
		got, err := exec.Call(pictures(noise(n)), tensors.FromFlatDataAndDimensions(ids, n, 9))
		if err != nil {
			t.Fatal(err)
		}
		if loss := flat(got[0])[0]; !(loss > 0.3 && loss < 5*float32(math.Log(n))) {
			t.Errorf("the loss of fresh weights is %g, chance is %g", loss, math.Log(n))
		}
		near(t, "scale", flat(got[1]), []float32{1 / 0.07}, 0, 1e-5)
		if len(paths) < 40 {
			t.Errorf("only %d weights: %q", len(paths), paths)
		}
		for i, path := range paths {
			largest := float32(0)
			for _, g := range flat(got[2+i]) {
				largest = max(largest, g, -g)
			}
			if !(largest > 1e-9 && largest < 1e4) {
				t.Errorf("the largest gradient of %s is %g", path, largest)
			}
		}
	})
}

func TestClampScale(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		m := smallModel(t, 1)
		if scale, err := m.Scale(); err != nil || math.Abs(scale-1/0.07) > 1e-9 {
			t.Errorf("a fresh model has the scale %g (%v)", scale, err)
		}
		exec, err := model.NewExec(b, m.Store, func(scope *model.Scope, change *graph.Node) *graph.Node {
			v := nn.Variable(scope, "logit_scale", nn.Constant(InitialLogitScale))
			v.SetNodeValue(graph.Add(v.NodeValue(change), change))
			m.ClampScale(scope, change.Graph())
			return v.NodeValue(change)
		})
		if err != nil {
			t.Fatal(err)
		}
		defer exec.Finalize()
		for _, c := range []struct{ change, want float64 }{{0, 1 / 0.07}, {0.5, math.Exp(0.5) / 0.07}, {50, 100}, {math.Log(0.5), 50}, {-50, 1}} {
			if _, err := exec.Call(float32(c.change)); err != nil {
				t.Fatal(err)
			}
			if scale, err := m.Scale(); err != nil || math.Abs(scale/c.want-1) > 1e-6 {
				t.Errorf("after a change of %g: expected the scale %g, found %g (%v)", c.change, c.want, scale, err)
			}
		}
	})
}

func TestClassWeights(t *testing.T) {
	b := backendtest.Go(t)
	m := smallModel(t, 1)
	classes := [][]string{{"shirt"}, {"shoe", "bag"}}
	templates := []string{"a {}", "{} {}", "my {}"}
	got, err := m.ClassWeights(b, classes, templates)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := m.EncodeTexts(b, []string{"a shirt", "shirt shirt", "my shirt", "a shoe", "shoe shoe", "my shoe", "a bag", "bag bag", "my bag"})
	if err != nil {
		t.Fatal(err)
	}
	for i, rows := range [][][]float32{texts[:3], texts[3:]} {
		mean, squares := make([]float64, 6), 0.0
		for _, row := range rows {
			for j, v := range row {
				mean[j] += float64(v) / float64(len(rows))
			}
		}
		for _, v := range mean {
			squares += v * v
		}
		want := make([]float32, 6)
		for j, v := range mean {
			want[j] = float32(v / math.Sqrt(squares))
		}
		near(t, fmt.Sprint("class ", i), got[i], want, 1e-6, 0)
	}
	plain, err := m.ClassWeights(b, classes[:1], nil)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := m.EncodeTexts(b, []string{"shirt"})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "without templates", plain[0], alone[0], 1e-6, 0)
	_, err = m.ClassWeights(b, [][]string{{"shirt"}, {}}, nil)
	sentence(t, err, "class 1", "at least one name")
	_, err = m.ClassWeights(b, classes, []string{"a {}", "nothing"})
	sentence(t, err, "templates with {}", `"nothing"`)
	_, err = m.NewClassifier(b, nil, nil)
	sentence(t, err, "at least one label")
	if none, err := m.ClassWeights(b, nil, nil); err != nil || len(none) != 0 {
		t.Errorf("no classes: found %v (%v)", none, err)
	}
	for _, template := range DefaultTemplates() {
		if !strings.Contains(template, "{}") {
			t.Errorf("the template %q has no place for a name", template)
		}
	}
}
