package captioner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// Adopt takes over the weights of a captioner that [Model.Save] wrote to the folder dir, to go on from there. Its vocabulary
// has to be c's, word for word, its weights have to have c's shapes, and its encoder has to be c's: the same network, or, if c trains
// the network further, the one that c starts from. What its features are multiplied by is taken over too: the decoder is used to it.
func (c *Model) Adopt(dir string) error {
	if err := c.single(); err != nil {
		return err
	}
	vocabulary, err := captioning.LoadVocabulary(filepath.Join(dir, vocabularyFile))
	if err != nil {
		return err
	}
	if theirs, ours := vocabulary.Words(), c.Vocabulary.Words(); !slices.Equal(theirs, ours) {
		return fmt.Errorf("%s: expected the %d words that these captions have, found a vocabulary of %d, the first other one at place %d; "+
			"train on the same pictures and min_count", dir, len(ours), len(theirs), firstOther(theirs, ours))
	}
	file, err := readConfig(dir)
	if err != nil {
		return err
	}
	if err := c.Encoder.sameAs(file); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, ConfigFile), err)
	}
	if err := c.sameDecoder(file); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, ConfigFile), err)
	}
	saved, err := safetensors.Load(filepath.Join(dir, weightsFile))
	if err != nil {
		return err
	}
	if err := checkWeights(saved, c.decoder().WeightShapes()); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, weightsFile), err)
	}
	if err := weights.IntoStore(c.Store, saved.Tensors); err != nil {
		return err
	}
	if file.Scale != 0 {
		c.Encoder.scale = file.Scale
	}
	return nil
}

// sameDecoder is an error if a saved captioner's decoder is of another make than c's, or another bridge to its language model, or one of other sizes. The
// sizes of the others are left to the weights' shapes.
func (c *Model) sameDecoder(file captionerFile) error {
	make := func(tells bool, language *captioning.LanguageConfig, blip *captioning.BLIPConfig) string {
		switch {
		case language != nil:
			l := language.Language
			return fmt.Sprintf("a language model with the bridge %s (length %d, layers %d; %d blocks of width %d)", language.Bridge, language.Length, language.Layers, l.Layers, l.Width)
		case blip != nil:
			return fmt.Sprintf("BLIP's, of %d layers of width %d and %d heads (contrast: %v, matching: %v)", blip.Text.Layers, blip.Text.Width, blip.Text.Heads, blip.ITC > 0, blip.ITM > 0)
		case tells:
			return "Show and Tell"
		}
		return "Show, Attend and Tell"
	}
	if ours, theirs := make(c.Tells, c.Language, c.BLIP), make(file.Tells, file.Language, file.BLIP); ours != theirs {
		return fmt.Errorf("expected a captioner that is %s, found %s; go on with one of the same make", ours, theirs)
	}
	return nil
}

// sameAs is an error if the decoder of a saved captioner has learnt to read another encoder's features: their width alone, which
// the shapes of the weights hold, does not tell SqueezeNet from a ResNet with as many channels.
func (e *Encoder) sameAs(file captionerFile) error {
	other := func(what string) error {
		return fmt.Errorf("expected the encoder that the decoder is to go on with, %s, found %s; %s", e.name, file.Encoder, what)
	}
	switch {
	case file.Network != nil: // fine-tuned: its weights are in the captioner
		if !e.fineTuned() {
			return other("its weights were trained with the decoder: go on with fine_tune=true")
		}
		ours, err := json.Marshal(e.net.config)
		if err != nil {
			return err
		}
		var theirs bytes.Buffer
		if err := json.Compact(&theirs, file.Network); err != nil || theirs.String() != string(ours) {
			return other("they are networks of other kinds or sizes")
		}
	case file.EncoderSHA256 != "":
		ours, err := e.fingerprint()
		if err != nil {
			return err
		}
		if ours != file.EncoderSHA256 {
			return other("name the encoder of its training, with that size and its weights")
		}
	case file.Encoder != e.name:
		return other("name the encoder of its training")
	}
	return nil
}

// fingerprint is that of the published network that the encoder is, or starts from; empty for one that is made from scratch.
func (e *Encoder) fingerprint() (string, error) {
	switch {
	case e.frozen != nil:
		return e.frozen.Fingerprint(), nil
	case e.fineTuned():
		return e.net.fingerprint(e.size)
	}
	return "", nil
}

// firstOther is the first place where two lists differ.
func firstOther(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
