package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
)

// Cache remembers what was read of runs, so that [List] need not read it again. It may forget everything at any moment, and has no
// errors: what it cannot do it leaves. The one on disk is in the package experiments/history/runindex.
type Cache interface {
	// Load returns what is remembered of the folders below dir, an absolute path, by their names.
	Load(dir string) map[string]Remembered
	// Store remembers more, and forgets the folders that are gone.
	Store(dir string, learned map[string]Remembered, gone []string)
}

// Remembered is an [Entry] as JSON, and what its files looked like when it was read.
type Remembered struct {
	Stamp string // sizes and times of the files
	Value []byte
}

const (
	// worthwhile is the number of folders from which on a cache is asked: fewer are read quickly. See the benchmarks of
	// experiments/history/runindex.
	worthwhile = 200
	// racy is how old the newest file of a folder must be for its entry to be remembered: until then it could change again
	// without another time or size, on file systems with coarse clocks.
	racy = 2 * time.Second
)

// memory is what a cache holds of one folder of runs, and what has to be added to it.
type memory struct {
	cache   Cache // nil when nothing is remembered
	dir     string
	known   map[string]Remembered
	learned map[string]Remembered
}

// remember asks a cache, which may be nil, for a folder of n runs.
func remember(cache Cache, dir string, n int) *memory {
	absolute, err := filepath.Abs(dir)
	if cache == nil || n < worthwhile || err != nil {
		return &memory{}
	}
	return &memory{cache, absolute, cache.Load(absolute), map[string]Remembered{}}
}

// find is the remembered entry of a run, if its files are still the same.
func (m *memory) find(run *experiments.Run) (Entry, bool) {
	r, ok := m.known[filepath.Base(run.Dir)]
	if !ok {
		return Entry{}, false
	}
	stamp, _ := stampOf(run)
	var e Entry
	if stamp != r.Stamp || json.Unmarshal(r.Value, &e) != nil {
		return Entry{}, false
	}
	e.Run = run.Dir
	return e, true
}

// learn notes an entry whose files looked like stamp before they were read.
func (m *memory) learn(run *experiments.Run, e Entry, stamp string, newest time.Time) {
	if m.cache == nil || time.Since(newest) < racy {
		return
	}
	if value, err := json.Marshal(e); err == nil {
		m.learned[filepath.Base(run.Dir)] = Remembered{stamp, value}
	}
}

// keep gives the cache what was learned.
func (m *memory) keep() {
	if m.cache == nil {
		return
	}
	var gone []string
	for name := range m.known {
		if _, err := os.Stat(filepath.Join(m.dir, name)); errors.Is(err, os.ErrNotExist) {
			gone = append(gone, name)
		}
	}
	if len(m.learned) > 0 || len(gone) > 0 {
		m.cache.Store(m.dir, m.learned, gone)
	}
}

// stampOf tells a run's files from other versions of them, and says when the newest was written.
func stampOf(run *experiments.Run) (stamp string, newest time.Time) {
	for _, name := range []string{"manifest.json", "results.json", "metrics.jsonl"} {
		info, err := os.Stat(run.Path(name))
		if err != nil {
			stamp += "-;"
			continue
		}
		stamp += fmt.Sprintf("%d %d;", info.Size(), info.ModTime().UnixNano())
		if info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return stamp, newest
}
