package zeroshot

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// The cross-entropy of two pictures by hand, large logits and all.
func TestLoss(t *testing.T) {
	b := backendtest.Open(t, "go")
	out, err := graph.CallOnce(b.Backend, loss, [][]float32{{0, 0, 0}, {1000, 1001, 0}}, [][]float32{{0, 1, 0}, {0, 1, 0}})
	if err != nil {
		t.Fatal(err)
	}
	got := out.Value().(float32)
	if want := (math.Log(3) + math.Log(1+math.Exp(-1))) / 2; math.Abs(float64(got)-want) > 1e-5 {
		t.Errorf("expected %g, found %g", want, got)
	}
}

// What zero-shot is worth lies between the shots on either side, on a logarithmic scale.
func TestWorth(t *testing.T) {
	var r Report
	for i, top1 := range []float64{0.2, 0.4, 0.5} {
		r.Shots = append(r.Shots, Shot{Shots: 1 << (2 * i), Top1: stats.Mean{Value: top1}})
	}
	for accuracy, want := range map[float64]string{0.1: "at most 1 ", 0.2: "at most 1 ", 0.3: "about 2.0 ", 0.4: "about 4.0 ", 0.45: "about 8.0 ", 0.6: "more than 16 "} {
		if got := worth([]ran{{Report: r}}, accuracy); !strings.HasPrefix(got, want) {
			t.Errorf("%g: expected %q, found %q", accuracy, want, got)
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

// small are settings for tests: enough pictures for two of every class.
var small = []string{"products.train.steps=4", "products.limit=400", "products.dev=20", "products.batch_size=16", "supervised.steps=4", "products.model.vision.height=8", "products.model.vision.width=8", "shots=[1,2]", "draws=2"}

func TestQuickRun(t *testing.T) {
	run, result, err := Study().Experiment.Start(t.Context(), backendtest.Open(t, "go"), options(t, small...))
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
	if r.Classes != 40 || r.Labelled != 380 || r.Titles != 380 || len(r.Shots) != 2 || !(r.Weights.Supervised > r.Weights.CLIP) {
		t.Errorf("expected 40 classes of 380 labelled pictures, two probes, and a projection onto more classes than the shared space has axes, found %+v", r)
	}
	for name, n := range map[string]float64{"zero_shot_n": 200, "probe_n": 200, "supervised_n": 200, "shots_2_n": 2} {
		if result.Metrics[name] != n {
			t.Errorf("%s: expected %g, found the metrics %v", name, n, result.Metrics)
		}
	}
	var c Config
	if err := json.Unmarshal(run.Manifest.Config, &c); err != nil {
		t.Fatal(err)
	}
	told, err := tell([]ran{{Seed: 1, Config: c, Report: r}, {Seed: 2, Config: c, Report: r}, {Seed: 3, Config: c, Report: r}})
	if err != nil || !strings.Contains(told.Answer, "On 40 classes of scenes") || len(told.Errata) != 3 {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
}

func TestRefuses(t *testing.T) {
	for setting, want := range map[string]string{"shots=[]": "at least one number", "shots=[2,1]": "rising", "shots=[0]": "at least 1", "draws=1": "at least 2", "products.dev=0": "products.dev"} {
		if _, err := Study().Experiment.Config(backend.Go, options(t, setting)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: expected %q, found %v", setting, want, err)
		}
	}
	// With so few pictures some class has fewer than two.
	_, _, err := Study().Experiment.Start(t.Context(), backendtest.Open(t, "go"), options(t, append(small, "products.limit=60")...))
	if err == nil || !strings.Contains(err.Error(), "training pictures of each of 40 classes") {
		t.Errorf("few pictures: found %v", err)
	}
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, append(small, "products.least_class=8", "shots=[1]")...) // few classes, for the sake of time
	resumetest.Exact(t, Study().Experiment, b, o, 2)
}
