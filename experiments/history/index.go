package history

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite" // the driver "sqlite", in pure Go
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/glimpse-ml/glimpse/experiments"
)

// Index remembers what was read of runs, by the folder and the sizes and times of its files. It is a cache: a file that can be
// deleted at any moment. One that is damaged is made anew, one that is locked or cannot be written is done without; none of
// this is an error. A nil Index remembers nothing.
type Index struct{ path string }

// NewIndex is the index in the file at path, which is made when it is of use.
func NewIndex(path string) *Index { return &Index{path} }

// DefaultIndex is the index in the user's cache folder; nil where there is no such folder.
func DefaultIndex() *Index {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	return NewIndex(filepath.Join(dir, "glimpse", "runs.sqlite"))
}

const (
	// worthwhile is the number of folders from which on an index is used: below it, opening SQLite takes longer than reading
	// the folders. See the benchmarks of this package.
	worthwhile = 200
	// layout is the version of the table and of what an entry is made of. Another one in a file makes it anew.
	layout = 1
	// racy is how old the newest file of a folder must be for its entry to be remembered: until then it could change again
	// without another time or size, on file systems with coarse clocks.
	racy = 2 * time.Second
)

// known is what an index holds of one folder of runs, and what has to be added to it.
type known struct {
	dir     string // as an absolute path; "" when nothing is remembered
	rows    map[string]row
	learned map[string]row
}

type row struct {
	stamp string
	value []byte
}

// find is the remembered entry of a run, if its files are still the same.
func (k *known) find(run *experiments.Run) (Entry, bool) {
	name := filepath.Base(run.Dir)
	r, ok := k.rows[name]
	if !ok {
		return Entry{}, false
	}
	stamp, _ := stampOf(run)
	var e Entry
	if stamp != r.stamp || json.Unmarshal(r.value, &e) != nil {
		return Entry{}, false
	}
	e.Run = run.Dir
	return e, true
}

// learn notes an entry that was read.
func (k *known) learn(run *experiments.Run, e Entry) {
	if k.dir == "" {
		return
	}
	stamp, newest := stampOf(run)
	if time.Since(newest) < racy {
		return
	}
	if value, err := json.Marshal(e); err == nil {
		k.learned[filepath.Base(run.Dir)] = row{stamp, value}
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

// load reads what is remembered of the runs below dir, a folder of n.
func (x *Index) load(dir string, n int) *known {
	k := &known{rows: map[string]row{}, learned: map[string]row{}}
	if x == nil || n < worthwhile {
		return k
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return k
	}
	k.dir = absolute
	_ = x.with(func(db *sql.DB) error {
		clear(k.rows) // of an attempt that ended in damage
		found, err := db.Query("SELECT name, stamp, value FROM run WHERE dir = ?", k.dir)
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			var name string
			var r row
			if err := found.Scan(&name, &r.stamp, &r.value); err != nil {
				return err
			}
			k.rows[name] = r
		}
		return found.Err()
	})
	return k
}

// store adds what was learned, and forgets the folders that are gone.
func (x *Index) store(k *known) {
	if x == nil || k.dir == "" {
		return
	}
	var gone []string
	for name := range k.rows {
		if _, err := os.Stat(filepath.Join(k.dir, name)); errors.Is(err, os.ErrNotExist) {
			gone = append(gone, name)
		}
	}
	if len(k.learned) == 0 && len(gone) == 0 {
		return
	}
	_ = x.with(func(db *sql.DB) error {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		defer tx.Rollback()
		for name, r := range k.learned {
			if _, err := tx.Exec("INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?)", k.dir, name, r.stamp, r.value); err != nil {
				return err
			}
		}
		for _, name := range gone {
			if _, err := tx.Exec("DELETE FROM run WHERE dir = ? AND name = ?", k.dir, name); err != nil {
				return err
			}
		}
		return tx.Commit()
	})
}

// with opens the database for do. A damaged file is removed and made anew, once.
func (x *Index) with(do func(db *sql.DB) error) error {
	err := x.open(do)
	var wrong *sqlite.Error
	if errors.As(err, &wrong) {
		switch wrong.Code() & 0xff {
		case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR: // the last: another table than ours
			for _, ending := range []string{"", "-journal"} {
				_ = os.Remove(x.path + ending)
			}
			return x.open(do)
		}
	}
	return err
}

func (x *Index) open(do func(db *sql.DB) error) error {
	if err := os.MkdirAll(filepath.Dir(x.path), 0o755); err != nil {
		return err
	}
	// Nothing is lost with the file, so nobody waits for the disk; others are waited for half a second.
	name := (&url.URL{Scheme: "file", Path: x.path, RawQuery: "_pragma=busy_timeout(500)&_pragma=synchronous(0)"}).String()
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	var version int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version != layout {
		_, err := db.Exec(fmt.Sprintf(`BEGIN IMMEDIATE; DROP TABLE IF EXISTS run;
			CREATE TABLE run (dir TEXT, name TEXT, stamp TEXT, value BLOB, PRIMARY KEY (dir, name)) WITHOUT ROWID;
			PRAGMA user_version = %d; COMMIT`, layout))
		if err != nil {
			return err
		}
	}
	return do(db)
}
