package experiments

import (
	"errors"
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
