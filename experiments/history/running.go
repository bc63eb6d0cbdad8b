package history

import (
	"os"

	"github.com/gofrs/flock"

	"github.com/glimpse-ml/glimpse/experiments"
)

// lockFile is held, with a lock that ends with its process, by whoever works on a run.
const lockFile = ".lock"

// running says whether a process works on the run.
func running(run *experiments.Run) bool {
	if _, err := os.Stat(run.Path(lockFile)); err != nil {
		return false
	}
	l := flock.New(run.Path(lockFile), flock.SetFlag(os.O_RDONLY))
	defer l.Close()
	free, err := l.TryRLock()
	return err == nil && !free
}
