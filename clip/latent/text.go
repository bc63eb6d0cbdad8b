package latent

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/diffusion"
)

// Text describes the text encoder: the transformer of CLIP's text tower, whoever trained it.
type Text struct {
	Tower  clip.TextConfig `json:"tower"`  // vocab_size is set from the vocabulary
	Joint  int             `json:"joint"`  // numbers of the embedding that the tower was trained for; not read
	Length int             `json:"length"` // L, tokens that are read of a text, with start and end
	Skip   int             `json:"skip"`   // blocks at the tower's end that are left out: what they make of a token serves what the tower was trained for
}

// Check says what is wrong with the sizes, if anything is.
func (t Text) Check() error {
	if t.Length < 3 || t.Length > t.Tower.ContextLength {
		return fmt.Errorf("text.length: expected 3 to the tower's context_length of %d, found %d", t.Tower.ContextLength, t.Length)
	}
	if max(t.Joint, t.Tower.Layers, t.Tower.Width, t.Tower.ContextLength) > diffusion.MaxSize {
		return fmt.Errorf("text: expected sizes of at most %d, found %+v", diffusion.MaxSize, t)
	}
	if t.Skip < 0 || t.Skip >= t.Tower.Layers {
		return fmt.Errorf("text.skip: expected 0 or more, and fewer than the tower's %d blocks, found %d", t.Tower.Layers, t.Skip)
	}
	if t.Joint < 1 || t.Tower.Layers < 1 || t.Tower.Heads < 1 || t.Tower.Width < t.Tower.Heads || t.Tower.Width%t.Tower.Heads != 0 {
		return fmt.Errorf("text: expected layers, and a width that the heads divide, found %+v", t)
	}
	return nil
}

// Tokens are the states of all tokens, ids [N, L] (int32) to [N, L, W]: behind the last block that is not left out, or behind the last layer norm if none is.
func (t Text) Tokens(scope *model.Scope, ids *graph.Node) *graph.Node {
	ids.AssertDims(-1, t.Length)
	_, layers := clip.TextTower(scope, t.Tower, t.Joint, ids)
	at := len(layers) - 1 // the norm
	if t.Skip > 0 {
		at -= 1 + t.Skip
	}
	states := layers[at].Value
	states.AssertDims(ids.Shape().Dim(0), t.Length, t.Tower.Width)
	return states
}

// States are [Text.Tokens] of a frozen encoder: no gradient flows back.
func (t Text) States(scope *model.Scope, ids *graph.Node) *graph.Node {
	return graph.StopGradient(t.Tokens(scope, ids))
}
