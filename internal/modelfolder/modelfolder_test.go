package modelfolder

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

type (
	config struct {
		Width int `json:"width"`
	}
	words string
	toy   struct {
		config config
		words  words
		store  *model.Store
	}
)

func (w words) Encoded() ([]byte, error) { return []byte(w), nil }
func (w words) Hash() string             { return hash([]byte(w)) }

func readWords(path string) (words, error) {
	data, err := os.ReadFile(path)
	return words(data), err
}

func fresh(cfg config, w words, _ int64) (*toy, error) {
	if cfg.Width < 1 {
		return nil, errors.New("width: expected at least 1")
	}
	return &toy{cfg, w, model.NewStore()}, nil
}

var (
	kind     = Kind{What: "toy that plays", ConfigFile: "toy.json", Made: "glimpse train toy"}
	isWeight = Within("toy", "other")
)

func load(dir string) (*toy, error) {
	return Load(kind, dir, readWords, fresh, func(m *toy) *model.Store { return m.store }, isWeight)
}

// save saves a toy, which a training has left variables of its own with.
func save(t *testing.T, dir string, w words, value float32) {
	t.Helper()
	store := model.NewStore()
	store.RootScope().At("toy").VariableWithValue("weight", tensors.FromValue([]float32{value, 2}))
	store.RootScope().At("optimizer").VariableWithValue("step", tensors.FromValue(int32(7)))
	if err := kind.Save(dir, config{3}, w, store, isWeight); err != nil {
		t.Fatal(err)
	}
}

// What was saved comes back, from the folder and from a run's, without what the optimiser keeps.
func TestSaveAndLoad(t *testing.T) {
	run := t.TempDir()
	save(t, filepath.Join(run, "model"), "a b", 1)
	for _, dir := range []string{run, filepath.Join(run, "model")} {
		m, err := load(dir)
		if err != nil {
			t.Fatal(err)
		}
		weight := m.store.GetVariable("/toy/weight")
		if m.config.Width != 3 || m.words != "a b" || weight == nil || tensors.MustCopyFlatData[float32](weight.MustValue())[0] != 1 {
			t.Errorf("found %+v", m)
		}
		if m.store.GetVariable("/optimizer/step") != nil {
			t.Error("what the optimiser keeps was saved")
		}
		if is, _ := m.store.GetParam("/" + nn.FixedParam); is != true {
			t.Error("a weight that is missing would be made anew")
		}
	}
	if found, ok := kind.Find(run); !ok || found != filepath.Join(run, "model") {
		t.Errorf("found the toy in %q, %v", found, ok)
	}
}

// Files of two models are never one, and what is missing, damaged or strange is said.
func TestRefuses(t *testing.T) {
	for want, damage := range map[string]func(dir string) error{
		"expected a toy that plays (toy.json)":                     func(dir string) error { return os.Remove(filepath.Join(dir, "toy.json")) },
		"`glimpse train toy` makes one":                            func(dir string) error { return os.Remove(filepath.Join(dir, "toy.json")) },
		"toy.json: expected a configuration as JSON":               func(dir string) error { return os.WriteFile(filepath.Join(dir, "toy.json"), []byte("{"), 0o644) },
		"toy.json: width: expected at least 1":                     func(dir string) error { return os.WriteFile(filepath.Join(dir, "toy.json"), []byte("{}"), 0o644) },
		"expected beside it the toy.json and the tokenizer.json w": func(dir string) error { return os.WriteFile(filepath.Join(dir, VocabularyFile), []byte("c"), 0o644) },
		"copy the toy that plays again, all of its files": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "toy.json"), []byte(`{"width": 4}`), 0o644)
		},
		"no such file": func(dir string) error { return os.Remove(filepath.Join(dir, WeightsFile)) },
		"expected the weights of a toy that plays, found strange.x": func(dir string) error {
			store := model.NewStore()
			store.RootScope().At("strange").VariableWithValue("x", tensors.FromValue([]float32{1}))
			return kind.Save(dir, config{3}, words("a b"), store, Within("strange"))
		},
	} {
		dir := t.TempDir()
		save(t, dir, "a b", 1)
		if err := damage(dir); err != nil {
			t.Fatal(err)
		}
		if m, err := load(dir); err == nil || m != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, found %v", want, err)
		}
	}
}

// Weights that were saved before they named their configuration are held to their vocabulary, and to nothing where there is none.
func TestOlderFiles(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, "a b", 1)
	path := filepath.Join(dir, WeightsFile)
	rename := func(header map[string]string) {
		file, err := safetensors.Load(path)
		if err == nil {
			err = safetensors.Write(path, file.Tensors, header)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	rename(map[string]string{vocabularyKey: words("a b").Hash()})
	if _, err := load(dir); err != nil {
		t.Error(err)
	}
	rename(map[string]string{vocabularyKey: words("c").Hash()})
	if _, err := load(dir); err == nil || !strings.Contains(err.Error(), "found others") {
		t.Errorf("another vocabulary: found %v", err)
	}
	rename(nil)
	if _, err := load(dir); err == nil || !strings.Contains(err.Error(), "found others") {
		t.Errorf("weights that name nothing: found %v", err)
	}
}

// A kind without a vocabulary is held to its configuration alone.
func TestWithoutVocabulary(t *testing.T) {
	dir, store := t.TempDir(), model.NewStore()
	store.RootScope().At("toy").VariableWithValue("weight", tensors.FromValue([]float32{1}))
	if err := kind.Save(dir, config{3}, nil, store, isWeight); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, VocabularyFile)); err == nil {
		t.Error("a vocabulary was written")
	}
	var cfg config
	files, err := kind.Open(dir, &cfg)
	if err != nil || cfg.Width != 3 {
		t.Fatal(cfg, err)
	}
	if err := files.Fill(model.NewStore(), nil, isWeight); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(files.Path("toy.json"), []byte(`{"width": 4}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if files, err = kind.Open(dir, &cfg); err != nil {
		t.Fatal(err)
	}
	if err := files.Fill(model.NewStore(), nil, isWeight); err == nil || !strings.Contains(err.Error(), "expected beside it the toy.json with which") {
		t.Errorf("found %v", err)
	}
}
