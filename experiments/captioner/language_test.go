package captioner

import (
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// tinyLanguage makes captioners with a small language model.
func tinyLanguage(bridge captioning.Bridge) maker {
	return func(b *backend.Backend, cfg captioning.Config, vocabulary *captioning.Vocabulary, encoder *Encoder, seed int64) (*Model, error) {
		lm := captioning.SmallLanguage(bridge)
		lm.Length, lm.Layers, lm.MaxLen = 2, 1, cfg.MaxLen
		lm.Language.Width, lm.Language.Layers, lm.Language.Heads = 16, 2, 2
		return NewLanguage(b, lm, vocabulary, encoder, seed)
	}
}

// A captioner with another bridge, or of another make, is not gone on from.
func TestAdoptOtherDecoder(t *testing.T) {
	c := frozenWith(t, tinyLanguage(captioning.BridgeMLP))
	if _, err := c.Describe([][]float32{make([]float32, c.Encoder.inputSize())}); err != nil { // makes the weights
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := c.Save(dir); err != nil {
		t.Fatal(err)
	}
	if err := frozenWith(t, tinyLanguage(captioning.BridgeMLP)).Adopt(dir); err != nil {
		t.Error(err)
	}
	for what, other := range map[string]maker{"the bridge linear": tinyLanguage(captioning.BridgeLinear), "that is Show and Tell": NewShowAndTell} {
		if err := frozenWith(t, other).Adopt(dir); err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "the bridge mlp") {
			t.Errorf("expected an error that names %q and what was found, found %v", what, err)
		}
	}
}
