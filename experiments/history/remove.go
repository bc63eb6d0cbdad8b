package history

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/glimpse-ml/glimpse/experiments"
)

// lockFile is held, with a lock that ends with its process, by whoever works on a run (experiments/run.go).
const lockFile = ".lock"

// Remove deletes the folder of a run with everything in it. A run that a process works on is an error and stays as it is. The
// folder loses its name at once, so that a removal that is cut short leaves no half of a run.
func Remove(run *experiments.Run) error {
	dir, err := filepath.Abs(run.Dir)
	if err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("cannot remove the run %s: %w", run.Dir, err)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("expected the folder of a run at %s, found a link to one; remove the folder that it points to", run.Dir)
	}
	return alone(run, func() error {
		aside := filepath.Join(filepath.Dir(dir), fmt.Sprintf(".%s.%016x.removed", filepath.Base(dir), rand.Uint64()))
		if err := os.Rename(dir, aside); err != nil {
			return fmt.Errorf("cannot remove the run %s: %w", run.Dir, err)
		}
		if err := os.RemoveAll(aside); err != nil {
			return fmt.Errorf("a part of the run %s is left: %w; `glimpse runs gc` tries again", run.Dir, err)
		}
		return nil
	})
}

// alone calls do while nobody else works on the run, or is an error.
func alone(run *experiments.Run, do func() error) error {
	l := flock.New(run.Path(lockFile))
	ok, err := l.TryLock()
	if err != nil {
		return fmt.Errorf("cannot keep others away from the run %s: %w", run.Dir, err)
	}
	if !ok {
		return fmt.Errorf("the run %s is running; stop it first, or wait until it is complete", run.Dir)
	}
	defer l.Close()
	return do()
}

// File is a file of a run.
type File struct {
	Path  string `json:"path"` // below the run's folder, with slashes
	Bytes int64  `json:"bytes"`
}

// Files are all files of a run, in the order of their paths. What vanishes meanwhile is left out.
func Files(run *experiments.Run) ([]File, error) {
	var files []File
	err := filepath.WalkDir(run.Dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !d.Type().IsRegular() {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(run.Dir, path)
		files = append(files, File{filepath.ToSlash(name), info.Size()})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list the files of the run %s: %w", run.Dir, err)
	}
	return files, nil
}

// Bytes is what files take together.
func Bytes(files []File) (sum int64) {
	for _, f := range files {
		sum += f.Bytes
	}
	return sum
}
