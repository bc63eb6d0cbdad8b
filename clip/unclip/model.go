package unclip

import (
	"fmt"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/internal/modelfolder"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Model is CLIP, prior and decoder, with their weights and vocabulary. Its methods are not safe for concurrent use.
type Model struct {
	Config    Config
	Schedule  diffusion.Schedule // of the decoder
	Tokenizer *clip.Tokenizer
	Store     *model.Store // weights, in the scopes [diffusion.CLIPScope], [PriorScope] and [diffusion.NoiseScope]
}

// Config describes it.
type Config struct {
	CLIP     diffusion.NoisedCLIP     `json:"clip"` // shown clean pictures only
	Prior    Prior                    `json:"prior"`
	Schedule diffusion.ScheduleConfig `json:"schedule"` // of the decoder's noise
	Decoder  diffusion.UNet           `json:"decoder"`
	Sampling diffusion.Sampling       `json:"sampling"` // of pictures
	Scale    float64                  `json:"scale"`    // of the decoder's guidance, unless another is asked for; 1 is none
}

// Default is a model for pictures of 16 pixels.
func Default() Config {
	return Config{CLIP: diffusion.DefaultNoisedCLIP(), Prior: DefaultPrior(), Schedule: diffusion.ScheduleConfig{Name: diffusion.Cosine, Steps: 1000},
		Decoder: diffusion.DefaultUNet(), Sampling: diffusion.Sampling{Steps: 25, Eta: 1, Bound: 1}, Scale: 2}
}

// Check says what is wrong with the configuration, if anything is.
func (c Config) Check() error {
	if err := c.Prior.Check(); err != nil {
		return err
	}
	guided := diffusion.GuidedConfig{Schedule: c.Schedule, Noise: c.Decoder, CLIP: c.CLIP, Sampling: c.Sampling, Scale: c.Scale}
	if err := guided.Check(); err != nil { // the same parts, put together otherwise
		return err
	}
	if c.CLIP.EmbedDim < 2 {
		return fmt.Errorf("clip.embed_dim: expected at least 2, found %d", c.CLIP.EmbedDim)
	}
	return nil
}

// New makes a model with fresh weights, which depend on seed. The vocabulary's size is put into the configuration.
func New(cfg Config, tokenizer *clip.Tokenizer, seed int64) (*Model, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	schedule, err := diffusion.NewSchedule(cfg.Schedule.Name, cfg.Schedule.Steps)
	if err != nil {
		return nil, err
	}
	cfg.CLIP.Text.VocabSize = tokenizer.VocabSize()
	m := &Model{cfg, schedule, tokenizer, model.NewStore()}
	m.Store.SetParam("/"+nn.SeedParam, seed)
	return m, nil
}

var (
	kind     = modelfolder.Kind{What: "model that makes pictures", ConfigFile: "unclip.json", Made: "glimpse train built/unclip"}
	isWeight = modelfolder.Within(diffusion.CLIPScope, PriorScope, diffusion.NoiseScope)
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
