//go:build cgo && !noxla && linux

package lessontest

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// WritesForXLA runs a study's quick form on a PJRT plugin that computes nothing ([backendtest.XLA]): every graph of the study, training steps and what
// is asked of the networks afterwards, is to become a program of StableHLO. Whether XLA's compiler takes each program is not tried: that needs a plugin that
// has one. trainings is the number of training steps that are compiled at least.
func WritesForXLA(t *testing.T, s lesson.Study, trainings int, settings ...string) {
	t.Helper()
	b, xla := backendtest.OpenXLA(t, 1)
	o := resumetest.Options(t, settings...)
	o.Out = filepath.Join(t.TempDir(), "run")
	_, _, err := s.Experiment.Start(t.Context(), b, o)
	programs := xla.Programs(t)
	if err != nil {
		t.Fatalf("after %d programs: %v", len(programs), err)
	}
	found := 0
	for i, p := range programs {
		if !strings.Contains(p.Text, "stablehlo.") || len(p.Result) == 0 {
			t.Errorf("program %d: expected StableHLO with results, found %.300s", i, p.Text)
		}
		for _, a := range p.Arguments {
			if strings.Contains(a.Name, "exp_avg_sq") { // of the optimiser
				found++
				break
			}
		}
	}
	if found < trainings {
		t.Errorf("expected at least %d programs that train, found %d of %d", trainings, found, len(programs))
	}
	t.Logf("%d programs, %d of them train", len(programs), found)
}
