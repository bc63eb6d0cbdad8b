package demo

import (
	"testing"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// small is an experiment's quick form made as small as it goes.
func small(t *testing.T, settings ...string) (*backend.Backend, experiments.Options) {
	t.Helper()
	b, err := backend.OpenNamed("go")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	options := experiments.Options{Form: experiments.Quick, Seed: 2}
	for _, text := range settings {
		o, err := experiments.ParseOverride(text)
		if err != nil {
			t.Fatal(err)
		}
		options.Overrides = append(options.Overrides, o)
	}
	return b, options
}

func TestCaptionerResumesExactly(t *testing.T) {
	b, options := small(t, "pictures=20", "held_out=4", "size=16", "model.locations=4", "batch_size=4", "train.steps=9", "train.log_every=1",
		"model.hidden=16", "model.embed_dim=8", "model.attention_dim=8", "model.dropout=0.3")
	resumetest.Exact(t, CaptionerExperiment(), b, options, 20)
}

func TestCLIPResumesExactly(t *testing.T) {
	b, options := small(t, "limit=40", "held_out=24", "least_class=1", "model.vision.height=8", "model.vision.width=8", "batch_size=8", "train.steps=9", "train.log_every=1", "eval_pairs=8", "shift=1")
	resumetest.Exact(t, CLIP(), b, options, 20)
}
