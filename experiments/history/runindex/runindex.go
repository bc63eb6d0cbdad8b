// Package runindex keeps what was read of many runs in a SQLite file, so that the next list is quick. The file is a cache that can be
// deleted at any moment: the runs' folders say everything. One that is damaged is made anew, one that is locked or cannot be
// written is done without; none of this is an error.
package runindex

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite" // the driver "sqlite", in pure Go
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/glimpse-ml/glimpse/experiments/history"
)

// Index is a [history.Cache] in a file.
type Index struct{ path string }

// New is the index in the file at path, which is made, with its folder, when there is something to remember.
func New(path string) *Index { return &Index{path} }

// Default is the index in the user's cache folder; nil where there is no such folder.
func Default() history.Cache {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	return New(filepath.Join(dir, "glimpse", "runs.sqlite"))
}

// layout is the version of the table and of what an entry is made of. Another one in a file makes it anew.
const layout = 1

// Load implements [history.Cache].
func (x *Index) Load(dir string) map[string]history.Remembered {
	known := map[string]history.Remembered{}
	if _, err := os.Stat(x.path); err != nil {
		return known
	}
	_ = x.with(func(db *sql.DB) error {
		clear(known) // of an attempt that ended in damage
		rows, err := db.Query("SELECT name, stamp, value FROM run WHERE dir = ?", dir)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			var r history.Remembered
			if err := rows.Scan(&name, &r.Stamp, &r.Value); err != nil {
				return err
			}
			known[name] = r
		}
		return rows.Err()
	})
	return known
}

// Store implements [history.Cache].
func (x *Index) Store(dir string, learned map[string]history.Remembered, gone []string) {
	_ = x.with(func(db *sql.DB) error {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		defer tx.Rollback()
		for name, r := range learned {
			if _, err := tx.Exec("INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?)", dir, name, r.Stamp, r.Value); err != nil {
				return err
			}
		}
		for _, name := range gone {
			if _, err := tx.Exec("DELETE FROM run WHERE dir = ? AND name = ?", dir, name); err != nil {
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
