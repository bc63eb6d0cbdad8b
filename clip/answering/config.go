package answering

import (
	"fmt"
	"slices"

	"github.com/glimpse-ml/glimpse/clip"
)

// Sight is what a network is shown of a picture.
type Sight string

const (
	Grid    Sight = "grid"    // what the image tower knows of every place
	Pooled  Sight = "pooled"  // CLIP's embedding, one vector for the whole picture
	Nothing Sight = "nothing" // a baseline: what can be guessed from the question
)

// Config describes a network.
type Config struct {
	Vision   clip.VisionConfig `json:"vision"`
	EmbedDim int               `json:"embed_dim"` // of the CLIP whose tower that is

	Sees Sight `json:"sees"`
	Deaf bool  `json:"deaf"` // a baseline: it does not hear the question, and knows what can be guessed from the picture

	Width  int `json:"width"`  // W, of words and places
	Hidden int `json:"hidden"` // H, of the GRU that reads the question
	Blocks int `json:"blocks"` // FiLM blocks, in which the question tells the places what to look for
	Length int `json:"length"` // most words of a question

	Words   []string `json:"words"`   // that it knows, sorted
	Answers []string `json:"answers"` // that it chooses from
}

// Default is a network for small pictures, without words, answers and a tower.
func Default() Config {
	return Config{Sees: Grid, Width: 64, Hidden: 64, Blocks: 3, Length: 12}
}

// Check says what is wrong with a configuration, if anything is.
func (c Config) Check() error {
	switch {
	case c.Sees != Grid && c.Sees != Pooled && c.Sees != Nothing:
		return fmt.Errorf("sees: expected %s, %s or %s, found %q", Grid, Pooled, Nothing, c.Sees)
	case c.Sees == Nothing && c.Deaf:
		return fmt.Errorf("sees: expected a network that sees or hears something, found one that is blind and deaf")
	case c.Hidden == 0:
		return fmt.Errorf("hidden: expected at least 1 number of the GRU that reads the question, found none; a network that was saved before questions were read so has to be trained again")
	case min(c.Width, c.Hidden) < 1 || max(c.Width, c.Hidden) > maxWidth:
		return fmt.Errorf("width, hidden: expected 1 to %d of each, found %d and %d", maxWidth, c.Width, c.Hidden)
	case c.Blocks < 1 || c.Blocks > maxBlocks:
		return fmt.Errorf("blocks: expected 1 to %d, found %d", maxBlocks, c.Blocks)
	case c.Length < 1 || c.Length > maxLength:
		return fmt.Errorf("length: expected 1 to %d words, found %d", maxLength, c.Length)
	}
	return nil
}

// Bounds, so that a damaged file asks for nothing absurd.
const (
	maxWidth  = 1 << 12
	maxBlocks = 1 << 7
	maxLength = 1 << 9
)

// whole is [Config.Check] of a network that is to be built.
func (c Config) whole() error {
	switch {
	case len(c.Words) == 0 || !slices.IsSorted(c.Words) || len(slices.Compact(slices.Clone(c.Words))) != len(c.Words):
		return fmt.Errorf("words: expected the words of the questions, sorted and each once, found %q", c.Words)
	case len(c.Answers) < 2:
		return fmt.Errorf("answers: expected at least 2 to choose from, found %q", c.Answers)
	}
	tower := clip.Config{EmbedDim: c.EmbedDim, Vision: c.Vision, Text: clip.Tiny(3).Text} // the text tower is no part of the network
	if err := tower.Check(); err != nil {
		return err
	}
	return c.Check()
}

// grid is how the places lie.
func (c Config) grid() (high, wide int) {
	if c.Sees != Grid {
		return 1, 1
	}
	high, wide, _ = c.Vision.Grid()
	return high, wide
}

// tokens is how many words a question has for the graph, with the mark in front.
func (c Config) tokens() int {
	if c.Deaf {
		return 1
	}
	return 1 + c.Length
}
