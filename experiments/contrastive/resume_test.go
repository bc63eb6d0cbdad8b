package contrastive

import (
	"testing"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
)

// Stopped and resumed, a run comes to what it would have come to: with batches in chunks, augmented pictures, averages of the weights,
// and a locked tower.
func TestResumesExactly(t *testing.T) {
	for _, c := range []struct {
		experiment experiments.Experiment
		settings   []string
	}{
		{Products(), []string{"limit=40", "dev=8", "batch_size=8", "model.vision.height=8", "model.vision.width=8", "final=false"}},
		{LiT(), []string{"limit=40", "batch_size=8", "final=false", "token_dropout=0.2", "train.chunks=2"}},
	} {
		t.Run(c.experiment.Name, func(t *testing.T) {
			b, options := resumetest.Quick(t, append(c.settings, "train.steps=6", "train.eval_every=4", "train.log_every=1", "train.average=0.5")...)
			resumetest.Exact(t, c.experiment, b, options, 2)
		})
	}
}
