package lockfile

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// One holds the lock at a time, also while others remove its file.
func TestTry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	var inside, taken atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				unlock, ok, err := Try(path)
				if err != nil {
					t.Error(err)
					return
				}
				if !ok {
					continue
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold the lock", n)
				}
				taken.Add(1)
				inside.Add(-1)
				unlock()
			}
		})
	}
	wg.Wait()
	if taken.Load() == 0 {
		t.Error("nobody got the lock")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the lock file stayed behind")
	}
	if _, ok, err := Try(filepath.Join(path, "none", "x.lock")); ok || err == nil {
		t.Errorf("a folder that is not there: %v, %v", ok, err)
	}
}
