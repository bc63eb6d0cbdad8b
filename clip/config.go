package clip

import (
	"math"
)

// Config describes a model completely: with the weights and the vocabulary it is the model.
type Config struct {
	EmbedDim int          `json:"embed_dim"` // D, the width of the shared space
	Vision   VisionConfig `json:"vision"`
	Text     TextConfig   `json:"text"`
}

// VisionConfig describes the image tower. Exactly one of Stages, ViT and ResNet is set: it is the tower's kind.
type VisionConfig struct {
	Height int           `json:"height"`           // pixels
	Width  int           `json:"width"`            // pixels
	Patch  int           `json:"patch,omitempty"`  // pixels on a side of what the stem maps to one position; of Stages and ViT
	Stages []Stage       `json:"stages,omitempty"` // a small residual network: from the finest grid to the coarsest, each half the one before
	ViT    *ViTConfig    `json:"vit,omitempty"`    // a vision transformer
	ResNet *ResNetConfig `json:"resnet,omitempty"` // CLIP's modified ResNet
	Mean   [3]float64    `json:"mean"`             // of the training pictures' red, green, blue in 0..1
	Std    [3]float64    `json:"std"`              // likewise

	Resize            Resize  `json:"resize,omitempty"`              // how a picture gets its size
	BatchNormMomentum float64 `json:"batch_norm_momentum,omitempty"` // share of the batch in the running statistics; 0 means 0.1
}

// Stage is a run of residual blocks on one grid.
type Stage struct {
	Channels int `json:"channels"`
	Blocks   int `json:"blocks"`
}

// ViTConfig is a vision transformer (Dosovitskiy et al. 2020) as CLIP has it: one more layer norm in front.
type ViTConfig struct {
	Width        int        `json:"width"`
	Layers       int        `json:"layers"`
	Heads        int        `json:"heads"`
	MLP          int        `json:"mlp,omitempty"`            // hidden units of a block's network; 0 means 4 * width
	Activation   Activation `json:"activation,omitempty"`     // of that network
	LayerNormEps float64    `json:"layer_norm_eps,omitempty"` // 0 means 1e-5
}

// ResNetConfig is CLIP's modified ResNet: a stem of three convolutions, bottlenecks that halve the grid by averaging,
// attention pooling. Its last stage has 32 * width channels.
type ResNetConfig struct {
	Blocks []int `json:"blocks"` // of the four stages
	Width  int   `json:"width"`  // channels behind the stem
	Heads  int   `json:"heads"`  // of the attention pool
}

// TextConfig describes the text tower: the transformer of section 2.4.
type TextConfig struct {
	VocabSize     int        `json:"vocab_size"`
	ContextLength int        `json:"context_length"` // tokens, with start and end
	Width         int        `json:"width"`
	Layers        int        `json:"layers"`
	Heads         int        `json:"heads"`
	MLP           int        `json:"mlp,omitempty"`            // hidden units of a block's network; 0 means 4 * width
	Activation    Activation `json:"activation,omitempty"`     // of that network
	LayerNormEps  float64    `json:"layer_norm_eps,omitempty"` // 0 means 1e-5
	EndToken      int        `json:"end_token,omitempty"`      // the feature is taken where this id is first; 0 means at the largest id
}

// Activation is the nonlinearity of a transformer's blocks. The zero value is QuickGELU, with which CLIP was published.
type Activation string

const (
	QuickGELU Activation = "quick_gelu" // x * sigmoid(1.702 x)
	GELU      Activation = "gelu"       // x/2 * (1 + erf(x/sqrt 2)), which most models of OpenCLIP have
)

// name is the activation's name, the zero value's too.
func (a Activation) name() Activation {
	if a == "" {
		return QuickGELU
	}
	return a
}

// Resize is how a picture gets the model's size. The zero value squashes.
type Resize string

const (
	Squash    Resize = "squash"     // height and width by themselves, so that all of it is seen
	ShortSide Resize = "short_side" // the short side, and the middle is cut out, as CLIP does
)

// Small is the model of `make demo`: trained from scratch in minutes on two cores. Sizes are this project's own.
func Small(vocabSize int) Config {
	return Config{
		EmbedDim: 128,
		Vision: VisionConfig{
			Height: 64, Width: 64, Patch: 4,
			Stages: []Stage{{Channels: 64, Blocks: 0}, {Channels: 128, Blocks: 1}, {Channels: 256, Blocks: 1}},
			Mean:   [3]float64{0.5, 0.5, 0.5}, Std: [3]float64{0.25, 0.25, 0.25},
		},
		Text: TextConfig{VocabSize: vocabSize, ContextLength: 20, Width: 128, Layers: 2, Heads: 4},
	}
}

// Tiny is for tests and quick forms: every part is there, nothing is large, and it learns Scenes in seconds.
func Tiny(vocabSize int) Config {
	c := Small(vocabSize)
	c.EmbedDim = 32
	c.Vision.Height, c.Vision.Width = 32, 32
	c.Vision.Stages = []Stage{{Channels: 32, Blocks: 1}, {Channels: 64, Blocks: 1}}
	c.Text.Width, c.Text.Layers, c.Text.Heads, c.Text.ContextLength = 32, 1, 2, 12
	return c
}

// The temperature: logits are exp(logit_scale) times the cosine (figure 3). It starts at tau = 0.07 and the scale is
// kept at 100 or less (section 2.5).
var (
	InitialLogitScale = math.Log(1 / 0.07)
	MaxLogitScale     = math.Log(100)
)

// No model needs more than this; a damaged file may ask for it.
const (
	maxStages = 16
	maxSide   = 1 << 14
	maxLayers = 1 << 10
	maxWidth  = 1 << 20
)
