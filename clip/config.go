package clip

import (
	"fmt"
	"math"
)

// Config describes a model completely: with the weights and the vocabulary it is the model.
type Config struct {
	EmbedDim int          `json:"embed_dim"` // D, the width of the shared space
	Vision   VisionConfig `json:"vision"`
	Text     TextConfig   `json:"text"`
}

// VisionConfig describes the image tower: a small residual network over patches.
type VisionConfig struct {
	Height int        `json:"height"` // pixels
	Width  int        `json:"width"`  // pixels
	Patch  int        `json:"patch"`  // pixels on a side of what the stem maps to one position
	Stages []Stage    `json:"stages"` // from the finest grid to the coarsest; each one halves the grid of the one before
	Mean   [3]float64 `json:"mean"`   // of the training pictures' red, green, blue in 0..1
	Std    [3]float64 `json:"std"`    // likewise
}

// Stage is a run of residual blocks on one grid.
type Stage struct {
	Channels int `json:"channels"`
	Blocks   int `json:"blocks"`
}

// TextConfig describes the text tower: the transformer of section 2.4.
type TextConfig struct {
	VocabSize     int `json:"vocab_size"`
	ContextLength int `json:"context_length"` // tokens, with start and end
	Width         int `json:"width"`
	Layers        int `json:"layers"`
	Heads         int `json:"heads"`
}

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
)

// Check says what is wrong with a configuration, if anything is.
func (c Config) Check() error {
	v, t := c.Vision, c.Text
	grid := v.Patch << max(min(len(v.Stages), maxStages)-1, 0)
	switch {
	case c.EmbedDim < 1:
		return fmt.Errorf("embed_dim: expected at least 1, found %d", c.EmbedDim)
	case len(v.Stages) == 0 || len(v.Stages) > maxStages:
		return fmt.Errorf("vision.stages: expected 1 to %d stages, found %d", maxStages, len(v.Stages))
	case v.Patch < 1 || v.Patch > maxSide || v.Height > maxSide || v.Width > maxSide:
		return fmt.Errorf("vision: expected patch, height and width of 1 to %d pixels, found %d, %d and %d", maxSide, v.Patch, v.Height, v.Width)
	case v.Height < grid || v.Width < grid || v.Height%grid != 0 || v.Width%grid != 0:
		return fmt.Errorf("vision: expected height and width to be multiples of %d (patch %d, halved %d times), found %dx%d",
			grid, v.Patch, len(v.Stages)-1, v.Height, v.Width)
	case t.VocabSize < 3 || t.ContextLength < 3:
		return fmt.Errorf("text: expected vocab_size and context_length of at least 3, found %d and %d", t.VocabSize, t.ContextLength)
	case t.Layers < 0:
		return fmt.Errorf("text.layers: expected 0 or more, found %d", t.Layers)
	case t.Heads < 1 || t.Width < 1 || t.Width%t.Heads != 0:
		return fmt.Errorf("text: expected a width that is a multiple of the %d heads, found %d", t.Heads, t.Width)
	}
	for i, s := range v.Stages {
		if s.Channels < 1 || s.Blocks < 0 {
			return fmt.Errorf("vision.stages[%d]: expected at least 1 channel, found %+v", i, s)
		}
	}
	for i := range 3 {
		if !(v.Std[i] > 0) || math.IsInf(v.Std[i], 0) {
			return fmt.Errorf("vision.std: expected three numbers above 0, found %v", v.Std)
		}
		if math.IsNaN(v.Mean[i]) || math.IsInf(v.Mean[i], 0) {
			return fmt.Errorf("vision.mean: expected three numbers, found %v", v.Mean)
		}
	}
	return nil
}
