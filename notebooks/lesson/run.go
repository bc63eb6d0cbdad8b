package lesson

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/glimpse-ml/glimpse/experiments/demo"
)

// runFolder is the run of that name of `make demo`, in the folder demo of this folder or of one above it, or the place
// of one of the notebooks' own: [ownFolder].
func runFolder(name string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for parent := ""; parent != dir; dir, parent = filepath.Dir(dir), dir {
		folder := filepath.Join(dir, "demo", name)
		if _, err := os.Stat(filepath.Join(folder, demo.ReportFile)); err == nil {
			return folder, nil
		}
	}
	return ownFolder(name)
}

// ownFolder is the place of one of the notebooks' own models in the user's cache folder.
func ownFolder(name string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("expected a cache folder of yours for the trained model, found none (%w); set XDG_CACHE_HOME to a folder", err)
	}
	return filepath.Join(cache, "glimpse", "lesson", name), nil
}

// makeRun has train make a run, unless the folder is there already. The run gets its place all at once at the end, so
// that a training that was stopped leaves nothing.
func makeRun(folder string, train func(run string) error) error {
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(folder), 0o755)
	if err != nil {
		return cannotKeep(err)
	}
	work, err := os.MkdirTemp(filepath.Dir(folder), ".training-*")
	if err != nil {
		return cannotKeep(err)
	}
	defer os.RemoveAll(work)
	run := filepath.Join(work, "run")
	if err := train(run); err != nil {
		return err
	}
	if err := os.Rename(run, folder); err != nil {
		if _, theirs := os.Stat(folder); theirs != nil { // unless another notebook was faster
			return cannotKeep(err)
		}
	}
	return nil
}

func cannotKeep(err error) error {
	return fmt.Errorf("expected a cache folder that the trained model can be kept in, found: %w; XDG_CACHE_HOME chooses another", err)
}

// reportIn reads what a run measured.
func reportIn[T any](folder string) (report T, err error) {
	path := filepath.Join(folder, demo.ReportFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return report, fmt.Errorf("expected what a training measured, found none: %w; `make demo` makes one", err)
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return report, fmt.Errorf("expected what a training measured in %s, found something else: %w; `make demo` makes a new one", path, err)
	}
	return report, nil
}
