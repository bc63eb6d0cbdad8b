package diffusion

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/modelfolder"
	"github.com/glimpse-ml/glimpse/internal/nn"
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
	for _, err := range []error{c.Noise.Check(), c.CLIP.Check(), c.Sampling.Check(c.Schedule.Steps)} {
		if err != nil {
			return err
		}
	}
	if !(c.Scale >= 0) {
		return fmt.Errorf("scale: expected 0 or more, found %g", c.Scale)
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

// ConfigFile is the file of a saved [Guided] that holds its configuration.
const ConfigFile = "diffusion.json"

var (
	kind     = modelfolder.Kind{What: "model that makes pictures", ConfigFile: ConfigFile, Made: "glimpse train built/guided"}
	isWeight = modelfolder.Within(NoiseScope, CLIPScope)
)

// Save writes configuration, vocabulary and weights into the folder dir, which is made if need be.
func (m *Guided) Save(dir string) error {
	return kind.Save(dir, m.Config, m.Tokenizer, m.Store, isWeight)
}

// LoadGuided reads a model that [Guided.Save] wrote from a folder, or from the folder model in it.
func LoadGuided(dir string) (*Guided, error) {
	return modelfolder.Load(kind, dir, clip.LoadTokenizer, NewGuided, func(m *Guided) *model.Store { return m.Store }, isWeight)
}
