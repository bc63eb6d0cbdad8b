package clip

import (
	"bytes"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
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
		"of another size":                {[]byte("a b</w>\n"), 0, "found one of 515"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "merges.txt"), c.merges, 0o644); err != nil {
				t.Fatal(err)
			}
			card, m := &Card{}, &Model{Config: withEnd(ViTB32(), c.end)}
			card.checkVocabulary(m, dir)
			if refused := strings.Join(card.Refused, "; "); !strings.Contains(refused, c.want) || (refused == "") != (c.want == "") {
				t.Errorf("expected %q to be refused, found %q", c.want, refused)
			}
		})
	}
}

// referenceOf writes what a model computes for a picture and a text, changed, as a reference.
func referenceOf(t *testing.T, b compute.Backend, m *Model, change func(outputs map[string]safetensors.Tensor)) *Reference {
	t.Helper()
	v, dir := m.Config.Vision, t.TempDir()
	in := Inputs{Images: make([]float32, 3*v.Height*v.Width), IDs: []int32{28, 5, 29}, Length: 3}
	in.Images[7] = 1
	outputs, err := m.Evaluate(b, in, Wanted{Layers: true})
	if err != nil {
		t.Fatal(err)
	}
	change(outputs)
	inputs := map[string]safetensors.Tensor{
		"images": safetensors.FromFloat32s(in.Images, 1, 3, v.Height, v.Width), "text_ids": safetensors.FromInt32s(in.IDs, 1, 3),
	}
	for name, tensors := range map[string]map[string]safetensors.Tensor{"inputs": inputs, "outputs": outputs} {
		if err := safetensors.Write(filepath.Join(dir, name+".safetensors"), tensors, nil); err != nil {
			t.Fatal(err)
		}
	}
	r, err := OpenReference(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A comparison passes only when the features were compared, with numbers.
func TestCompareNeedsAReference(t *testing.T) {
	m, err := New(tinyViT(), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	b := backendtest.Go(t)
	inf := float32(math.Inf(1))
	for name, c := range map[string]struct {
		change func(outputs map[string]safetensors.Tensor)
		want   []string // none: it can be compared
	}{
		"whole": {func(map[string]safetensors.Tensor) {}, nil},
		"features only": {func(o map[string]safetensors.Tensor) {
			maps.DeleteFunc(o, func(name string, _ safetensors.Tensor) bool { return !strings.HasSuffix(name, "_features") })
		}, nil},
		"other names": {func(o map[string]safetensors.Tensor) {
			o["image_embeds"] = o["image_features"]
			delete(o, "image_features")
		}, []string{"expected image_features", "outputs.safetensors", "glimpse encode"}},
		"no texts":     {func(o map[string]safetensors.Tensor) { delete(o, "text_features") }, []string{"expected text_features"}},
		"infinite":     {func(o map[string]safetensors.Tensor) { o["loss"] = safetensors.FromFloat32s([]float32{inf}) }, []string{"the reference's loss", "+Inf"}},
		"not a number": {func(o map[string]safetensors.Tensor) { o["loss"] = safetensors.FromFloat32s([]float32{inf - inf}) }, []string{"the reference's loss", "NaN"}},
	} {
		t.Run(name, func(t *testing.T) {
			card := &Card{}
			_, err := card.Compare(b, "go", m, referenceOf(t, b, m, c.change))
			if c.want != nil {
				sentence(t, err, c.want...)
			} else if err != nil || len(card.Refused) > 0 || len(card.Compared[0].Layers) < 2 {
				t.Errorf("found %+v (%v)", card, err)
			}
		})
	}
	card, infinite := &Card{}, map[string]safetensors.Tensor{"image_features": safetensors.FromFloat32s([]float32{inf})}
	if card.CompareBackends("one", "another", infinite, infinite); len(card.Refused) != 1 {
		t.Errorf("infinite features on two backends: refused %q", card.Refused)
	}
}
