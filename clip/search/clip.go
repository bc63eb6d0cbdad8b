package search

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

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
	hash := sha256.New()
	hash.Write(config)
	err = m.EachWeight(func(path string, value *tensors.Tensor) error { // one after the other: a copy of all of them may be large
		t, err := weights.FromTensor(value)
		if err != nil {
			return fmt.Errorf("weight %s: %w", path, err)
		}
		fmt.Fprintf(hash, "\n%s %s %v\n", path, t.DType, t.Shape)
		hash.Write(t.Data)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("cannot tell which model this is: %w", err)
	}
	return "sha256:" + hex.EncodeToString(hash.Sum(nil)), nil
}
