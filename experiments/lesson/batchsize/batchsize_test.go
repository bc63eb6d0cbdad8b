package batchsize

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// Cosines that are all the same have the loss ln N; two pairs by hand.
func TestInfoNCE(t *testing.T) {
	if l := infoNCE([][]float32{{1, 1, 1}, {1, 1, 1}, {1, 1, 1}}, 30); math.Abs(l-math.Log(3)) > 1e-9 {
		t.Errorf("expected ln 3, found %g", l)
	}
	want := (math.Log(1+math.Exp(-2)) + math.Log(1+math.Exp(-3)) + math.Log(1+math.Exp(-2)) + math.Log(1+math.Exp(-3))) / 4
	if l := infoNCE([][]float32{{0.5, -0.5}, {-1, 0.5}}, 2); math.Abs(l-want) > 1e-6 {
		t.Errorf("expected %g, found %g", want, l)
	}
}

// Every size sees as many pairs; the largest ones come in chunks; the usual one has the settings that it was given.
func TestSized(t *testing.T) {
	c := defaults(experiments.Full, backend.ONNX)
	for _, size := range append(c.Sizes, usual) {
		p := c.sized(size)
		if p.BatchSize*p.Train.Steps != c.Seen || p.BatchSize/p.Train.Chunks > c.Chunk || p.Train.Optimizer.WarmupSteps >= p.Train.Steps {
			t.Errorf("%d: found %d steps in %d chunks, %d of them warm-up", size, p.Train.Steps, p.Train.Chunks, p.Train.Optimizer.WarmupSteps)
		}
		if size == usual && (p.Train.Optimizer.LR != c.Pairs.Train.Optimizer.LR || p.Train.Average != c.Pairs.Train.Average) {
			t.Errorf("%d: found other settings: %+v", size, p.Train)
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
	run, result, err := Study().Experiment.Start(t.Context(), backendtest.Open(t, "go"), options(t, "sizes=[8,32]", "seen=96", "chunk=16", "pairs.limit=200", "batch=20"))
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
	if len(r.Trained) != 2 || r.Trained[0].Steps != 12 || r.Trained[0].Chunks != 1 || r.Trained[1].Steps != 3 || r.Trained[1].Chunks != 2 {
		t.Fatalf("found %+v", r.Trained)
	}
	for _, x := range r.Trained {
		if !(x.Test > 0 && x.Peak > 0) || x.N != 20 || x.At10.N != 200 {
			t.Errorf("found %+v", x)
		}
	}
	if result.Metrics["batch_32_recall_10_n"] != 200 {
		t.Errorf("found the metrics %v", result.Metrics)
	}
	var c Config
	if err := json.Unmarshal(run.Manifest.Config, &c); err != nil {
		t.Fatal(err)
	}
	told, err := tell([]ran{{Seed: 1, Config: c, Report: r}, {Seed: 2, Config: c, Report: r}, {Seed: 3, Config: c, Report: r}})
	if err != nil || !strings.Contains(told.Answer, "After 96 pairs, batches of 8 find") {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
}

func TestRefuses(t *testing.T) {
	for setting, want := range map[string]string{"sizes=[8]": "at least two", "sizes=[8,4]": "rising", "seen=300": "a multiple of every size", "chunk=100": "a divisor", "chunk=0": "at least 1 pair", "batch=1": "at least 2 pairs", "pairs.loss=siglip": "expected infonce"} {
		if _, err := Study().Experiment.Config(backend.Go, options(t, setting)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: expected %q, found %v", setting, want, err)
		}
	}
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, "sizes=[8,32]", "seen=96", "chunk=16", "pairs.limit=200", "batch=20")
	resumetest.Exact(t, Study().Experiment, b, o, 3)
}
