// Package modelfolder keeps a trained model in a folder: its configuration as JSON, its weights as safetensors, and a vocabulary where it has one. The
// weights know with which of the others they were saved: parts of two models never pass for one.
package modelfolder

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// The files beside the configuration.
const (
	WeightsFile    = "model.safetensors"
	VocabularyFile = "tokenizer.json"
)

// Kind is a kind of model, told from others by the name of its configuration.
type Kind struct {
	What       string // it is, in sentences: "model that makes pictures"
	ConfigFile string
	Made       string // the command that makes one
}

// Vocabulary is what a model's texts are made of.
type Vocabulary interface {
	Encoded() ([]byte, error) // its file
	Hash() string             // of its content
}

// Find says where a model of the kind is: dir itself, or the folder model in it, as in a run's.
func (k Kind) Find(dir string) (found string, ok bool) {
	for _, own := range []string{dir, filepath.Join(dir, "model")} {
		if _, err := os.Stat(filepath.Join(own, k.ConfigFile)); err == nil {
			return own, true
		}
	}
	return "", false
}

// Save writes configuration, weights and, unless it is nil, the vocabulary into the folder dir, which is made if need be. isWeight says which paths of the
// store are the model's, and not the optimiser's. When that fails an older model in the folder stays as it was.
func (k Kind) Save(dir string, config any, vocabulary Vocabulary, store *model.Store, isWeight func(path string) bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot save the %s: %w", k.What, err)
	}
	all, err := weights.FromStore(store, isWeight)
	if err != nil {
		return fmt.Errorf("cannot save the %s: %w", k.What, err)
	}
	data, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	partners := map[string]string{configKey: hash(data)}
	parts := []atomicfile.Part{
		{Path: filepath.Join(dir, WeightsFile), Fill: func(w io.Writer) error { return safetensors.Encode(w, all, partners) }},
		atomicfile.Bytes(filepath.Join(dir, k.ConfigFile), data),
	}
	if vocabulary != nil {
		partners[vocabularyKey] = vocabulary.Hash()
		encoded, err := vocabulary.Encoded()
		if err != nil {
			return err
		}
		parts = append(parts, atomicfile.Bytes(filepath.Join(dir, VocabularyFile), encoded))
	}
	return atomicfile.WriteAll(parts...)
}

// What the weights' header says of the files beside them.
const (
	configKey     = "config"
	vocabularyKey = "tokenizer"
)

func hash(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// Files are those of a saved model.
type Files struct {
	kind Kind
	dir  string
	hash string // of the configuration
}

// Open reads the configuration of what [Kind.Save] wrote into the folder dir, or into the folder model in it.
func (k Kind) Open(dir string, config any) (Files, error) {
	own, ok := k.Find(dir)
	if !ok {
		return Files{}, fmt.Errorf("expected a %s (%s) in %s or in its folder model, found none; `%s` makes one", k.What, k.ConfigFile, dir, k.Made)
	}
	f := Files{kind: k, dir: own}
	data, err := os.ReadFile(f.Path(k.ConfigFile))
	if err != nil {
		return f, fmt.Errorf("cannot read the %s: %w", k.What, err)
	}
	f.hash = hash(data)
	if err := json.Unmarshal(data, config); err != nil {
		return f, fmt.Errorf("%s: expected a configuration as JSON: %w", f.Path(k.ConfigFile), err)
	}
	return f, nil
}

// Path is the path of one of the files.
func (f Files) Path(name string) string { return filepath.Join(f.dir, name) }

// Refuse is what is wrong with the configuration, as an error that names its file.
func (f Files) Refuse(err error) error { return fmt.Errorf("%s: %w", f.Path(f.kind.ConfigFile), err) }

// Fill puts the weights into the store of the model, whose vocabulary is nil where it has none. A weight that is none of the model's is an error at once; one
// that is missing is an error when the model is used.
func (f Files) Fill(store *model.Store, vocabulary Vocabulary, isWeight func(path string) bool) error {
	path := f.Path(WeightsFile)
	file, err := safetensors.Load(path)
	if err != nil {
		return err
	}
	config := file.Metadata[configKey]
	beside, isRight := "the "+f.kind.ConfigFile, config == f.hash || config == "" && vocabulary != nil // older files name the vocabulary alone
	if vocabulary != nil {
		beside += " and the " + VocabularyFile
		isRight = isRight && file.Metadata[vocabularyKey] == vocabulary.Hash()
	}
	if !isRight {
		return fmt.Errorf("%s: expected beside it %s with which the weights were saved, found others; copy the %s again, all of its files", path, beside, f.kind.What)
	}
	for name := range file.Tensors {
		if !isWeight(weights.Path(name)) {
			return fmt.Errorf("%s: expected the weights of a %s, found %s", path, f.kind.What, name)
		}
	}
	if err := weights.IntoStore(store, file.Tensors); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	store.SetParam("/"+nn.FixedParam, true)
	return nil
}

// Load reads a model with a vocabulary that [Kind.Save] wrote: read reads the vocabulary, fresh makes a model of a configuration, with the store that the
// weights are put into.
func Load[Config, Model any, V Vocabulary](k Kind, dir string, read func(path string) (V, error), fresh func(cfg Config, vocabulary V, seed int64) (*Model, error),
	store func(*Model) *model.Store, isWeight func(path string) bool) (*Model, error) {
	var cfg Config
	files, err := k.Open(dir, &cfg)
	if err != nil {
		return nil, err
	}
	vocabulary, err := read(files.Path(VocabularyFile))
	if err != nil {
		return nil, err
	}
	m, err := fresh(cfg, vocabulary, 0)
	if err != nil {
		return nil, files.Refuse(err)
	}
	if err := files.Fill(store(m), vocabulary, isWeight); err != nil {
		return nil, err
	}
	return m, nil
}

// Within tells the weights in some scopes from all others.
func Within(scopes ...string) func(path string) bool {
	return func(path string) bool {
		return slices.ContainsFunc(scopes, func(scope string) bool { return strings.HasPrefix(path, "/"+scope+"/") })
	}
}
