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
		Text: TextConfig{VocabSize: vocabSize, ContextLength: 24, Width: 128, Layers: 2, Heads: 4},
	}
}

// Tiny is for tests: every part is there, nothing is large.
func Tiny(vocabSize int) Config {
	c := Small(vocabSize)
	c.EmbedDim = 16
	c.Vision.Height, c.Vision.Width = 32, 32
	c.Vision.Stages = []Stage{{Channels: 8, Blocks: 1}, {Channels: 16, Blocks: 1}}
	c.Text.Width, c.Text.Layers, c.Text.Heads, c.Text.ContextLength = 16, 1, 2, 12
	return c
}

// The temperature: logits are exp(logit_scale) times the cosine (figure 3). It starts at tau = 0.07 and the scale is
// kept at 100 or less (section 2.5).
var (
	InitialLogitScale = math.Log(1 / 0.07)
	MaxLogitScale     = math.Log(100)
)

// Check says what is wrong with a configuration, if anything is.
func (c Config) Check() error {
	v, t := c.Vision, c.Text
	grid := v.Patch << max(len(v.Stages)-1, 0)
	switch {
	case c.EmbedDim < 1:
		return fmt.Errorf("embed_dim: expected at least 1, found %d", c.EmbedDim)
	case len(v.Stages) == 0:
		return fmt.Errorf("vision.stages: expected at least one stage, found none")
	case v.Patch < 1 || v.Height < grid || v.Width < grid || v.Height%grid != 0 || v.Width%grid != 0:
		return fmt.Errorf("vision: expected height and width to be multiples of %d (patch %d, halved %d times), found %dx%d",
			grid, v.Patch, len(v.Stages)-1, v.Height, v.Width)
	case t.VocabSize < 3 || t.ContextLength < 3 || t.Layers < 0:
		return fmt.Errorf("text: expected vocab_size and context_length of at least 3, found %d and %d", t.VocabSize, t.ContextLength)
	case t.Heads < 1 || t.Width < 1 || t.Width%t.Heads != 0:
		return fmt.Errorf("text: expected a width that is a multiple of the %d heads, found %d", t.Heads, t.Width)
	}
	for i, s := range v.Stages {
		if s.Channels < 1 || s.Blocks < 0 {
			return fmt.Errorf("vision.stages[%d]: expected at least 1 channel, found %+v", i, s)
		}
	}
	for i := range 3 {
		if !(v.Std[i] > 0) {
			return fmt.Errorf("vision.std: expected three numbers above 0, found %v", v.Std)
		}
	}
	return nil
}
