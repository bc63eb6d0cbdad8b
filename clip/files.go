package clip

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// The files of a saved model.
const (
	ConfigFile    = "clip.json"
	WeightsFile   = "model.safetensors"
	TokenizerFile = "tokenizer.json"
)

// Save writes configuration, vocabulary and weights into the folder dir, which is made if need be. When that fails an older
// model in the folder stays as it was.
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
	return saveParts(dir, ConfigFile, m.Config, m.Tokenizer, tensors)
}

// saveParts writes the files of a model together. The weights say which configuration and vocabulary are theirs: whatever stops
// the writing, parts of two models never pass for one.
func saveParts(dir, configFile string, config partner, tokenizer *Tokenizer, tensors map[string]safetensors.Tensor) error {
	data, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	partners, err := partnersOf(config, tokenizer)
	if err != nil {
		return err
	}
	parts := []atomicfile.Part{
		{Path: filepath.Join(dir, WeightsFile), Fill: func(w io.Writer) error { return safetensors.Encode(w, tensors, partners) }},
		atomicfile.Bytes(filepath.Join(dir, configFile), append(data, '\n')),
	}
	vocabulary := filepath.Join(dir, TokenizerFile)
	if tokenizer != nil {
		data, err := tokenizer.Encoded()
		if err != nil {
			return err
		}
		parts = append(parts, atomicfile.Bytes(vocabulary, data))
	}
	if err := atomicfile.WriteAll(parts...); err != nil || tokenizer != nil {
		return err
	}
	if err := os.Remove(vocabulary); err != nil && !errors.Is(err, fs.ErrNotExist) { // of an older model
		return fmt.Errorf("cannot remove the older model's vocabulary: %w", err)
	}
	return nil
}

// partner is a model's configuration.
type partner interface {
	identity() any // what of it the weights were trained with
}

// identity leaves out what matters to further training only, and may be changed.
func (c Config) identity() any {
	c.Vision.BatchNormMomentum = 0
	return c
}

// partnersOf is what the header of a file of weights says of the files beside it: their sha256 in hexadecimal.
func partnersOf(config partner, tokenizer *Tokenizer) (map[string]string, error) {
	data, err := json.Marshal(config.identity())
	if err != nil {
		return nil, err
	}
	partners := map[string]string{"config": fmt.Sprintf("%x", sha256.Sum256(data))}
	if tokenizer != nil {
		partners["tokenizer"] = tokenizer.Hash()
	}
	return partners, nil
}

// checkPartners refuses weights whose header names another configuration or vocabulary than those beside them. Older files name
// none.
func checkPartners(path string, header map[string]string, config partner, tokenizer *Tokenizer) error {
	partners, err := partnersOf(config, tokenizer)
	if err != nil || header["config"] == "" {
		return err
	}
	for _, name := range []string{"config", "tokenizer"} {
		if header[name] != partners[name] {
			return fmt.Errorf("%s: expected beside it the %s with which the weights were saved, found another one: saving was interrupted or a file was "+
				"replaced since; save or copy the model again, all of its files", path, map[string]string{"config": "configuration", "tokenizer": TokenizerFile}[name])
		}
	}
	return nil
}

// IsWeight tells a model's variables from those of its training.
func IsWeight(path string) bool {
	return !strings.HasPrefix(path, "/optimizer/") && !strings.HasPrefix(path, "/#")
}

// Load opens a model: what [Model.Save] wrote (dir is the folder itself, or a run folder with the model inside), or a
// published one (see [OpenCheckpoint]). Weights that are missing, are of another shape, or are none of the model's, are
// errors.
func Load(dir string) (*Model, error) { return LoadNaming(dir, "") }

// LoadNaming is [Load] of the file in one naming, for folders with weights in several.
func LoadNaming(dir string, naming Naming) (*Model, error) {
	c, err := openAny(dir, naming)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	m, err := c.Load()
	if err != nil {
		return nil, err
	}
	if err := m.addVocabulary(c.Dir); err != nil {
		return nil, err
	}
	return m, nil
}

// openAny opens our own models and published ones.
func openAny(dir string, naming Naming) (*Checkpoint, error) {
	if naming == "" {
		for _, own := range []string{dir, filepath.Join(dir, "model")} {
			if _, err := os.Stat(filepath.Join(own, ConfigFile)); err == nil {
				return openOwn(own)
			}
		}
	}
	c, err := OpenCheckpoint(dir, naming)
	if errors.Is(err, errNoCheckpoint) && naming == "" {
		return nil, fmt.Errorf("expected a CLIP model in %s: %s there or in its folder model (`glimpse train clip` makes one), %s, or %s with %s; found none",
			dir, ConfigFile, openAIFiles[0], hfConfigFile, huggingFaceFiles[1])
	}
	return c, err
}

// openOwn opens what [Model.Save] wrote.
func openOwn(dir string) (*Checkpoint, error) {
	c := &Checkpoint{Dir: dir, Path: filepath.Join(dir, WeightsFile), Naming: OpenAI}
	config := filepath.Join(dir, ConfigFile)
	data, err := os.ReadFile(config)
	if err != nil {
		return nil, fmt.Errorf("cannot read the model's configuration: %w", err)
	}
	if err := json.Unmarshal(data, &c.Config); err != nil {
		return nil, fmt.Errorf("%s: expected a CLIP configuration as JSON: %w", config, err)
	}
	if c.Config.Vision.Stages != nil || exists(dir, TokenizerFile) { // a published model can be used without its vocabulary
		if c.tokenizer, err = LoadTokenizer(filepath.Join(dir, TokenizerFile)); err != nil {
			return nil, err
		}
	}
	if _, err := New(c.Config, c.tokenizer, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", config, err)
	}
	file, err := safetensors.Open(c.Path)
	if err != nil {
		return nil, err
	}
	c.file = file
	c.compare()
	c.parts = checkPartners(c.Path, file.Metadata, c.Config, c.tokenizer)
	return c, nil
}

// complete creates the weights that the store does not hold yet, and names the variables there that the model does not use.
// It builds the graph of the model, which is what knows, and runs nothing.
func (m *Model) complete() (unused []string, err error) {
	if err := m.thaw(); err != nil {
		return nil, err
	}
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
