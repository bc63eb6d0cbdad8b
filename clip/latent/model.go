package latent

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/diffusion"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// Config describes a model.
type Config struct {
	Schedule diffusion.ScheduleConfig `json:"schedule"`
	Auto     Autoencoder              `json:"autoencoder"`
	Noise    diffusion.UNet           `json:"noise"` // of latents: its side, depth and patch follow from the autoencoder
	Text     Text                     `json:"text"`
	Sampling diffusion.Sampling       `json:"sampling"` // its bound is one of latents divided by their deviation
	Scale    float64                  `json:"scale"`    // of guidance, unless another is asked for

	Deviation float64 `json:"deviation"` // of the autoencoder's latents: they are divided by it before noise is added
}

// Default is a model for pictures of 32 pixels.
func Default() Config {
	c := Config{Schedule: diffusion.ScheduleConfig{Name: diffusion.Cosine, Steps: 1000}, Auto: DefaultAutoencoder(), Noise: diffusion.DefaultUNet(),
		Text:     Text{Tower: clip.TextConfig{ContextLength: 16, Width: 64, Layers: 2, Heads: 4}, Joint: 64, Length: 16, Skip: 1},
		Sampling: diffusion.Sampling{Steps: 20, Bound: 4}, Scale: 2, Deviation: 1}
	c.Noise.Side, c.Noise.Depth, c.Noise.Patch = c.Auto.Latents(), c.Auto.Depth, 1
	return c
}

// Check says what is wrong with the configuration, if anything is.
func (c Config) Check() error {
	if _, err := diffusion.NewSchedule(c.Schedule.Name, c.Schedule.Steps); err != nil {
		return err
	}
	for _, err := range []error{c.Auto.Check(), c.Noise.Check(), c.Text.Check(), c.Sampling.Check(c.Schedule.Steps)} {
		if err != nil {
			return err
		}
	}
	if c.Noise.Side != c.Auto.Latents() || c.Noise.Depth != c.Auto.Depth {
		return fmt.Errorf("noise: expected a side of %d and a depth of %d, which the autoencoder's latents have, found %d and %d", c.Auto.Latents(), c.Auto.Depth, c.Noise.Side, c.Noise.Depth)
	}
	if !(c.Scale >= 0) {
		return fmt.Errorf("scale: expected 0 or more, found %g", c.Scale)
	}
	if !(c.Deviation > 0) {
		return fmt.Errorf("deviation: expected more than 0, found %g", c.Deviation)
	}
	return nil
}

// The parts of a model have scopes of their own.
const (
	AutoScope  = "auto"  // the autoencoder
	TextScope  = "text"  // the text encoder
	NoiseScope = "noise" // the network that tells the noise
)

// Model is a model with its weights and vocabulary.
type Model struct {
	Config    Config
	Schedule  diffusion.Schedule
	Tokenizer *clip.Tokenizer
	Store     *model.Store
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
	cfg.Text.Tower.VocabSize = tokenizer.VocabSize()
	m := &Model{cfg, schedule, tokenizer, model.NewStore()}
	m.Store.SetParam("/"+nn.SeedParam, seed)
	return m, nil
}

// Latents maps pictures x [N, side, side, 3] to the latents that noise is added to, of deviation 1: the encoder's means, [N, h, w, c]. No gradient flows back.
func (m *Model) Latents(scope *model.Scope, x *graph.Node) *graph.Node {
	mean := m.Config.Auto.Encode(scope.At(AutoScope), x).Mean
	return graph.StopGradient(graph.DivScalar(mean, m.Config.Deviation))
}

// Pictures maps such latents to pictures, [N, side, side, 3].
func (m *Model) Pictures(scope *model.Scope, z *graph.Node) *graph.Node {
	return m.Config.Auto.Decode(scope.At(AutoScope), graph.MulScalar(z, m.Config.Deviation))
}

// Loss is the network's error on pictures x [N, side, side, 3] and token ids [N, L] of their texts, with noise e [N, h, w, c] at the steps t [N] (int32): a scalar, the
// mean square of the error of v (paper: equation 3). Where drop [N] (float32) is 1 the network is not told the text.
func (m *Model) Loss(scope *model.Scope, x, e, t, ids, drop *graph.Node) *graph.Node {
	z := m.Latents(scope, x)
	words := Dropped(m.Config.Text.States(scope.At(TextScope), ids), drop)
	return m.Schedule.Loss(V(scope.At(NoiseScope), m.Config.Noise, m.Schedule.Noised(z, e, t), diffusion.AsFloat(t), words), z, e, t)
}

// Embed returns the states [N, L, W] of the tokens of texts. A text that is longer than what is read is an error that names it.
func (m *Model) Embed(b compute.Backend, texts []string) (*tensors.Tensor, error) {
	ids, err := m.Tokenizer.EncodeWhole(texts, m.Config.Text.Length)
	if err != nil {
		return nil, err
	}
	exec, err := model.NewExec(b, m.Store, func(scope *model.Scope, ids *graph.Node) *graph.Node {
		return m.Config.Text.States(scope.At(TextScope), ids)
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read texts: %w", err)
	}
	defer exec.Finalize()
	out, err := exec.Call1(tensors.FromFlatDataAndDimensions(ids, len(texts), m.Config.Text.Length))
	if err != nil {
		return nil, fmt.Errorf("cannot read texts: %w", err)
	}
	return out, nil
}

// Sampler makes latents of deviation 1 with the model, which [Model.Decoder] makes pictures of. Its input is what [Model.Embed] returns.
func (m *Model) Sampler(b compute.Backend, cfg diffusion.Sampling) (*diffusion.Sampler, error) {
	u := m.Config.Noise
	return diffusion.NewSampler(b, m.Store, m.Schedule, cfg, u.Side, u.Depth, ByWords(u))
}
