package diffusion

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// Guided is a diffusion model that knows no text, with a CLIP that guides it.
type Guided struct {
	Config    GuidedConfig
	Schedule  Schedule
	Tokenizer *clip.Tokenizer
	Store     *model.Store // weights, in the scopes [NoiseScope] and [CLIPScope]
}

// GuidedConfig describes it.
type GuidedConfig struct {
	Schedule ScheduleConfig `json:"schedule"`
	Noise    UNet           `json:"noise"`
	CLIP     NoisedCLIP     `json:"clip"`
	Sampling Sampling       `json:"sampling"`
	Scale    float64        `json:"scale"` // of guidance, unless another is asked for
}

// DefaultGuided is a model for pictures of 16 pixels.
func DefaultGuided() GuidedConfig {
	return GuidedConfig{Schedule: ScheduleConfig{Cosine, 1000}, Noise: DefaultUNet(), CLIP: DefaultNoisedCLIP(), Sampling: Sampling{Steps: 25, Eta: 1, Bound: 1}, Scale: 3}
}

// ScheduleConfig says which schedule of the noise.
type ScheduleConfig struct {
	Name  ScheduleName `json:"name"`
	Steps int          `json:"steps"`
}

// Check says what is wrong with the configuration, if anything is.
func (c GuidedConfig) Check() error {
	if _, err := NewSchedule(c.Schedule.Name, c.Schedule.Steps); err != nil {
		return err
	}
	for _, err := range []error{c.Noise.Check(), c.CLIP.Image.Check(), c.Sampling.Check(c.Schedule.Steps)} {
		if err != nil {
			return err
		}
	}
	if c.Noise.Side != c.CLIP.Image.Side || c.Noise.Depth != c.CLIP.Image.Depth {
		return fmt.Errorf("noise, clip.image: expected pictures of the same side and depth, found %dx%dx%d and %dx%dx%d",
			c.Noise.Side, c.Noise.Side, c.Noise.Depth, c.CLIP.Image.Side, c.CLIP.Image.Side, c.CLIP.Image.Depth)
	}
	return nil
}

// NewGuided makes a model with fresh weights, which depend on seed. The vocabulary's size is put into the configuration.
func NewGuided(cfg GuidedConfig, tokenizer *clip.Tokenizer, seed int64) (*Guided, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	schedule, err := NewSchedule(cfg.Schedule.Name, cfg.Schedule.Steps)
	if err != nil {
		return nil, err
	}
	cfg.CLIP.Text.VocabSize = tokenizer.VocabSize()
	m := &Guided{cfg, schedule, tokenizer, model.NewStore()}
	m.Store.SetParam("/"+nn.SeedParam, seed)
	return m, nil
}

// Embed returns the unit embeddings of texts, [N, D]. One that is longer than the context is an error that names it.
func (m *Guided) Embed(b compute.Backend, texts []string) (*tensors.Tensor, error) {
	length := m.Config.CLIP.Text.ContextLength
	ids, err := m.Tokenizer.EncodeWhole(texts, length)
	if err != nil {
		return nil, err
	}
	exec, err := model.NewExec(b, m.Store, func(scope *model.Scope, ids *graph.Node) *graph.Node {
		return m.Config.CLIP.EncodeText(scope.At(CLIPScope), ids)
	})
	if err != nil {
		return nil, fmt.Errorf("cannot embed texts: %w", err)
	}
	defer exec.Finalize()
	out, err := exec.Call1(tensors.FromFlatDataAndDimensions(ids, len(texts), length))
	if err != nil {
		return nil, fmt.Errorf("cannot embed texts: %w", err)
	}
	return out, nil
}

// Sampler makes pictures with the model. Its input is what [Guided.Embed] returns.
func (m *Guided) Sampler(b compute.Backend, cfg Sampling) (*Sampler, error) {
	u := m.Config.Noise
	return NewSampler(b, m.Store, m.Schedule, cfg, u.Side, u.Depth, ByCLIP(u, m.Config.CLIP))
}

// The files of a saved model.
const (
	ConfigFile    = "diffusion.json"
	weightsFile   = "model.safetensors"
	tokenizerFile = "tokenizer.json"
)

// isWeight leaves out what the optimiser keeps.
func isWeight(path string) bool {
	for _, scope := range []string{NoiseScope, CLIPScope} {
		if len(path) > len(scope)+1 && path[:len(scope)+2] == "/"+scope+"/" {
			return true
		}
	}
	return false
}

// Save writes configuration, vocabulary and weights into the folder dir, which is made if need be.
func (m *Guided) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot save the model: %w", err)
	}
	values, err := weights.FromStore(m.Store, isWeight)
	if err != nil {
		return fmt.Errorf("cannot save the model: %w", err)
	}
	config, err := json.MarshalIndent(m.Config, "", "  ")
	if err != nil {
		return err
	}
	if err := m.Tokenizer.Save(filepath.Join(dir, tokenizerFile)); err != nil {
		return err
	}
	// The weights say which vocabulary is theirs: parts of two models never pass for one.
	partner := map[string]string{"tokenizer": m.Tokenizer.Hash()}
	return atomicfile.WriteAll(
		atomicfile.Part{Path: filepath.Join(dir, weightsFile), Fill: func(w io.Writer) error { return safetensors.Encode(w, values, partner) }},
		atomicfile.Bytes(filepath.Join(dir, ConfigFile), append(config, '\n')))
}

// LoadGuided reads a model that [Guided.Save] wrote from a folder, or from the folder model in it.
func LoadGuided(dir string) (*Guided, error) {
	if _, err := os.Stat(filepath.Join(dir, ConfigFile)); err != nil {
		dir = filepath.Join(dir, "model")
	}
	data, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		return nil, fmt.Errorf("expected a model that makes pictures (`glimpse train built/guided` makes one): %w", err)
	}
	var cfg GuidedConfig
	if err := json.Unmarshal(data, &cfg); err != nil {
		return nil, fmt.Errorf("%s: expected the configuration of a diffusion model: %w", filepath.Join(dir, ConfigFile), err)
	}
	tokenizer, err := clip.LoadTokenizer(filepath.Join(dir, tokenizerFile))
	if err != nil {
		return nil, err
	}
	m, err := NewGuided(cfg, tokenizer, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	file, err := safetensors.Load(filepath.Join(dir, weightsFile))
	if err != nil {
		return nil, err
	}
	if file.Metadata["tokenizer"] != tokenizer.Hash() {
		return nil, fmt.Errorf("%s: expected the vocabulary with which the weights were saved, found another one; save or copy the model again, all of its files", dir)
	}
	values := map[string]safetensors.Tensor{}
	for _, name := range file.Names() {
		values[name], _ = file.Get(name)
	}
	if err := weights.IntoStore(m.Store, values); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	m.Store.SetParam("/"+nn.FixedParam, true) // what is missing is an error, not a fresh weight
	return m, nil
}
