package latent

import (
	"fmt"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/modelfolder"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

var (
	kind     = modelfolder.Kind{What: "model that makes pictures", ConfigFile: "latent.json", Made: "glimpse train built/latent"}
	isWeight = modelfolder.Within(AutoScope, TextScope, NoiseScope)
)

// IsIn says whether a folder, or the folder model in it, holds such a model.
func IsIn(dir string) bool {
	_, ok := kind.Find(dir)
	return ok
}

// Save writes configuration, vocabulary and weights into the folder dir, which is made if need be.
func (m *Model) Save(dir string) error {
	return kind.Save(dir, m.Config, m.Tokenizer, m.Store, isWeight)
}

// Load reads a model that [Model.Save] wrote from a folder, or from the folder model in it.
func Load(dir string) (*Model, error) {
	return modelfolder.Load(kind, dir, clip.LoadTokenizer, New, func(m *Model) *model.Store { return m.Store }, isWeight)
}

// TakeText copies a text tower from the store of another model, such as a CLIP's: it becomes the model's text encoder.
func (m *Model) TakeText(store *model.Store) error {
	found, err := weights.FromStore(store, isTower)
	if err != nil {
		return fmt.Errorf("cannot take the text encoder: %w", err)
	}
	own := map[string]safetensors.Tensor{}
	for name, tensor := range found {
		own[TextScope+"."+name] = tensor
	}
	if len(own) == 0 {
		return fmt.Errorf("cannot take the text encoder: expected a text tower's weights in the other model, found none")
	}
	return weights.IntoStore(m.Store, own)
}

// isTower tells the variables of a text tower from the others in a CLIP's store.
func isTower(path string) bool {
	for _, part := range []string{"/token_embedding/", "/transformer/", "/ln_final/"} {
		if strings.HasPrefix(path, part) {
			return true
		}
	}
	return path == "/positional_embedding" || path == "/text_projection"
}
