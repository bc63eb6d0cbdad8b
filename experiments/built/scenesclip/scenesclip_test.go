package scenesclip

import (
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
)

func tiny() Config {
	c := Defaults(experiments.Quick)
	c.BatchSize, c.Train.Steps = 3, 4
	c.Model.Vision.Height, c.Model.Vision.Width = 32, 32
	return c
}

// What it yields depends on its place alone.
func TestSource(t *testing.T) {
	cfg := tiny()
	set, err := cfg.Scenes(scenes.Train, 1, 30)
	if err != nil {
		t.Fatal(err)
	}
	m, err := fresh(cfg, set, 1)
	if err != nil {
		t.Fatal(err)
	}
	resumetest.Source(t, func() experiments.Resumable {
		s, err := newSource(m, cfg, set, 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}, 6)
}

// No caption is longer than the text tower's context, and full ones say more than those that come to mind.
func TestCaptionsFit(t *testing.T) {
	cfg := Defaults(experiments.Full)
	set, err := cfg.Scenes(scenes.Train, 1, 1500)
	if err != nil {
		t.Fatal(err)
	}
	m, err := fresh(cfg, set, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range set.Len() {
		for _, caption := range set.Scene(i).Captions() {
			if _, err := m.Tokenizer.EncodeWhole([]string{caption}, cfg.Model.Text.ContextLength); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestRefuses(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"clip.batch_size: expected at least 2": func(c *Config) { c.BatchSize = 1 },
		"clip.full: expected a share":          func(c *Config) { c.Full = -1 },
		"clip.max_objects: expected 1 to 4":    func(c *Config) { c.MaxObjects = 5 },
		"clip.model.vision: expected square":   func(c *Config) { c.Model.Vision.Width = 64 },
		"of at least 32 pixels, found 16 x 16": func(c *Config) { c.Model.Vision.Width, c.Model.Vision.Height = 16, 16 },
	} {
		c := tiny()
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, found %v", want, err)
		}
	}
}
