package captions

import (
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/resumetest"
)

// Both trainings, with captions sorted by length and with captions that are drawn from the weights.
func TestResumesExactly(t *testing.T) {
	b, options := resumetest.Quick(t, "pictures=40", "dev=4", "held_out=4", "size=16", "batch_size=4", "train.steps=9", "train.eval_every=5",
		"train.log_every=1", "model.hidden=16", "model.embed_dim=8", "model.attention_dim=8", "model.dropout=0.3", "model.max_len=9",
		"scheduled.decay=linear", "scheduled.slope=0.1", "critical.train.steps=5", "critical.train.eval_every=4", "critical.batch_size=4",
		"critical.samples=2", "beam=2")
	resumetest.Exact(t, Photographs(), b, options, 6)
}
