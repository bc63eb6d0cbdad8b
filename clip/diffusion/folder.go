package diffusion

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// Folder says how a kind of model that makes pictures lies in a folder: a configuration, a vocabulary, weights.
type Folder struct {
	ConfigFile string   // by its name the kind is told
	Scopes     []string // of the weights; what the optimiser keeps is in others
	Made       string   // the command that makes one
}

// The files beside the configuration.
const (
	weightsFile   = "model.safetensors"
	tokenizerFile = "tokenizer.json"
)

// isWeight leaves out what the optimiser keeps.
func (f Folder) isWeight(path string) bool {
	for _, scope := range f.Scopes {
		if strings.HasPrefix(path, "/"+scope+"/") {
			return true
		}
	}
	return false
}

// Find says where a model of the kind is: dir itself, or the folder model in it, as in a run's.
func (f Folder) Find(dir string) (found string, ok bool) {
	for _, own := range []string{dir, filepath.Join(dir, "model")} {
		if _, err := os.Stat(filepath.Join(own, f.ConfigFile)); err == nil {
			return own, true
		}
	}
	return "", false
}

// Save writes configuration, vocabulary and weights into the folder dir, which is made if need be.
func (f Folder) Save(dir string, config any, tokenizer *clip.Tokenizer, store *model.Store) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot save the model: %w", err)
	}
	values, err := weights.FromStore(store, f.isWeight)
	if err != nil {
		return fmt.Errorf("cannot save the model: %w", err)
	}
	data, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	if err := tokenizer.Save(filepath.Join(dir, tokenizerFile)); err != nil {
		return err
	}
	// The weights say which vocabulary is theirs: parts of two models never pass for one.
	partner := map[string]string{"tokenizer": tokenizer.Hash()}
	return atomicfile.WriteAll(
		atomicfile.Part{Path: filepath.Join(dir, weightsFile), Fill: func(w io.Writer) error { return safetensors.Encode(w, values, partner) }},
		atomicfile.Bytes(filepath.Join(dir, f.ConfigFile), append(data, '\n')))
}

// Load reads what [Folder.Save] wrote into the folder dir, or into the folder model in it. fresh makes a model of the configuration, with the store that
// the weights are put into; a weight that is missing is an error once the model is used.
func Load[Config, Model any](f Folder, dir string, fresh func(cfg Config, tokenizer *clip.Tokenizer) (Model, *model.Store, error)) (m Model, err error) {
	found, ok := f.Find(dir)
	if !ok {
		return m, fmt.Errorf("expected a model that makes pictures (`%s` makes one), found no %s in %s", f.Made, f.ConfigFile, dir)
	}
	data, err := os.ReadFile(filepath.Join(found, f.ConfigFile))
	if err != nil {
		return m, fmt.Errorf("cannot read the model: %w", err)
	}
	var cfg Config
	if err := json.Unmarshal(data, &cfg); err != nil {
		return m, fmt.Errorf("%s: expected the configuration of a diffusion model: %w", filepath.Join(found, f.ConfigFile), err)
	}
	tokenizer, err := clip.LoadTokenizer(filepath.Join(found, tokenizerFile))
	if err != nil {
		return m, err
	}
	m, store, err := fresh(cfg, tokenizer)
	if err != nil {
		return m, fmt.Errorf("%s: %w", found, err)
	}
	file, err := safetensors.Load(filepath.Join(found, weightsFile))
	if err != nil {
		return m, err
	}
	if file.Metadata["tokenizer"] != tokenizer.Hash() {
		return m, fmt.Errorf("%s: expected the vocabulary with which the weights were saved, found another one; save or copy the model again, all of its files", found)
	}
	if err := weights.IntoStore(store, file.Tensors); err != nil {
		return m, fmt.Errorf("%s: %w", found, err)
	}
	store.SetParam("/"+nn.FixedParam, true) // what is missing is an error, not a fresh weight
	return m, nil
}
