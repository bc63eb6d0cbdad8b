// Package lessontest is what the tests of all studies of the lesson do alike: run the quick form with small settings, read what it found,
// and try settings that are to be refused.
package lessontest

import (
	"encoding/json"
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

// Run is a run of a study's quick form, as its folder has it.
type Run[C, R any] struct {
	*experiments.Run
	Config C
	Report R
	Found  map[string]float64 // the figures that scripts read
}

// Quick runs the quick form of a study on a backend, such as go, with settings such as train.steps=9.
func Quick[C, R any](t *testing.T, s lesson.Study, kind string, settings ...string) (r Run[C, R]) {
	t.Helper()
	o := resumetest.Options(t, settings...)
	o.Out = filepath.Join(t.TempDir(), "run")
	run, result, err := s.Experiment.Start(t.Context(), backendtest.Open(t, kind), o)
	if err != nil {
		t.Fatal(err)
	}
	r.Run, r.Found = run, result.Metrics
	data, err := os.ReadFile(run.Path(lesson.ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &r.Report); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(run.Manifest.Config, &r.Config); err != nil {
		t.Fatal(err)
	}
	return r
}

// Seeds are n runs that found the same, with the seeds 1, 2, ...
func (r Run[C, R]) Seeds(n int) (runs []lesson.Run[C, R]) {
	for i := range n {
		runs = append(runs, lesson.Run[C, R]{Seed: int64(i + 1), Config: r.Config, Report: r.Report})
	}
	return runs
}

// Refuses wants each of the settings refused before anything is done, with a sentence that holds what stands behind it.
func Refuses(t *testing.T, s lesson.Study, settings map[string]string) {
	t.Helper()
	for setting, want := range settings {
		if _, err := s.Experiment.Config(backend.Go, resumetest.Options(t, setting)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: expected %q, found %v", setting, want, err)
		}
	}
}
