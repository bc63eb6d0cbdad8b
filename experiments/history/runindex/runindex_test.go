package runindex

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/history"
)

// many is how many folders it takes until history.List asks for an index.
const many = 200

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// write makes a run folder of recorded steps, complete or not.
func write(t testing.TB, dir string, i, steps int, complete bool) {
	t.Helper()
	var lines strings.Builder
	for s := range steps {
		fmt.Fprintf(&lines, `{"step":%d,"epoch":0,"loss":%v,"grad_norm":%v,"lr":0.1,"seconds":%d,"waiting":0}`+"\n", s+1, 3.14159/float64(s+1), float64(i)/10, s)
	}
	manifest, err := json.Marshal(experiments.Manifest{
		Format: 1, Experiment: "captioner", Form: experiments.Quick, Seed: int64(i), Started: start.Add(time.Duration(i) * time.Second), Backend: "go",
		Config:  json.RawMessage(`{"data":"scenes","pictures":1500,"model":{"attention":"soft","hidden":64},"train":{"steps":400,"optimizer":{"lr":0.1}}}`),
		Command: []string{"glimpse", "train"}, Commit: "abc", Versions: map[string]string{"go": "go1.26"}, Machine: "m",
	})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"manifest.json": string(manifest), "metrics.jsonl": lines.String()}
	if complete {
		files["results.json"] = fmt.Sprintf(`{"metrics":{"heldout_loss":%d,"heldout_loss_low":1,"heldout_loss_high":2,"heldout_loss_n":100},"seconds":60}`, i)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// manyRuns makes n run folders of steps lines each, written an hour ago. One in ten is not complete.
func manyRuns(t testing.TB, n, steps int) string {
	t.Helper()
	dir := t.TempDir()
	then := time.Now().Add(-time.Hour)
	for i := range n {
		folder := filepath.Join(dir, fmt.Sprintf("run-%04d", i))
		write(t, folder, i, steps, i%10 != 0)
		for _, name := range []string{"manifest.json", "metrics.jsonl", "results.json"} {
			if err := os.Chtimes(filepath.Join(folder, name), then, then); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func mustList(t testing.TB, dir string, cache history.Cache) []history.Entry {
	t.Helper()
	entries, problems, err := history.List(dir, cache)
	if err != nil || len(problems) > 0 {
		t.Fatalf("cannot list: %v, problems %v", err, problems)
	}
	return entries
}

// rows counts what an index holds.
func rows(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow("SELECT count(*) FROM run").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// With an index the answers are those without: when it is new, full, out of date, damaged, of another layout, a folder.
func TestIndexChangesNothing(t *testing.T) {
	dir := manyRuns(t, many+1, 3)
	path := filepath.Join(t.TempDir(), "cache", "runs.sqlite")
	same := func(what string) {
		t.Helper()
		if diff := cmp.Diff(mustList(t, dir, nil), mustList(t, dir, New(path))); diff != "" {
			t.Errorf("%s index: %s", what, diff)
		}
	}
	same("a new")
	if n := rows(t, path); n != many+1 {
		t.Fatalf("expected all %d runs in the index, found %d", many+1, n)
	}
	same("a full")

	// The next answers really come from it: a row that is changed by hand shows.
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE run SET value = '{"experiment":"remembered"}' WHERE name = 'run-0007'`); err != nil {
		t.Fatal(err)
	}
	db.Close()
	entries := mustList(t, dir, New(path))
	if n := len((history.Filter{Experiment: "remembered"}).Keep(entries)); n != 1 {
		t.Fatalf("expected one run from the index, found %d", n)
	}

	// A file that changed is read again, a folder that is gone is forgotten.
	write(t, filepath.Join(dir, "run-0007"), 7, 1, true)
	if err := os.RemoveAll(filepath.Join(dir, "run-0008")); err != nil {
		t.Fatal(err)
	}
	same("an old")
	if n := rows(t, path); n != many {
		t.Errorf("expected %d runs in the index after one was removed, found %d", many, n)
	}

	// What no file says whose time is looked at is looked up each time.
	done := filepath.Join(dir, "run-0010", "checkpoints", "01-x-done.safetensors")
	if err := os.MkdirAll(filepath.Dir(done), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(done, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	same("a checkpoint more than the")

	// What was written just now may change again without another time or size: it is not remembered.
	now := time.Now()
	for i := 11; i <= 12; i++ {
		write(t, filepath.Join(dir, "run-0009"), i, 1, true)
		for _, name := range []string{"manifest.json", "metrics.jsonl", "results.json"} {
			if err := os.Chtimes(filepath.Join(dir, "run-0009", name), now, now); err != nil {
				t.Fatal(err)
			}
		}
		same("a racing")
	}

	for what, spoil := range map[string]func() error{
		"a text as an":     func() error { return os.WriteFile(path, []byte("no database at all, only some text"), 0o644) },
		"an empty":         func() error { return os.WriteFile(path, nil, 0o644) },
		"a damaged":        func() error { return scribble(path) },
		"another layout's": func() error { return execIn(path, "PRAGMA user_version = 77; UPDATE run SET value = '{}'") },
		"another table's":  func() error { return execIn(path, "DROP TABLE run; CREATE TABLE run (x)") },
		"a removed":        func() error { return os.Remove(path) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		same(what)
		same(what + " and then made anew")
		if n := rows(t, path); n < many-2 {
			t.Errorf("%s index was not made anew: %d rows", what, n)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "a folder in its place"), 0o755); err != nil {
		t.Fatal(err)
	}
	same("no")
}

// scribble overwrites the middle of a file.
func scribble(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	noise := make([]byte, info.Size()/2)
	for i := range noise {
		noise[i] = byte(i*i + 7)
	}
	_, err = f.WriteAt(noise, info.Size()/4)
	return err
}

func execIn(path, text string) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(text)
	return err
}

// An index that somebody else has locked is waited for shortly and then done without.
func TestLockedIndex(t *testing.T) {
	dir := manyRuns(t, many, 1)
	path := filepath.Join(t.TempDir(), "runs.sqlite")
	mustList(t, dir, New(path))
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if diff := cmp.Diff(mustList(t, dir, nil), mustList(t, dir, New(path))); diff != "" {
		t.Error(diff)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("a locked index was removed: %v", err)
	}
}

// Few folders are read without an index: no file is made.
func TestNoIndexForFewRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runs.sqlite")
	mustList(t, manyRuns(t, 3, 1), New(path))
	if _, err := os.Stat(path); err == nil {
		t.Error("an index was made for three runs")
	}
}

// Listing folders of 200 recorded steps: go test -bench List -run ^$ ./experiments/history/runindex
func BenchmarkList(b *testing.B) {
	for _, n := range []int{many, 1000} {
		dir := manyRuns(b, n, 200)
		path := filepath.Join(b.TempDir(), "runs.sqlite")
		for _, c := range []struct {
			name  string
			index history.Cache
		}{{"plain", nil}, {"indexed", New(path)}} {
			mustList(b, dir, c.index)
			b.Run(fmt.Sprintf("%d/%s", n, c.name), func(b *testing.B) {
				for b.Loop() {
					mustList(b, dir, c.index)
				}
			})
		}
	}
}
