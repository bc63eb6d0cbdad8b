package answering

import (
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/modelfolder"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// checkered is a picture that is not square.
func checkered() image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for y := range 30 {
		for x := range 40 {
			img.Set(x, y, color.RGBA{uint8(6 * x), uint8(8 * y), 90, 255})
		}
	}
	return img
}

// A network that was saved answers as before, from its own folder and from that of a run.
func TestSaveAndLoad(t *testing.T) {
	b, m, run := backendtest.Go(t), tiny(t, nil), t.TempDir()
	want, err := m.Ask(b, checkered(), "what colour is the circle?")
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i, a := range want {
		sum += a.Probability
		if i > 0 && a.Probability > want[i-1].Probability {
			t.Errorf("expected the likeliest first, found %v", want)
		}
	}
	if sum < 0.9999 || sum > 1.0001 || len(want) != 3 {
		t.Errorf("expected probabilities of 3 answers, found %v", want)
	}
	if err := m.Save(filepath.Join(run, "model")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{run, filepath.Join(run, "model")} {
		loaded, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		found, err := loaded.Ask(b, checkered(), "what colour is the circle?")
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if found[i] != want[i] {
				t.Errorf("expected %v, found %v", want, found)
			}
		}
		loaded.Close()
	}
}

// Folders that hold something else, or part of a network, are refused with a sentence.
func TestLoadRefuses(t *testing.T) {
	b, m := backendtest.Go(t), tiny(t, nil)
	if _, err := m.Ask(b, checkered(), "how many"); err != nil { // makes the weights
		t.Fatal(err)
	}
	for want, damage := range map[string]func(dir string) error{
		"expected a network that answers questions": func(dir string) error { return os.Remove(filepath.Join(dir, ConfigFile)) },
		"expected a configuration as JSON":          func(dir string) error { return os.WriteFile(filepath.Join(dir, ConfigFile), []byte("{"), 0o644) },
		"answers: expected at least 2":              func(dir string) error { return edit(dir, `"answers": [`, `"answers": [], "x": [`) },
		"found others":                              func(dir string) error { return edit(dir, `"yes"`, `"yea"`) },
		"found text_projection": func(dir string) error {
			return reweigh(dir, func(all map[string]safetensors.Tensor) { all["text_projection"] = all["answering.words.weight"] })
		},
		"expected it among the weights": func(dir string) error {
			return reweigh(dir, func(all map[string]safetensors.Tensor) { delete(all, "answering.words.weight") })
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
			_, err = loaded.Ask(b, checkered(), "how many")
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, found %v", want, err)
		}
	}
}

// edit changes a saved configuration.
func edit(dir, old, replacement string) error {
	path := filepath.Join(dir, ConfigFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Replace(string(data), old, replacement, 1)), 0o644)
}

// reweigh changes saved weights.
func reweigh(dir string, change func(all map[string]safetensors.Tensor)) error {
	path := filepath.Join(dir, modelfolder.WeightsFile)
	file, err := safetensors.Load(path)
	if err != nil {
		return err
	}
	change(file.Tensors)
	return safetensors.Write(path, file.Tensors, file.Metadata)
}

func TestConfigRefuses(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"sees: expected grid, pooled or nothing":      func(c *Config) { c.Sees = "all" },
		"blind and deaf":                              func(c *Config) { c.Sees, c.Deaf = Nothing, true },
		"hidden: expected at least 1":                 func(c *Config) { c.Hidden = 0 },
		"width, hidden: expected 1 to":                func(c *Config) { c.Width = 0 },
		"blocks: expected 1 to":                       func(c *Config) { c.Blocks = 0 },
		"length: expected 1 to":                       func(c *Config) { c.Length = 0 },
		"words: expected the words of the questions":  func(c *Config) { c.Words = []string{"b", "a"} },
		"answers: expected at least 2 to choose from": func(c *Config) { c.Answers = nil },
	} {
		c := tiny(t, nil).Config
		change(&c)
		if err := c.whole(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, found %v", want, err)
		}
	}
}
