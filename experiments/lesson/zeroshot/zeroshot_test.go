package zeroshot

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
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

// small are settings for tests: enough pictures for two of every class.
var small = []string{"products.train.steps=4", "products.limit=400", "products.dev=20", "products.batch_size=16", "supervised.steps=4", "products.model.vision.height=8", "products.model.vision.width=8", "shots=[1,2]", "draws=2"}

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", small...)
	r := run.Report
	if r.Classes != 40 || r.Labelled != 380 || r.Titles != 380 || len(r.Shots) != 2 || !(r.Weights.Supervised > r.Weights.CLIP) {
		t.Errorf("expected 40 classes of 380 labelled pictures, two probes, and a projection onto more classes than the shared space has axes, found %+v", r)
	}
	for name, n := range map[string]float64{"zero_shot_n": 200, "probe_n": 200, "supervised_n": 200, "shots_2_n": 2} {
		if run.Found[name] != n {
			t.Errorf("%s: expected %g, found the metrics %v", name, n, run.Found)
		}
	}
	told, err := tell(run.Seeds(3))
	if err != nil || !strings.Contains(told.Answer, "On 40 classes of scenes") || len(told.Errata) != 3 {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"shots=[]": "at least one number", "shots=[2,1]": "rising", "shots=[0]": "at least 1", "draws=1": "at least 2", "products.dev=0": "products.dev"})
	// With so few pictures some class has fewer than two.
	b, o := resumetest.Quick(t, append(small, "products.limit=60")...)
	o.Out = filepath.Join(t.TempDir(), "run")
	_, _, err := Study().Experiment.Start(t.Context(), b, o)
	if err == nil || !strings.Contains(err.Error(), "training pictures of each of 40 classes") {
		t.Errorf("few pictures: found %v", err)
	}
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, append(small, "products.least_class=8", "shots=[1]")...) // few classes, for the sake of time
	resumetest.Exact(t, Study().Experiment, b, o, 2)
}
