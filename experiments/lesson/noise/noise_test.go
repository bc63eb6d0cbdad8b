package noise

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
)

// So many pictures have another's captions, every picture's captions are still somebody's, and more noise moves more.
func TestShuffled(t *testing.T) {
	for _, share := range []float64{0, 0.2, 0.5, 1} {
		of := shuffled(50, share, rand.New(rand.NewPCG(1, 1)))
		all := make([]int, 50)
		for i := range all {
			all[i] = i
		}
		if got := wrong(all, of); got != share {
			t.Errorf("expected %g wrong, found %g", share, got)
		}
		if sorted := slices.Sorted(slices.Values(of)); !slices.Equal(sorted, all) {
			t.Errorf("captions are lost: %v", sorted)
		}
	}
}

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", "noise=[0,0.5]", "filter=0.5", "keep=[0.5]", "pairs.train.steps=4", "pairs.limit=200", "pairs.batch_size=32")
	r := run.Report
	if len(r.Noise) != 2 || len(r.Filtered) != 1 || r.Noise[0].Wrong != 0 || r.Noise[1].Wrong != 0.5 || r.Filtered[0].Pictures != 100 || !(r.AUC >= 0 && r.AUC <= 1) {
		t.Fatalf("found %+v", r)
	}
	if run.Found["noise_0.5_recall_10_n"] != 200 || run.Found["kept_0.5_recall_10_n"] != 200 {
		t.Errorf("found the metrics %v", run.Found)
	}
	told, err := tell(run.Seeds(3))
	if err != nil || !strings.Contains(told.Answer, "with 50%.") {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"noise=[2]": "shares from 0 to 1", "noise=[0.4,0]": "rising", "keep=[0.5,0.5]": "falling", "keep=[0]": "above 0", "keep=[]": "at least one", "filter=0.3": "one of noise", "filter=0": "right and wrong"})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, "noise=[0,0.5]", "filter=0.5", "keep=[0.5]", "pairs.train.steps=4", "pairs.limit=200", "pairs.batch_size=32")
	resumetest.Exact(t, Study().Experiment, b, o, 3)
}
