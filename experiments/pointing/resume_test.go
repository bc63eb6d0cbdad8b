package pointing

import (
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/resumetest"
)

// A run with hard attention, whose places are drawn, on scenes that never come again, stopped and resumed, comes to what it would have come to.
func TestResumesExactly(t *testing.T) {
	b, options := resumetest.Quick(t, "train.steps=7", "train.eval_every=3", "train.log_every=1", "model.attention=hard", "model.max_len=4", "dev=4",
		"held_out=4", "examples=1", "batch_size=4", "model.hidden=16", "model.embed_dim=8", "model.attention_dim=8")
	resumetest.Exact(t, Experiment(), b, options, 8)
}
