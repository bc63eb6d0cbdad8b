package segmenting

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// The files of a saved segmenter.
const (
	ConfigFile  = "segmenting.json"
	WeightsFile = "model.safetensors"
)

func isDecoder(path string) bool { return strings.HasPrefix(path, "/"+decoderScope+"/") }

// Save writes configuration, vocabulary and weights, the CLIP's among them, into the folder dir, which is made if need be. When that fails an older
// segmenter in the folder stays as it was.
func (m *Model) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot save the segmenter: %w", err)
	}
	all, err := weights.FromStore(m.Store, clip.IsWeight)
	if err != nil {
		return fmt.Errorf("cannot save the segmenter: %w", err)
	}
	data, err := json.MarshalIndent(m.Config, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if err := m.CLIP.Tokenizer.Save(filepath.Join(dir, clip.TokenizerFile)); err != nil {
		return err
	}
	partners := map[string]string{"config": hash(data), "tokenizer": m.CLIP.Tokenizer.Hash()}
	return atomicfile.WriteAll(
		atomicfile.Part{Path: filepath.Join(dir, WeightsFile), Fill: func(w io.Writer) error { return safetensors.Encode(w, all, partners) }},
		atomicfile.Bytes(filepath.Join(dir, ConfigFile), data))
}

func hash(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// Load reads what [Model.Save] wrote: dir is the folder itself, or a run's with the segmenter in its folder model. A weight that is missing is an
// error once the segmenter is used.
func Load(dir string) (*Model, error) {
	for _, own := range []string{dir, filepath.Join(dir, "model")} {
		if _, err := os.Stat(filepath.Join(own, ConfigFile)); err == nil {
			return load(own)
		}
	}
	return nil, fmt.Errorf("expected a model that segments (%s) in %s or in its folder model, found none; `glimpse train built/segmentation` makes one",
		ConfigFile, dir)
}

func load(dir string) (*Model, error) {
	path := filepath.Join(dir, ConfigFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the segmenter: %w", err)
	}
	var cfg Config
	if err := json.Unmarshal(data, &cfg); err != nil {
		return nil, fmt.Errorf("%s: expected a configuration as JSON: %w", path, err)
	}
	if err := cfg.whole(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	tokenizer, err := clip.LoadTokenizer(filepath.Join(dir, clip.TokenizerFile))
	if err != nil {
		return nil, err
	}
	file, err := safetensors.Load(filepath.Join(dir, WeightsFile))
	if err != nil {
		return nil, err
	}
	if file.Metadata["config"] != hash(data) || file.Metadata["tokenizer"] != tokenizer.Hash() {
		return nil, fmt.Errorf("%s: expected beside it the %s and the %s with which the weights were saved, found others; copy the segmenter again, all of its files",
			filepath.Join(dir, WeightsFile), ConfigFile, clip.TokenizerFile)
	}
	m := build(cfg, tokenizer)
	if err := m.checkNames(file.Tensors); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, WeightsFile), err)
	}
	if err := weights.IntoStore(m.Store, file.Tensors); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, WeightsFile), err)
	}
	m.freeze()
	m.Store.SetParam("/"+nn.FixedParam, true)
	return m, nil
}

// checkNames refuses weights that are neither the CLIP's nor the decoder's.
func (m *Model) checkNames(tensors map[string]safetensors.Tensor) error {
	known := map[string]bool{}
	for _, w := range m.Config.CLIP.Weights() {
		known[w.Name] = true
	}
	for name := range tensors {
		if !known[name] && !isDecoder(weights.Path(name)) {
			return fmt.Errorf("expected the weights of a CLIP and of a decoder on it (%s), found %s", decoderScope, name)
		}
	}
	return nil
}
