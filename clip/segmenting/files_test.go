package segmenting

import (
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/modelfolder"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// wide is a picture that is not square.
func wide() image.Image {
	img := image.NewGray(image.Rect(0, 0, 40, 30))
	for i := range img.Pix {
		img.Pix[i] = uint8(i * 7)
	}
	return img
}

// maskOf is where a model finds a text.
func maskOf(t *testing.T, m *Model, text string) (*Mask, error) {
	t.Helper()
	b := backendtest.Go(t)
	conditions, err := m.Texts(b, []string{text})
	if err != nil {
		return nil, err
	}
	return m.Mask(b, wide(), conditions[0])
}

// A segmenter that was saved masks as before, from its own folder and from that of a run.
func TestSaveAndLoad(t *testing.T) {
	m, run := tiny(t, nil), t.TempDir()
	want, err := maskOf(t, m, "the red circle")
	if err != nil {
		t.Fatal(err)
	}
	if want.Width != 40 || want.Height != 30 || len(want.Probabilities) != 1200 {
		t.Errorf("found a mask of %d x %d", want.Width, want.Height)
	}
	seen, err := m.Examples(backendtest.Go(t), []image.Image{wide()})
	if err != nil || len(seen) != 1 || len(seen[0]) != 6 {
		t.Errorf("found %v, %v", seen, err)
	}
	if err := m.Save(filepath.Join(run, "model")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{run, filepath.Join(run, "model")} {
		loaded, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		found, err := maskOf(t, loaded, "the red circle")
		if err != nil {
			t.Fatal(err)
		}
		near(t, dir, found.Probabilities, want.Probabilities, true)
		loaded.Close()
	}
}

// Folders that hold something else, or part of a segmenter, are refused with a sentence.
func TestLoadRefuses(t *testing.T) {
	m := tiny(t, nil)
	if _, err := maskOf(t, m, "red"); err != nil { // makes the weights
		t.Fatal(err)
	}
	for want, damage := range map[string]func(dir string) error{
		"expected a model that segments":   func(dir string) error { return os.Remove(filepath.Join(dir, ConfigFile)) },
		"expected a configuration as JSON": func(dir string) error { return os.WriteFile(filepath.Join(dir, ConfigFile), []byte("{"), 0o644) },
		"width: expected a multiple":       func(dir string) error { return edit(dir, `"width": 8,`, `"width": 9,`) },
		"found others":                     func(dir string) error { return edit(dir, `"threshold": 0.5`, `"threshold": 0.6`) },
		"tokenizer.json":                   func(dir string) error { return os.Remove(filepath.Join(dir, clip.TokenizerFile)) },
		"found optimizer.step": func(dir string) error {
			return reweigh(dir, func(all map[string]safetensors.Tensor) { all["optimizer.step"] = all["segmenting.norm.weight"] })
		},
		"expected it among the weights": func(dir string) error {
			return reweigh(dir, func(all map[string]safetensors.Tensor) { delete(all, "segmenting.norm.weight") })
		},
	} {
		dir := t.TempDir()
		if err := m.Save(dir); err != nil {
			t.Fatal(err)
		}
		if err := damage(dir); err != nil {
			t.Fatal(err)
		}
		loaded, err := Load(dir)
		if err == nil {
			_, err = maskOf(t, loaded, "red")
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, found %v", want, err)
		}
	}
}

// edit replaces a part of a saved configuration.
func edit(dir, old, replacement string) error {
	return os.WriteFile(filepath.Join(dir, ConfigFile), []byte(strings.ReplaceAll(contents(dir), old, replacement)), 0o644)
}

func contents(dir string) string {
	data, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		panic(err)
	}
	return string(data)
}

// reweigh changes the saved weights.
func reweigh(dir string, change func(all map[string]safetensors.Tensor)) error {
	file, err := safetensors.Load(filepath.Join(dir, modelfolder.WeightsFile))
	if err == nil {
		change(file.Tensors)
		err = safetensors.Write(filepath.Join(dir, modelfolder.WeightsFile), file.Tensors, file.Metadata)
	}
	return err
}

func TestConfigRefuses(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"layers: expected 1 to 64":               func(c *Config) { c.Layers = nil },
		"width: expected a multiple of heads":    func(c *Config) { c.Width = 9 },
		"dice: expected a weight":                func(c *Config) { c.Dice = -1 },
		"threshold: expected a probability betw": func(c *Config) { c.Threshold = 1 },
	} {
		c := tiny(t, nil).Config
		change(&c)
		if err := c.whole(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, found %v", want, err)
		}
	}
	eye, err := clip.New(clip.Tiny(300), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Default(), eye, 1); err == nil || !strings.Contains(err.Error(), "with a vocabulary") {
		t.Errorf("found %v", err)
	}
}
