package clip

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	_ "github.com/gomlx/compute/gobackend" // builds the graphs that tell which weights there are
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// The files of a saved model.
const (
	ConfigFile    = "clip.json"
	WeightsFile   = "model.safetensors"
	TokenizerFile = "tokenizer.json"
)

// Save writes configuration, vocabulary and weights into the folder dir, which is made if need be.
func (m *Model) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot save the model: %w", err)
	}
	if _, err := m.complete(); err != nil { // a part that was not used yet has no weights yet
		return fmt.Errorf("cannot save the model: %w", err)
	}
	tensors, err := weights.FromStore(m.Store, IsWeight)
	if err != nil {
		return fmt.Errorf("cannot save the model: %w", err)
	}
	config, err := json.MarshalIndent(m.Config, "", "  ")
	if err != nil {
		return err
	}
	if err := safetensors.Write(filepath.Join(dir, WeightsFile), tensors, nil); err != nil {
		return err
	}
	if err := m.Tokenizer.Save(filepath.Join(dir, TokenizerFile)); err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, ConfigFile), append(config, '\n'))
}

// IsWeight tells a model's variables from those of its training.
func IsWeight(path string) bool {
	return !strings.HasPrefix(path, "/optimizer/") && !strings.HasPrefix(path, "/#")
}

// Load reads what [Model.Save] wrote: dir is the folder itself, or a run folder with the model inside. Weights that are
// missing, are of another shape, or are none of the model's, are errors.
func Load(dir string) (*Model, error) {
	if _, err := os.Stat(filepath.Join(dir, ConfigFile)); err != nil {
		if _, err := os.Stat(filepath.Join(dir, "model", ConfigFile)); err != nil {
			return nil, fmt.Errorf("expected a CLIP model (%s) in %s or its folder model, found none; `glimpse train clip` makes one", ConfigFile, dir)
		}
		dir = filepath.Join(dir, "model")
	}
	data, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		return nil, fmt.Errorf("cannot read the model's configuration: %w", err)
	}
	var cfg Config
	if err := json.Unmarshal(data, &cfg); err != nil {
		return nil, fmt.Errorf("%s: expected a CLIP configuration as JSON: %w", filepath.Join(dir, ConfigFile), err)
	}
	tokenizer, err := LoadTokenizer(filepath.Join(dir, TokenizerFile))
	if err != nil {
		return nil, err
	}
	m, err := New(cfg, tokenizer, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, ConfigFile), err)
	}
	file, err := safetensors.Load(filepath.Join(dir, WeightsFile))
	if err != nil {
		return nil, err
	}
	if err := m.setWeights(file.Tensors); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, WeightsFile), err)
	}
	return m, nil
}

// setWeights gives a fresh model its weights: all of them, and nothing else.
func (m *Model) setWeights(tensors map[string]safetensors.Tensor) error {
	if err := weights.IntoStore(m.Store, tensors); err != nil {
		return err
	}
	m.Store.SetParam("/"+nn.FixedParam, true)
	defer m.Store.SetParam("/"+nn.FixedParam, false)
	unused, err := m.complete()
	if err != nil {
		return err
	}
	if len(unused) > 0 {
		return fmt.Errorf("expected the weights of the model that %s describes, found %s besides (%d in all)", ConfigFile, unused[0], len(unused))
	}
	return nil
}

// complete creates the weights that the store does not hold yet, and names the variables there that the model does not use.
// It builds the graph of the model, which is what knows, and runs nothing.
func (m *Model) complete() (unused []string, err error) {
	b, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		return nil, err
	}
	defer b.Finalize()
	exec, err := model.NewExec(b, m.Store, func(scope *model.Scope, images, ids *graph.Node) *graph.Node {
		loss, _ := m.Loss(scope, images, ids)
		for v := range m.Store.IterVariables() {
			if !v.InUseByGraph(loss.Graph()) {
				unused = append(unused, weights.Name(v.Path()))
			}
		}
		return loss
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	v, t := m.Config.Vision, m.Config.Text
	_, err = exec.Compile(shapes.Make(dtypes.Float32, 1, v.Height, v.Width, 3), shapes.Make(dtypes.Int32, 1, t.ContextLength))
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		err = cause // the sentence with which the graph function panicked
	}
	return unused, err
}
