package noise

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
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

func TestAUC(t *testing.T) {
	of := []int{0, 1, 3, 2} // the last two are wrong
	for _, c := range []struct {
		scores []float64
		want   float64
	}{{[]float64{2, 3, 1, 0}, 1}, {[]float64{0, 1, 2, 3}, 0}, {[]float64{1, 1, 1, 1}, 0.5}, {[]float64{2, 0, 1, -1}, 0.75}} {
		if got := auc(c.scores, of); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v: expected %g, found %g", c.scores, c.want, got)
		}
	}
}

func options(t *testing.T, settings ...string) experiments.Options {
	t.Helper()
	o := experiments.Options{Form: experiments.Quick, Seed: 3, Out: filepath.Join(t.TempDir(), "run")}
	for _, setting := range settings {
		override, err := experiments.ParseOverride(setting)
		if err != nil {
			t.Fatal(err)
		}
		o.Overrides = append(o.Overrides, override)
	}
	return o
}

func TestQuickRun(t *testing.T) {
	run, result, err := Study().Experiment.Start(t.Context(), backendtest.Open(t, "go"),
		options(t, "noise=[0,0.5]", "filter=0.5", "keep=[0.5]", "pairs.train.steps=4", "pairs.limit=200", "pairs.batch_size=32"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(run.Path(lesson.ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Noise) != 2 || len(r.Filtered) != 1 || r.Noise[0].Wrong != 0 || r.Noise[1].Wrong != 0.5 || r.Filtered[0].Pictures != 100 || !(r.AUC >= 0 && r.AUC <= 1) {
		t.Fatalf("found %+v", r)
	}
	if result.Metrics["noise_0.5_recall_10_n"] != 200 || result.Metrics["kept_0.5_recall_10_n"] != 200 {
		t.Errorf("found the metrics %v", result.Metrics)
	}
	var c Config
	if err := json.Unmarshal(run.Manifest.Config, &c); err != nil {
		t.Fatal(err)
	}
	told, err := tell([]ran{{Seed: 1, Config: c, Report: r}, {Seed: 2, Config: c, Report: r}, {Seed: 3, Config: c, Report: r}})
	if err != nil || !strings.Contains(told.Answer, "with 50%.") {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
}

func TestRefuses(t *testing.T) {
	for setting, want := range map[string]string{"noise=[2]": "shares from 0 to 1", "noise=[0.4,0]": "rising", "keep=[0.5,0.5]": "falling", "keep=[0]": "above 0", "keep=[]": "at least one", "filter=0.3": "one of noise", "filter=0": "right and wrong"} {
		if _, err := Study().Experiment.Config(backend.Go, options(t, setting)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: expected %q, found %v", setting, want, err)
		}
	}
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, "noise=[0,0.5]", "filter=0.5", "keep=[0.5]", "pairs.train.steps=4", "pairs.limit=200", "pairs.batch_size=32")
	resumetest.Exact(t, Study().Experiment, b, o, 3)
}
