package imagen

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/clip/latent"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/built/latentdiffusion"
	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
)

// small are settings with which everything is done once and nothing is learned.
var small = []string{
	"pictures=64", "batch_size=4", "auto_train.steps=2", "train.steps=2", "scales=[0,2]", "rounds=1", "model.sampling.steps=2",
	"model.autoencoder.channels=[8,8]", "model.noise.channels=[8,16]", "text.batch_size=4", "text.train.steps=4", "text.model.text.width=16",
	"judge.channels=[8,8,8]", "judge.pictures=24", "judge.tested=20", "judge.batch_size=4", "judge.train.steps=2",
}

// The run's folder is a model that makes pictures, and the page says which encoder was read.
func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[latentdiffusion.Config, latentdiffusion.Report](t, Study(), "go", small...)
	if len(run.Report.Scales) != 2 || run.Report.Scales[1].Unseen.N != 24 {
		t.Fatalf("found %+v", run.Report)
	}
	m, err := latent.Load(run.Path())
	if err != nil {
		t.Fatal(err)
	}
	if text := m.Config.Text; len(text.Mean) != text.Tower.Width {
		t.Errorf("expected standardised states, found %d means", len(text.Mean))
	}
	// What the language model reads has room, and is two captions of a scene.
	set, err := run.Config.Text.Scenes(scenes.Train, 5, 2000)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range set.Len() {
		text := twice(run.Config.Text, set.Scene(i), rng)
		if _, err := m.Tokenizer.EncodeWhole([]string{text}, run.Config.Text.Model.Text.ContextLength); err != nil {
			t.Fatal(err)
		}
		if shape := string(set.Scene(i).Objects[0].Shape); strings.Count(text, shape) != 2 {
			t.Fatalf("expected two captions that say %s, found %q", shape, text)
		}
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"text.batch_size=1": "batch_size", "scales=[3]": "expected 0"})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, small...)
	resumetest.Exact(t, Study().Experiment, b, o, 2)
}
