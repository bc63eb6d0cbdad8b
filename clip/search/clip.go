package search

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// CLIP is the encoder of a CLIP model that was loaded from folder. It runs on b.
func CLIP(b compute.Backend, m *clip.Model, folder string) (Encoder, error) {
	identity, err := Identity(m)
	if err != nil {
		return Encoder{}, err
	}
	folder, err = filepath.Abs(folder)
	if err != nil {
		return Encoder{}, err
	}
	return Encoder{Folder: folder, Identity: identity, Dims: m.Config.EmbedDim, Prepare: m.Preprocess,
		Encode: func(prepared [][]float32) ([][]float32, error) { return m.EncodeImages(b, prepared) }}, nil
}

// Identity tells a model from every other: the sha256 of its configuration and its weights, wherever they were loaded from.
func Identity(m *clip.Model) (string, error) {
	config, err := json.Marshal(m.Config)
	if err != nil {
		return "", err
	}
	tensors, err := weights.FromStore(m.Store, clip.IsWeight)
	if err != nil {
		return "", fmt.Errorf("cannot tell which model this is: %w", err)
	}
	hash := sha256.New()
	hash.Write(config)
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		t := tensors[name]
		fmt.Fprintf(hash, "\n%s %s %v\n", name, t.DType, t.Shape)
		hash.Write(t.Data)
	}
	return "sha256:" + hex.EncodeToString(hash.Sum(nil)), nil
}
