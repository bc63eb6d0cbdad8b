package clip

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// What no shape shows is held against the published model of the same sizes: each of these gives wrong features by itself.
func TestCardOfPublishedSizes(t *testing.T) {
	for name, c := range map[string]struct {
		cfg    Config
		change func(c *Config)
		want   []string // none: nothing is wrong
	}{
		"unchanged":         {ViTB32(), func(*Config) {}, nil},
		"RN50":              {RN50(), func(*Config) {}, nil},
		"the end token":     {ViTB32(), func(c *Config) { c.Text.EndToken = 49407 }, nil},
		"eps of float32":    {ViTB32(), func(c *Config) { c.Text.LayerNormEps = 9.999999747378752e-06 }, nil},
		"activation":        {ViTB32(), func(c *Config) { c.Text.Activation, c.Vision.ViT.Activation = GELU, GELU }, nil},
		"image heads":       {ViTB32(), func(c *Config) { c.Vision.ViT.Heads = 8 }, []string{"image tower: expected 12", "ViT-B/32", "found 8", hfConfigFile}},
		"text heads":        {ViTB32(), func(c *Config) { c.Text.Heads = 4 }, []string{"text tower: expected 8", "found 4"}},
		"image eps":         {ViTB32(), func(c *Config) { c.Vision.ViT.LayerNormEps = 1e-3 }, []string{"layer_norm_eps in the image tower", "found 0.001"}},
		"text eps":          {ViTB32(), func(c *Config) { c.Text.LayerNormEps = 1e-6 }, []string{"layer_norm_eps in the text tower", "found 1e-06"}},
		"another end token": {ViTB32(), func(c *Config) { c.Text.EndToken = 49406 }, []string{"end token: expected 49407", "found 49406"}},
		"squashed":          {ViTB32(), func(c *Config) { c.Vision.Resize = Squash }, []string{"expected short_side", "found squash", preprocessorFile}},
		"heads of RN50":     {RN50(), func(c *Config) { c.Vision.ResNet.Heads = 16 }, []string{"image tower: expected 32", "RN50", "found 16"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.change(&c.cfg)
			card := (&Checkpoint{Dir: t.TempDir(), Naming: HuggingFace, Config: c.cfg}).card()
			if card.Published == "" {
				t.Error("these are the sizes of no published model")
			}
			if refused := strings.Join(card.Refused, "; "); (len(card.Refused) > 0) != (len(c.want) > 0) {
				t.Errorf("refused: %q", refused)
			} else {
				for _, part := range c.want {
					if !strings.Contains(refused, part) {
						t.Errorf("%q does not say %q", refused, part)
					}
				}
			}
		})
	}
}

// The vocabulary in the folder is read, and another one than the published is refused with published weights.
func TestCardOfVocabulary(t *testing.T) {
	raw, err := os.ReadFile(testdata.Golden(t, "clip/tokenizer/merges.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		merges []byte
		end    int
		want   string // "": nothing is wrong
	}{
		"published":                      {raw, 0, ""},
		"its end token":                  {raw, 49407, ""},
		"the start token":                {raw, 49406, "expected the vocabulary's 49407, found 49406"},
		"two merges the other way round": {bytes.Replace(raw, []byte("\ni n\nt h\n"), []byte("\nt h\ni n\n"), 1), 0, "expected CLIP's published vocabulary"},
		"no vocabulary":                  {[]byte("pudding\n"), 0, "expected two symbols"},
		"of another size":                {[]byte("a b\n"), 0, "found one of 515"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "merges.txt"), c.merges, 0o644); err != nil {
				t.Fatal(err)
			}
			card, m := &Card{Published: "ViT-B/32"}, &Model{Config: withEnd(ViTB32(), c.end)}
			card.checkVocabulary(m, dir)
			if refused := strings.Join(card.Refused, "; "); !strings.Contains(refused, c.want) || (refused == "") != (c.want == "") {
				t.Errorf("expected %q to be refused, found %q", c.want, refused)
			}
		})
	}
}
