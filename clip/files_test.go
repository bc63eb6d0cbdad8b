package clip

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

func save(t *testing.T, m *Model) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "runs", "one")
	if err := m.Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func load(t *testing.T, dir string) *Model {
	t.Helper()
	m, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func sameBits(t *testing.T, got, want [][]float32) {
	t.Helper()
	for i := range want {
		near(t, fmt.Sprint("embedding ", i), got[i], want[i], 0, 0)
	}
}

// A saved model gives the same embeddings bit for bit, whatever part of it was used before.
func TestSaveAndLoad(t *testing.T) {
	b := backendtest.Go(t)
	used := smallModel(t, 5)
	want := embed(t, b, used)
	// What training leaves behind is not saved.
	nn.Variable(used.Store.Scope("/optimizer/logit_scale"), "exp_avg", nn.Zeros)
	if err := used.Store.SetRNGStateFromSeed(3); err != nil {
		t.Fatal(err)
	}
	onlyTexts := smallModel(t, 5)
	if _, err := onlyTexts.EncodeTexts(b, []string{"red"}); err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*Model{"used": used, "fresh": smallModel(t, 5), "texts encoded": onlyTexts} {
		t.Run(name, func(t *testing.T) {
			dir := save(t, m)
			back := load(t, dir)
			if fmt.Sprint(back.Config) != fmt.Sprint(m.Config) {
				t.Errorf("expected the configuration %+v, found %+v", m.Config, back.Config)
			}
			sameBits(t, embed(t, b, back), want)
			if before, after := everything(t, back.Store), everything(t, load(t, dir).Store); len(before) != len(after) {
				t.Errorf("encoding added weights: %d before, %d after", len(after), len(before))
			}
			// A loaded model can be trained on: that makes new variables.
			nn.Variable(back.Store.Scope("/optimizer/logit_scale"), "exp_avg", nn.Zeros)
			// In a run folder the model lies in the folder model.
			run := t.TempDir()
			if err := os.Rename(dir, filepath.Join(run, "model")); err != nil {
				t.Fatal(err)
			}
			sameBits(t, embed(t, b, load(t, run)), want)
		})
	}
}

func TestLearnedScaleIsSaved(t *testing.T) {
	m := smallModel(t, 5)
	v := nn.Variable(m.Store.RootScope(), "logit_scale", nn.Constant(InitialLogitScale))
	if err := v.SetValue(tensors.FromScalar(float32(4))); err != nil {
		t.Fatal(err)
	}
	back := load(t, save(t, m))
	if scale, err := back.Scale(); err != nil || scale < 54.5 || scale > 54.7 {
		t.Errorf("expected e^4, found %g (%v)", scale, err)
	}
}

// Saving over an older model replaces it, and the same model gives the same bytes.
func TestSaveTwice(t *testing.T) {
	m := smallModel(t, 5)
	dir := save(t, m)
	first := contentOf(t, dir)
	if names := slices.Sorted(maps.Keys(first)); !slices.Equal(names, []string{ConfigFile, WeightsFile, TokenizerFile}) {
		t.Errorf("found the files %q", names)
	}
	if err := m.Save(dir); err != nil || !maps.Equal(contentOf(t, dir), first) {
		t.Errorf("saving again changed the files (%v)", err)
	}
	if err := smallModel(t, 6).Save(dir); err != nil || contentOf(t, dir)[WeightsFile] == first[WeightsFile] {
		t.Errorf("saving another model did not change the weights (%v)", err)
	}
}

// contentOf is what the files of a folder hold.
func contentOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(data)
	}
	return files
}

func TestLoadFindsNothing(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(dir)
	sentence(t, err, dir, ConfigFile, "glimpse train clip")
	_, err = Load(filepath.Join(dir, "none"))
	sentence(t, err, "none", ConfigFile)
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	sentence(t, smallModel(t, 1).Save(filepath.Join(dir, "file")), "cannot save the model")
}

// Every file of a model, cut short anywhere, replaced or missing, is an error that names the file.
func TestLoadRefusesDamagedFiles(t *testing.T) {
	good := save(t, smallModel(t, 5))
	for _, name := range []string{ConfigFile, WeightsFile, TokenizerFile} {
		data, err := os.ReadFile(filepath.Join(good, name))
		if err != nil {
			t.Fatal(err)
		}
		damaged := map[string][]byte{
			"empty": {}, "cut to 1 byte": data[:1], "cut to 9 bytes": data[:9], "cut in the middle": data[:len(data)/2],
			"without the last 3 bytes": data[:len(data)-3], "with more at the end": append(slices.Clone(data), "more"...),
			"of zeros": make([]byte, len(data)), "another thing": []byte(`{"kind": "pudding"}`), "a list": []byte("[]"), "null": []byte("null"),
			"missing": nil,
		}
		for what, content := range damaged {
			t.Run(name+" "+what, func(t *testing.T) {
				dir := copyOf(t, good)
				path := filepath.Join(dir, name)
				if what == "missing" {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				} else if err := os.WriteFile(path, content, 0o644); err != nil {
					t.Fatal(err)
				}
				_, err := Load(dir)
				sentence(t, err, name)
			})
		}
	}
}

// copyOf copies a model's folder.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// Weights that do not fit the configuration are an error, and never fresh ones in their place.
func TestLoadRefusesOtherWeights(t *testing.T) {
	good := save(t, smallModel(t, 5))
	file, err := safetensors.Load(filepath.Join(good, WeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Tensors) < 50 || file.Tensors["visual.conv1.norm.running_mean"].Data == nil {
		t.Errorf("expected weights and running statistics, found %q", file.Names())
	}
	refused := func(t *testing.T, tensors map[string]safetensors.Tensor, parts ...string) {
		t.Helper()
		dir := copyOf(t, good)
		if err := safetensors.Write(filepath.Join(dir, WeightsFile), tensors, nil); err != nil {
			t.Fatal(err)
		}
		_, err := Load(dir)
		sentence(t, err, append(parts, WeightsFile)...)
	}
	for _, name := range file.Names() {
		tensors := maps.Clone(file.Tensors)
		delete(tensors, name)
		refused(t, tensors, name, "none of that name")
	}
	for _, name := range []string{"logit_scale", "text_projection", "visual.conv1.weight", "visual.layer2.downsample.norm.running_var", "token_embedding.weight"} {
		tensor := file.Tensors[name]
		longer, flat, whole := maps.Clone(file.Tensors), maps.Clone(file.Tensors), maps.Clone(file.Tensors)
		longer[name] = safetensors.Tensor{DType: tensor.DType, Shape: append([]int{2}, tensor.Shape...), Data: slices.Repeat(tensor.Data, 2)}
		refused(t, longer, name, "expected the dimensions", "another configuration")
		flat[name] = safetensors.Tensor{DType: tensor.DType, Shape: append([]int{1}, tensor.Shape...), Data: tensor.Data}
		refused(t, flat, name, "expected the dimensions")
		whole[name] = safetensors.Tensor{DType: safetensors.I32, Shape: tensor.Shape, Data: tensor.Data}
		refused(t, whole, name, "float32")
	}
	for name, tensor := range map[string]safetensors.Tensor{
		"visual.layer9.weight": safetensors.FromFloat32s([]float32{1}, 1), "optimizer.logit_scale.exp_avg": safetensors.FromFloat32s([]float32{1}),
		"half": {DType: safetensors.F16, Shape: []int{1}, Data: []byte{0, 0}},
	} {
		more := maps.Clone(file.Tensors)
		more[name] = tensor
		refused(t, more, name)
	}
	refused(t, nil)
}

// Another configuration or vocabulary than the weights' own is an error as well, even an absurd one, and at once.
func TestLoadRefusesOtherConfigurations(t *testing.T) {
	m := smallModel(t, 5)
	good := save(t, m)
	for name, c := range map[string]struct {
		change func(c *Config)
		want   []string
	}{
		"wider":          {func(c *Config) { c.EmbedDim++ }, []string{"[7"}},
		"deeper":         {func(c *Config) { c.Text.Layers++ }, []string{"transformer.resblocks.2", "none of that name"}},
		"shallower":      {func(c *Config) { c.Text.Layers-- }, []string{"transformer.resblocks.1", "besides"}},
		"more stages":    {func(c *Config) { c.Vision.Stages[1].Blocks++ }, []string{"visual.layer2.0", "none of that name"}},
		"no blocks":      {func(c *Config) { c.Vision.Stages[0].Blocks = 0 }, []string{"visual.layer1.0", "besides"}},
		"longer context": {func(c *Config) { c.Text.ContextLength = 1 << 40 }, []string{"positional_embedding"}},
		"vocabulary":     {func(c *Config) { c.Text.VocabSize++ }, []string{"vocab_size", ConfigFile}},
		"wide text":      {func(c *Config) { c.Text.Width, c.Text.Heads = 1<<20, 1 }, []string{"another configuration"}},
		"too wide text":  {func(c *Config) { c.Text.Width, c.Text.Heads = 1<<30, 1 }, []string{"text.width", "found 1073741824"}},
		"text's network": {func(c *Config) { c.Text.MLP = 1 << 30 }, []string{"text.mlp", "found 1073741824"}},
		"too wide":       {func(c *Config) { c.EmbedDim = 1 << 30 }, []string{"embed_dim", "found 1073741824"}},
		"endless stage":  {func(c *Config) { c.Vision.Stages[0].Blocks = 2_000_000_000 }, []string{"vision.stages[0]", "2000000000"}},
		"wide stage":     {func(c *Config) { c.Vision.Stages[1].Channels = 1 << 30 }, []string{"vision.stages[1]", "1073741824"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyOf(t, good)
			cfg := m.Config
			cfg.Vision.Stages = slices.Clone(cfg.Vision.Stages)
			c.change(&cfg)
			data, err := json.Marshal(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, ConfigFile), data, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err = Load(dir)
			sentence(t, err, c.want...)
		})
	}
	dir := copyOf(t, good)
	tok, err := NewTokenizer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.Save(filepath.Join(dir, TokenizerFile)); err != nil {
		t.Fatal(err)
	}
	_, err = Load(dir)
	sentence(t, err, "vocab_size", "514")
}

// When saving fails, the older model stays whole: here a folder is in the way of the vocabulary.
func TestSaveFails(t *testing.T) {
	dir := save(t, smallModel(t, 5))
	if err := os.Remove(filepath.Join(dir, TokenizerFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, TokenizerFile), 0o755); err != nil {
		t.Fatal(err)
	}
	before := contentOf(t, dir)
	sentence(t, smallModel(t, 6).Save(dir), TokenizerFile, "found a folder")
	if after := contentOf(t, dir); !maps.Equal(before, after) {
		t.Error("the older model's files changed")
	}
}

// Files of two models never pass for one, whichever of them a save that was interrupted had replaced.
func TestLoadRefusesPartsOfTwoModels(t *testing.T) {
	first := smallModel(t, 5)
	tok, err := TrainTokenizer([]string{"green trousers", "green trousers, long", "green hats", "long hats", "longer hats"}, len(first.Tokenizer.merges))
	if err != nil {
		t.Fatal(err)
	}
	cfg := smallConfig(tok.VocabSize())
	cfg.Text.Heads = 2 // no shape shows it
	second, err := New(cfg, tok, 6)
	if err != nil {
		t.Fatal(err)
	}
	if first.Config.Text.VocabSize != cfg.Text.VocabSize {
		t.Fatalf("the vocabularies have %d and %d ids", first.Config.Text.VocabSize, cfg.Text.VocabSize)
	}
	one, other := save(t, first), save(t, second)
	for name, want := range map[string]string{WeightsFile: "configuration", ConfigFile: "configuration", TokenizerFile: TokenizerFile} {
		dir := copyOf(t, one)
		data, err := os.ReadFile(filepath.Join(other, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = Load(dir)
		sentence(t, err, WeightsFile, want, "saving was interrupted", "save or copy the model again")
		if card, m, err := Examine(dir, ""); err != nil || m != nil || len(card.Refused) != 1 {
			t.Errorf("%s of another model: the card refuses %+v (%v)", name, card, err)
		}
	}
	// Older files do not say what belongs to them.
	file, err := safetensors.Load(filepath.Join(one, WeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := safetensors.Write(filepath.Join(one, WeightsFile), file.Tensors, nil); err != nil {
		t.Fatal(err)
	}
	load(t, one)
}

// A model without a vocabulary does not inherit that of the model it replaces.
func TestSaveWithoutVocabulary(t *testing.T) {
	dir := save(t, smallModel(t, 5))
	m, err := New(tinyViT(), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := m.Save(dir); err != nil {
			t.Fatal(err)
		}
	}
	if back := load(t, dir); back.Tokenizer != nil || exists(dir, TokenizerFile) {
		t.Error("the older model's vocabulary is there")
	}
}
