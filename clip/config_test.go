package clip

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
)

// sentence fails the test when err is none, or does not say what it should, or says more than one line.
func sentence(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("expected an error with %q, found none", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not say %q", err, part)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\t") || strings.Contains(err.Error(), ".go:") {
		t.Errorf("the error is no sentence: %q", err)
	}
}

func TestConfigCheck(t *testing.T) {
	for name, c := range map[string]Config{"Small": Small(4000), "Tiny": Tiny(600)} {
		if err := c.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		change func(c *Config)
		want   []string // none: it is fine
	}{
		"no embedding":            {func(c *Config) { c.EmbedDim = 0 }, []string{"embed_dim", "found 0"}},
		"negative embedding":      {func(c *Config) { c.EmbedDim = -5 }, []string{"embed_dim", "found -5"}},
		"no stages":               {func(c *Config) { c.Vision.Stages = nil }, []string{"vision.stages", "found 0"}},
		"hundreds of stages":      {func(c *Config) { c.Vision.Stages = slices.Repeat([]Stage{{1, 0}}, 70) }, []string{"vision.stages", "found 70"}},
		"stage without channels":  {func(c *Config) { c.Vision.Stages[1].Channels = 0 }, []string{"vision.stages[1]"}},
		"negative blocks":         {func(c *Config) { c.Vision.Stages[0].Blocks = -1 }, []string{"vision.stages[0]"}},
		"no blocks":               {func(c *Config) { c.Vision.Stages[0].Blocks = 0 }, nil},
		"no patch":                {func(c *Config) { c.Vision.Patch = 0 }, []string{"vision", "patch"}},
		"negative patch":          {func(c *Config) { c.Vision.Patch = -4 }, []string{"vision", "found -4"}},
		"enormous patch":          {func(c *Config) { c.Vision.Patch = math.MaxInt }, []string{"vision", "patch"}},
		"enormous picture":        {func(c *Config) { c.Vision.Height, c.Vision.Width = 1<<40, 1<<40 }, []string{"vision", "height"}},
		"height between":          {func(c *Config) { c.Vision.Height = 36 }, []string{"multiples of 8", "36x32"}},
		"width between":           {func(c *Config) { c.Vision.Width = 33 }, []string{"multiples of 8", "32x33"}},
		"too small":               {func(c *Config) { c.Vision.Height = 4 }, []string{"multiples of 8"}},
		"no height":               {func(c *Config) { c.Vision.Height = 0 }, []string{"vision"}},
		"as small as can be":      {func(c *Config) { c.Vision.Height, c.Vision.Width = 8, 8 }, nil},
		"not square":              {func(c *Config) { c.Vision.Height = 64 }, nil},
		"std of 0":                {func(c *Config) { c.Vision.Std[2] = 0 }, []string{"vision.std"}},
		"std that is no number":   {func(c *Config) { c.Vision.Std[0] = math.NaN() }, []string{"vision.std"}},
		"infinite std":            {func(c *Config) { c.Vision.Std[0] = math.Inf(1) }, []string{"vision.std"}},
		"mean that is no number":  {func(c *Config) { c.Vision.Mean[1] = math.NaN() }, []string{"vision.mean"}},
		"tiny vocabulary":         {func(c *Config) { c.Text.VocabSize = 2 }, []string{"vocab_size", "found 2"}},
		"tiny context":            {func(c *Config) { c.Text.ContextLength = 2 }, []string{"context_length", "and 2"}},
		"negative layers":         {func(c *Config) { c.Text.Layers = -1 }, []string{"text.layers", "found -1"}},
		"no layers":               {func(c *Config) { c.Text.Layers = 0 }, nil},
		"no heads":                {func(c *Config) { c.Text.Heads = 0 }, []string{"heads"}},
		"no width":                {func(c *Config) { c.Text.Width = 0 }, []string{"width"}},
		"heads that do not share": {func(c *Config) { c.Text.Heads = 3 }, []string{"3 heads", "found 32"}},
	} {
		cfg := Tiny(600)
		cfg.Text.Width, cfg.Text.Heads = 32, 2
		cfg.Vision = VisionConfig{Height: 32, Width: 32, Patch: 4, Stages: []Stage{{8, 1}, {16, 1}}, Mean: [3]float64{0, 0, 0}, Std: [3]float64{1, 1, 1}}
		c.change(&cfg)
		t.Run(name, func(t *testing.T) {
			err := cfg.Check()
			if c.want != nil {
				sentence(t, err, c.want...)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// The names in the file are part of the format.
func TestConfigAsJSON(t *testing.T) {
	data, err := json.Marshal(Small(1000))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{`"embed_dim":128`, `"vision":{"height":64,"width":64,"patch":4,"stages":[{"channels":`, `"mean":[0.5,0.5,0.5]`,
		`"text":{"vocab_size":1000,"context_length":20,"width":128,"layers":2,"heads":4}`} {
		if !strings.Contains(string(data), name) {
			t.Errorf("%s lacks %s", data, name)
		}
	}
	if math.Abs(math.Exp(-InitialLogitScale)-0.07) > 1e-12 || math.Abs(math.Exp(MaxLogitScale)-100) > 1e-12 {
		t.Errorf("the temperature starts at %g and the factor ends at %g", math.Exp(-InitialLogitScale), math.Exp(MaxLogitScale))
	}
}
