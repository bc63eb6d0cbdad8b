package segmenting

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/clip"
)

// Config describes a segmenter.
type Config struct {
	CLIP clip.Config `json:"clip"` // whose towers it stands on

	Layers     []string `json:"layers"`          // of the image tower, by the names of [clip.Layers], the coarsest grid first
	Width      int      `json:"width"`           // D, of every place in the decoder
	Heads      int      `json:"heads"`           // of attention
	Everywhere bool     `json:"film_everywhere"` // FiLM in every block; else in the first alone, as in the paper
	Dice       float64  `json:"dice"`            // weight of the Dice term in the loss; the paper has none
	Threshold  float64  `json:"threshold"`       // the probability from which on a pixel belongs to a mask
}

// Default is a decoder for the small residual towers, without a CLIP: all three grids, FiLM in every block.
func Default() Config {
	layers := []string{"visual.after_layer3", "visual.after_layer2", "visual.after_layer1"}
	return Config{Layers: layers, Width: 48, Heads: 4, Everywhere: true, Dice: 0.5, Threshold: 0.5}
}

// Check says what is wrong with a configuration, if anything is.
func (c Config) Check() error {
	switch {
	case len(c.Layers) == 0 || len(c.Layers) > maxLayers:
		return fmt.Errorf("layers: expected 1 to %d of the image tower's, found %q", maxLayers, c.Layers)
	case c.Heads < 1 || c.Width < 1 || c.Width%c.Heads != 0 || c.Width > maxWidth:
		return fmt.Errorf("width: expected a multiple of heads, at most %d, found %d and %d heads", maxWidth, c.Width, c.Heads)
	case !(c.Dice >= 0 && c.Dice <= maxDice):
		return fmt.Errorf("dice: expected a weight from 0 to %d, found %g", maxDice, c.Dice)
	case !(c.Threshold > 0 && c.Threshold < 1):
		return fmt.Errorf("threshold: expected a probability between 0 and 1, found %g", c.Threshold)
	}
	return nil
}

// Bounds, so that a damaged file asks for nothing absurd.
const (
	maxLayers = 1 << 6
	maxWidth  = 1 << 12
	maxDice   = 1000
)

// whole is [Config.Check] of a segmenter that is to be built.
func (c Config) whole() error {
	if err := c.CLIP.Check(); err != nil {
		return err
	}
	return c.Check()
}
