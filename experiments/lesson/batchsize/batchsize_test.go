package batchsize

import (
	"math"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend"
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

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", "sizes=[8,32]", "seen=96", "chunk=16", "pairs.limit=200", "batch=20")
	r := run.Report
	if len(r.Trained) != 2 || r.Trained[0].Steps != 12 || r.Trained[0].Chunks != 1 || r.Trained[1].Steps != 3 || r.Trained[1].Chunks != 2 {
		t.Fatalf("found %+v", r.Trained)
	}
	for _, x := range r.Trained {
		if !(x.Test > 0 && x.Peak > 0) || x.N != 20 || x.At10.N != 200 {
			t.Errorf("found %+v", x)
		}
	}
	if run.Found["batch_32_recall_10_n"] != 200 {
		t.Errorf("found the metrics %v", run.Found)
	}
	told, err := tell(run.Seeds(3))
	if err != nil || !strings.Contains(told.Answer, "After 96 pairs, batches of 8 find") {
		t.Errorf("three runs: %q, %v", told.Answer, err)
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"sizes=[8]": "at least two", "sizes=[8,4]": "rising", "seen=300": "a multiple of every size", "chunk=100": "a divisor", "chunk=0": "at least 1 pair", "batch=1": "at least 2 pairs", "pairs.loss=siglip": "expected infonce"})
}

// A run that is stopped at random moments and resumed comes to the same.
func TestResume(t *testing.T) {
	b, o := resumetest.Quick(t, "sizes=[8,32]", "seen=96", "chunk=16", "pairs.limit=200", "batch=20")
	resumetest.Exact(t, Study().Experiment, b, o, 3)
}
