package memo

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Clear removes all results from the folder dir, "" for [DefaultDir], and says how many there were. One that is being computed
// is left to its process.
func Clear(dir string) (removed int, err error) {
	if dir == "" {
		if dir, err = DefaultDir(); err != nil {
			return 0, err
		}
	}
	kept, err := list(dir)
	if err != nil {
		return 0, err
	}
	for _, r := range kept {
		if remove(r.path) {
			removed++
		}
	}
	locks, _ := filepath.Glob(filepath.Join(escape(dir), "*"+ending+lockEnding))
	for _, lock := range locks { // of results that were never kept
		remove(strings.TrimSuffix(lock, lockEnding))
	}
	return removed, nil
}

// result is a file of the folder.
type result struct {
	path string
	size int64
	used time.Time
}

// list are the results in a folder, the one that was not used for longest first.
func list(dir string) (all []result, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot list the results: %w", err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && strings.HasSuffix(entry.Name(), ending) {
			all = append(all, result{filepath.Join(dir, entry.Name()), info.Size(), info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b result) int { return cmp.Or(a.used.Compare(b.used), strings.Compare(a.path, b.path)) })
	return all, nil
}

// evict removes what was not used for longest until the folder holds no more than it may. The result at path, which is new, stays.
func (c Cache) evict(path string) {
	all, err := list(c.Dir)
	if err != nil {
		return // a folder that is too large does no harm
	}
	total := int64(0)
	for _, r := range all {
		total += r.size
	}
	limit := c.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	for _, r := range all {
		if total <= limit {
			return
		}
		if r.path != path && remove(r.path) {
			total -= r.size
		}
	}
}

// remove deletes a result with its lock, unless a process works on it. A process that waits for the lock meanwhile gets one that
// has no name any more: then two may compute the same, and the later one's file replaces an equal one.
func remove(path string) (removed bool) {
	lock := flock.New(path + lockEnding)
	if ok, err := lock.TryLock(); err != nil || !ok {
		return false
	}
	defer lock.Close()
	removeLeftovers(path)
	removed = os.Remove(path) == nil
	os.Remove(path + lockEnding)
	return removed
}

// removeLeftovers deletes what a process that was killed left half-written. The caller holds the lock.
func removeLeftovers(path string) {
	parts, _ := filepath.Glob(filepath.Join(escape(filepath.Dir(path)), "."+filepath.Base(path)+".*.part"))
	for _, part := range parts {
		os.Remove(part)
	}
}

// escape makes a path mean itself in a pattern.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
