package export

import (
	"path/filepath"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
)

// timeOf is when a step was recorded.
func timeOf(run *experiments.Run, line map[string]float64) time.Time {
	return run.Manifest.Started.Add(time.Duration(line["seconds"] * float64(time.Second)))
}

// nameOf is the name of a run's folder, also where it was called as ".".
func nameOf(run *experiments.Run) string {
	if dir, err := filepath.Abs(run.Dir); err == nil {
		return filepath.Base(dir)
	}
	return filepath.Base(run.Dir)
}
