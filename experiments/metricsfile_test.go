package experiments

import (
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

func recording(t *testing.T) *Run {
	t.Helper()
	r, err := NewRun(filepath.Join(t.TempDir(), "run"), "demo/clip", Quick, map[string]int{}, 1, wrap(backendtest.Go(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

// Steps are written together, and whoever asks the run sees all of them.
func TestMetricsWait(t *testing.T) {
	r := recording(t)
	for step := range 1000 {
		if err := r.Record(Step{Step: step + 1}); err != nil {
			t.Fatal(err)
		}
	}
	if steps, err := r.Metrics(); err != nil || len(steps) != 1000 || steps[999]["step"] != 1000 {
		t.Errorf("found %d steps (%v)", len(steps), err)
	}
	written, err := r.flushMetrics()
	if info, wrong := os.Stat(r.Path(metricsFile)); err != nil || wrong != nil || info.Size() != written || written == 0 {
		t.Errorf("found %d bytes, and %v (%v, %v)", written, info, err, wrong)
	}
	if err := r.Record(Step{Step: 1001}); err != nil {
		t.Fatal(err)
	}
	r.close()
	if steps, err := r.Metrics(); err != nil || len(steps) != 1001 {
		t.Errorf("after the end: found %d steps (%v)", len(steps), err)
	}
}

// Whoever looks at the file from elsewhere sees a step soon, though nothing else is recorded.
func TestMetricsSeenByOthers(t *testing.T) {
	r := recording(t)
	if err := r.Record(Step{Step: 1, Loss: 0.5}); err != nil {
		t.Fatal(err)
	}
	other, err := OpenRun(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); ; time.Sleep(delay / 10) {
		if steps, err := other.Metrics(); err != nil || len(steps) == 1 && steps[0]["loss"] == 0.5 {
			if err != nil {
				t.Error(err)
			}
			return
		}
		if time.Since(begun) > 10*time.Second { // on a busy machine
			t.Fatal("the step cannot be seen")
		}
	}
}

// What is read is what was recorded, to the bit, whatever the numbers and their names.
func TestMetricsKeepNumbers(t *testing.T) {
	r := recording(t)
	scalars := map[string]float64{"tiny": math.SmallestNonzeroFloat64, "large": -math.MaxFloat64, "third": 1. / 3, "whole": 1e21, "small": 1e-7, "": 2,
		`a "quoted"\name` + "\n": -0.1, "image_to_text_recall@10": 1}
	if err := r.Record(Step{Step: 7, Epoch: 2, Loss: 0.1, Seconds: 12.5, Waiting: 0.25, Scalars: scalars}); err != nil {
		t.Fatal(err)
	}
	steps, err := r.Metrics()
	if err != nil || len(steps) != 1 {
		t.Fatalf("found %v (%v)", steps, err)
	}
	want := maps.Clone(scalars)
	want["step"], want["epoch"], want["loss"], want["seconds"], want["waiting"] = 7, 2, 0.1, 12.5, 0.25
	if !maps.Equal(steps[0], want) {
		t.Errorf("expected %v, found %v", want, steps[0])
	}
	sentence(t, r.Record(Step{Step: 8, Scalars: map[string]float64{"rank": math.NaN()}}), "cannot record step 8", "rank", "NaN")
	sentence(t, r.Record(Step{Step: 8, Loss: math.Inf(1)}), "cannot record step 8", "loss", "+Inf")
}

func BenchmarkRecord(b *testing.B) {
	s := Step{Step: 1000, Loss: 3.14159, Seconds: 12.345, Scalars: map[string]float64{"lr": 0.001, "grad_norm": 0.7345, "cross_entropy": 3.1}}
	for b.Loop() {
		if _, err := s.line(); err != nil {
			b.Fatal(err)
		}
	}
}

// A write that failed while nobody waited is said by the next step, and by the end.
func TestMetricsFailLater(t *testing.T) {
	r := recording(t)
	failed := make(chan struct{}, 10)
	undo := atomicfile.InjectFaults(func(atomicfile.Op, string) error { failed <- struct{}{}; return syscall.ENOSPC })
	if err := r.Record(Step{Step: 1}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-failed:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was written")
	}
	undo()
	err := r.Record(Step{Step: 2})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("expected an error that says so, found %v", err)
	}
	sentence(t, err, "cannot write the run's metrics")
	if err := r.Finish(Result{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("expected the run not to be complete, found %v", err)
	}
}
