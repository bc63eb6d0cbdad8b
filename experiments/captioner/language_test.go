package captioner

import (
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets"
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

// tinyBLIP is likewise of BLIP.
func tinyBLIP(b *backend.Backend, cfg captioning.Config, vocabulary *captioning.Vocabulary, encoder *Encoder, seed int64) (*Model, error) {
	blip := captioning.SmallBLIP()
	blip.Text.Width, blip.Text.Heads, blip.EmbedDim, blip.MaxLen = 16, 2, 8, cfg.MaxLen
	return NewBLIP(b, blip, vocabulary, encoder, seed)
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
	for what, other := range map[string]maker{"the bridge linear": tinyLanguage(captioning.BridgeLinear), "that is Show and Tell": NewShowAndTell, "that is BLIP's": tinyBLIP} {
		if err := frozenWith(t, other).Adopt(dir); err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "the bridge mlp") {
			t.Errorf("expected an error that names %q and what was found, found %v", what, err)
		}
	}
}

// Each of BLIP's heads is asked of pictures and texts in any number; a captioner of another make has none.
func TestBLIPHeads(t *testing.T) {
	c := frozenWith(t, tinyBLIP)
	set := &Set{Inputs: func(i int) []float32 {
		input := make([]float32, c.Encoder.inputSize())
		for k := range input {
			input[k] = float32((k*(i+3))%11) / 11
		}
		return input
	}}
	for i := range pairBatch + 2 { // more than one batch
		set.Texts = append(set.Texts, [][]int32{{captioning.Start, []int32{captioning.Unknown, captioning.Unknown + 1}[i%11%2], captioning.End}})
		set.Examples = append(set.Examples, datasets.Example{Captions: []string{"a word"}})
	}
	e, err := c.Contrast(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	n := len(set.Texts)
	if len(e.Images) != n || len(e.Texts) != n || len(e.Owner) != n || len(e.Images[0]) != 8 {
		t.Errorf("expected %d vectors of 8 numbers of pictures and of texts, found %d and %d", n, len(e.Images), len(e.Texts))
	}
	for i, same := range map[int]int{pairBatch: pairBatch - 55, n - 1: n - 1 - 55, 20: 9} { // inputs repeat after 11 pictures
		if !slices.Equal(e.Images[i], e.Images[same]) || !slices.Equal(e.Texts[i], e.Texts[same]) {
			t.Errorf("expected pictures and texts %d and %d to have the same vectors", i, same)
		}
	}
	if slices.Equal(e.Images[0], e.Images[1]) || slices.Equal(e.Texts[0], e.Texts[1]) {
		t.Error("expected other pictures and other texts to have other vectors")
	}
	var pairs []Item
	for i := range n {
		pairs = append(pairs, Item{set.Inputs(i), set.Texts[i][0]})
	}
	odds, err := c.Matches(t.Context(), pairs)
	if err != nil || len(odds) != n || odds[0] == odds[1] {
		t.Fatalf("expected something else of each pair, found %v, %v", odds, err)
	}
	for i := 55; i < n; i++ {
		if odds[i] != odds[i-55] {
			t.Errorf("pairs %d and %d, which are the same: found %g and %g", i, i-55, odds[i], odds[i-55])
		}
	}
	alone := func(b *backend.Backend, cfg captioning.Config, vocabulary *captioning.Vocabulary, encoder *Encoder, seed int64) (*Model, error) {
		c, err := tinyBLIP(b, cfg, vocabulary, encoder, seed)
		c.BLIP.ITC, c.BLIP.ITM = 0, 0
		return c, err
	}
	for want, make := range map[string]maker{"another make": NewShowAndTell, "has not learned this head": alone} {
		other := frozenWith(t, make)
		if _, err := other.Matches(t.Context(), pairs); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("matches: expected %q, found %v", want, err)
		}
		if _, err := other.Contrast(t.Context(), set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("contrast: expected %q, found %v", want, err)
		}
	}
}
