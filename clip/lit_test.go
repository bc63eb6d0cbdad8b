package clip

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// tinyLiT is a model of 4 numbers a picture and a vocabulary from a few words.
func tinyLiT(t *testing.T, pool string) *LiT {
	t.Helper()
	tokenizer, err := TrainTokenizer([]string{"a red circle", "a blue square", "two red squares"}, 20)
	if err != nil {
		t.Fatal(err)
	}
	cfg := LiTConfig{EmbedDim: 6, Pool: pool, Dropout: 0.2, Reader: ReaderConfig{Inputs: 4, Hidden: 5, Dropout: 0.2},
		Text: TextConfig{VocabSize: tokenizer.VocabSize(), ContextLength: 12, Width: 8, Layers: 1, Heads: 2}}
	rows := [][][]float32{{{1, 4, 0, 9}, {9, 0, 0, 1}}, {{4, 4, 0, 4}, {1, 16, 0, 0}}}
	m, err := NewLiT(cfg, tokenizer, rows, 3)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The statistics are those of the square roots, over both views, by hand; a number that is always the same does not divide by zero.
func TestLiTStatistics(t *testing.T) {
	m := tinyLiT(t, "mean")
	mean := m.Store.GetVariable("/visual/mean").MustValue().Value().([]float32)
	std := m.Store.GetVariable("/visual/std").MustValue().Value().([]float32)
	wantMean := []float64{7.0 / 4, 8.0 / 4, 0, 6.0 / 4} // roots 1 3 2 1, 2 0 2 4, 0, 3 1 2 0
	wantStd := []float64{math.Sqrt(15.0/4 - 49.0/16), math.Sqrt(6.0 - 4), 1e-3, math.Sqrt(14.0/4 - 9.0/4)}
	for i := range mean {
		if math.Abs(float64(mean[i])-wantMean[i]) > 1e-6 || math.Abs(float64(std[i])-wantStd[i]) > 1e-6 {
			t.Errorf("number %d: mean %g and spread %g, expected %g and %g", i, mean[i], std[i], wantMean[i], wantStd[i])
		}
	}
}

// What is saved loads with the same embeddings, of unit length, on every backend; dropout does nothing to them.
func TestLiTSavesAndLoads(t *testing.T) {
	rows, texts := [][]float32{{1, 2, 3, 4}, {5, 0, 1, 2}}, []string{"a red circle", "two blue squares", "circle"}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, pool := range []string{"mean", "end"} {
			m := tinyLiT(t, pool)
			images, err := m.ReadImages(b, rows)
			if err != nil {
				t.Fatal(err)
			}
			words, err := m.EncodeTexts(b, texts)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "model")
			if err := m.Save(dir); err != nil {
				t.Fatal(err)
			}
			loaded, err := LoadLiT(dir)
			if err != nil {
				t.Fatal(err)
			}
			again, err := loaded.ReadImages(b, rows)
			if err != nil {
				t.Fatal(err)
			}
			wordsAgain, err := loaded.EncodeTexts(b, texts)
			if err != nil {
				t.Fatal(err)
			}
			for i, row := range append(append([][]float32(nil), images...), words...) {
				other := append(append([][]float32(nil), again...), wordsAgain...)[i]
				length := 0.0
				for j, v := range row {
					length += float64(v) * float64(v)
					if v != other[j] {
						t.Fatalf("%s, row %d: %v, once loaded %v", pool, i, row, other)
					}
				}
				if math.Abs(length-1) > 1e-5 {
					t.Errorf("%s, row %d has length %g", pool, i, math.Sqrt(length))
				}
			}
		}
	})
}

// The mean goes over a text's tokens, start and end included, and over nothing behind the end.
func TestMeanOfTokens(t *testing.T) {
	out, err := graph.CallOnce(backendtest.Go(t), func(x, ids *graph.Node) *graph.Node { return meanOfTokens(x, ids) },
		[][][]float32{{{1}, {2}, {3}, {100}}, {{1}, {2}, {3}, {6}}}, [][]int32{{8, 1, 9, 0}, {8, 1, 2, 9}})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Value().([][]float32); got[0][0] != 2 || got[1][0] != 3 {
		t.Errorf("means %v, expected 2 and 3", got)
	}
}

func TestLiTRefuses(t *testing.T) {
	good := tinyLiT(t, "end")
	for want, change := range map[string]func(c *LiTConfig){
		"pool: expected end or mean":                func(c *LiTConfig) { c.Pool = "max" },
		"dropout: expected rates":                   func(c *LiTConfig) { c.Reader.Dropout = 1 },
		"embed_dim and reader.inputs of at least":   func(c *LiTConfig) { c.Reader.Inputs = 0 },
		"a width that is a multiple of the 3 heads": func(c *LiTConfig) { c.Text.Heads = 3 },
		"text.activation: expected":                 func(c *LiTConfig) { c.Text.Activation = "relu" },
		"text.layer_norm_eps: expected":             func(c *LiTConfig) { c.Text.LayerNormEps = -1 },
		"text.mlp: expected":                        func(c *LiTConfig) { c.Text.MLP = -1 },
		"text.layers: expected":                     func(c *LiTConfig) { c.Text.Layers = 1 << 30 },
		"text.end_token: expected":                  func(c *LiTConfig) { c.Text.EndToken = -3 },
		"expected the vocabulary's":                 func(c *LiTConfig) { c.Text.EndToken = 9 },
		"text.vocab_size: expected the":             func(c *LiTConfig) { c.Text.VocabSize++ },
	} {
		cfg := good.Config
		change(&cfg)
		if _, err := NewLiT(cfg, good.Tokenizer, [][][]float32{{{1, 2, 3, 4}}}, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected an error with %q, found %v", want, err)
		}
	}
	if _, err := LoadLiT(t.TempDir()); err == nil || !strings.Contains(err.Error(), "glimpse train clip/lit") {
		t.Errorf("an empty folder: %v", err)
	}
	dir := t.TempDir()
	if err := good.Save(dir); err != nil { // before any use: the weights are not there yet
		t.Fatal(err)
	}
	loaded, err := LoadLiT(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loaded.EncodeTexts(backendtest.Go(t), []string{"a"}); err == nil || !strings.Contains(err.Error(), "the weights are not whole") {
		t.Errorf("weights that are missing: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, LiTFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadLiT(dir); err == nil || !strings.Contains(err.Error(), "expected a configuration as JSON") {
		t.Errorf("a damaged configuration: %v", err)
	}
}

// A folder whose configuration, vocabulary and weights are not of one model is an error.
func TestLoadLiTRefusesOtherParts(t *testing.T) {
	m := tinyLiT(t, "end")
	b := backendtest.Go(t)
	if _, err := m.ReadImages(b, [][]float32{{1, 2, 3, 4}}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.EncodeTexts(b, []string{"a"}); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(t.TempDir(), "model")
	if err := m.Save(good); err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.Load(filepath.Join(good, WeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	write := func(dir string, tensors map[string]safetensors.Tensor) error {
		return safetensors.Write(filepath.Join(dir, WeightsFile), tensors, nil)
	}
	for name, c := range map[string]struct {
		damage func(dir string) error
		want   []string
	}{
		"another vocabulary": {func(dir string) error {
			other, err := NewTokenizer(nil)
			if err != nil {
				return err
			}
			return other.Save(filepath.Join(dir, TokenizerFile))
		}, []string{LiTFile, "vocab_size", "514"}},
		"a tensor more": {func(dir string) error {
			more := maps.Clone(file.Tensors)
			more["visual.more"] = more["visual.mean"]
			return write(dir, more)
		}, []string{WeightsFile, "visual.more", "another configuration"}},
		"a configuration of the same shapes": {func(dir string) error {
			cfg := m.Config
			cfg.Pool = "mean"
			data, err := json.Marshal(cfg)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, LiTFile), data, 0o644)
		}, []string{WeightsFile, "configuration", "saving was interrupted"}},
		"another shape": {func(dir string) error {
			other := maps.Clone(file.Tensors)
			other["visual.mean"] = safetensors.FromFloat32s([]float32{1}, 1)
			return write(dir, other)
		}, []string{WeightsFile, "visual.mean", "[4]", "[1]"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyOf(t, good)
			if err := c.damage(dir); err != nil {
				t.Fatal(err)
			}
			_, err := LoadLiT(dir)
			sentence(t, err, c.want...)
		})
	}
	for _, w := range m.Config.weights() { // all there are
		if _, ok := file.Get(w.Name); !ok && w.Name != "logit_scale" {
			t.Errorf("the model has no weight %s", w.Name)
		}
	}
}
