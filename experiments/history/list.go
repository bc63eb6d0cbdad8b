package history

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments"
)

// List reads the runs directly below dir, the latest first. Folders that hold a manifest.json and cannot be read, and files
// that are damaged, are said as problems. A cache, which may be nil, saves reading what has not changed since it was read.
func List(dir string, cache Cache) (entries []Entry, problems []error, err error) {
	folders, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot list the runs: %w", err)
	}
	memory := remember(cache, dir, len(folders))
	for _, folder := range folders {
		name := folder.Name()
		if strings.HasPrefix(name, ".") { // of a removal or a download that was cut short
			continue
		}
		run := &experiments.Run{Dir: filepath.Join(dir, name)}
		entry, ok := memory.find(run)
		if !ok {
			if run, err = experiments.OpenRun(run.Dir); err != nil {
				if _, missing := os.Stat(filepath.Join(dir, name, "manifest.json")); missing == nil {
					problems = append(problems, err)
				}
				continue
			}
			var damage []error
			stamp, newest := stampOf(run)
			if entry, damage = read(run); len(damage) == 0 {
				memory.learn(run, entry, stamp, newest)
			}
			problems = append(problems, damage...)
		}
		entry.look(run)
		entries = append(entries, entry)
	}
	memory.keep()
	slices.SortStableFunc(entries, func(a, b Entry) int { return b.Started.Compare(a.Started) })
	return entries, problems, nil
}

// Filter says which runs a list is to hold. The zero value holds all.
type Filter struct {
	Experiment string // a name, or a pattern such as "captions/*"; empty for all
	State      State  // empty for all
}

// Keep leaves in a list what the filter holds.
func (f Filter) Keep(entries []Entry) []Entry {
	return slices.DeleteFunc(entries, func(e Entry) bool {
		matches, err := path.Match(f.Experiment, e.Experiment)
		named := f.Experiment == "" || f.Experiment == e.Experiment || err == nil && matches
		return !named || f.State != "" && f.State != e.State
	})
}

// SortBy puts the runs with the largest figure of that name first (the smallest, if smallest is set), and those without one last.
func SortBy(entries []Entry, name string, smallest bool) {
	slices.SortStableFunc(entries, func(a, b Entry) int {
		x, hasX := a.Value(name)
		y, hasY := b.Value(name)
		switch {
		case !hasX && !hasY:
			return 0
		case !hasX:
			return 1
		case !hasY:
			return -1
		case smallest:
			return cmp.Compare(x, y)
		}
		return cmp.Compare(y, x)
	})
}
