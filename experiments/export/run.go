package export

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
)

// linesOf are the lines of a run's metrics.jsonl that have a step; none where there is no such file.
func linesOf(run *experiments.Run) ([]map[string]float64, error) {
	all, err := run.Metrics()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var lines []map[string]float64
	for _, line := range all {
		if _, ok := line["step"]; ok {
			lines = append(lines, line)
		}
	}
	return lines, err
}

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
