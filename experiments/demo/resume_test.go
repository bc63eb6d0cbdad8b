package demo

import (
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/resumetest"
)

func TestCaptionerResumesExactly(t *testing.T) {
	b, options := resumetest.Quick(t, "pictures=20", "held_out=4", "size=16", "model.locations=4", "batch_size=4", "train.steps=9", "train.log_every=1",
		"model.hidden=16", "model.embed_dim=8", "model.attention_dim=8", "model.dropout=0.3")
	resumetest.Exact(t, CaptionerExperiment(), b, options, 20)
}

func TestCLIPResumesExactly(t *testing.T) {
	b, options := resumetest.Quick(t, "limit=40", "held_out=24", "least_class=1", "model.vision.height=8", "model.vision.width=8", "batch_size=8", "train.steps=9", "train.log_every=1", "eval_pairs=8", "shift=1")
	resumetest.Exact(t, CLIP(), b, options, 20)
}
