package answering

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// The files of a saved network.
const (
	ConfigFile  = "answering.json"
	WeightsFile = "model.safetensors"
)

func isVisual(path string) bool { return strings.HasPrefix(path, "/visual/") }

func isWeight(path string) bool { return isVisual(path) || strings.HasPrefix(path, "/answering/") }

// Save writes configuration and weights into the folder dir, which is made if need be. When that fails an older network in the folder stays as it was.
func (m *Model) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot save the network: %w", err)
	}
	all, err := weights.FromStore(m.Store, isWeight)
	if err != nil {
		return fmt.Errorf("cannot save the network: %w", err)
	}
	data, err := json.MarshalIndent(m.Config, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	header := map[string]string{"config": hash(data)}
	return atomicfile.WriteAll(
		atomicfile.Part{Path: filepath.Join(dir, WeightsFile), Fill: func(w io.Writer) error { return safetensors.Encode(w, all, header) }},
		atomicfile.Bytes(filepath.Join(dir, ConfigFile), data))
}

func hash(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// Load reads what [Model.Save] wrote: dir is the folder itself, or a run's with the network in its folder model. A weight that is missing is an error once the network is used.
func Load(dir string) (*Model, error) {
	for _, own := range []string{dir, filepath.Join(dir, "model")} {
		if _, err := os.Stat(filepath.Join(own, ConfigFile)); err == nil {
			return load(own)
		}
	}
	return nil, fmt.Errorf("expected a network that answers questions (%s) in %s or in its folder model, found none; `glimpse train built/answering` makes one", ConfigFile, dir)
}

func load(dir string) (*Model, error) {
	path := filepath.Join(dir, ConfigFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the network: %w", err)
	}
	m := &Model{Store: model.NewStore()}
	if err := json.Unmarshal(data, &m.Config); err != nil {
		return nil, fmt.Errorf("%s: expected a configuration as JSON: %w", path, err)
	}
	if err := m.Config.whole(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	file, err := safetensors.Load(filepath.Join(dir, WeightsFile))
	if err != nil {
		return nil, err
	}
	if file.Metadata["config"] != hash(data) {
		return nil, fmt.Errorf("%s: expected beside it the %s with which the weights were saved, found another one; copy the network again, both of its files", filepath.Join(dir, WeightsFile), ConfigFile)
	}
	for name := range file.Tensors {
		if !isWeight(weights.Path(name)) {
			return nil, fmt.Errorf("%s: expected the weights of an image tower (visual) and of a network on it (answering), found %s", filepath.Join(dir, WeightsFile), name)
		}
	}
	if err := weights.IntoStore(m.Store, file.Tensors); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, WeightsFile), err)
	}
	m.Store.SetParam("/"+nn.FixedParam, true)
	return m, nil
}
