package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// content is what a file holds, or why it cannot be read.
func content(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// only fails the test when dir holds anything but the named files.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	if got, want := strings.Join(found, " "), strings.Join(names, " "); got != want {
		t.Errorf("the folder holds %q, expected %q", got, want)
	}
}

func sentence(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("expected an error with %q, found none", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), ".part") || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error %q names the temporary file, or has several lines", err)
	}
}

func TestWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	err := Write(path, func(w io.Writer) error {
		io.WriteString(w, "first half, ")
		if _, err := os.Stat(path); err == nil {
			t.Error("the file has its final name before it is whole")
		}
		_, err := io.WriteString(w, "second half")
		return err
	})
	if err != nil || content(path) != "first half, second half" {
		t.Fatalf("found %q (%v)", content(path), err)
	}
	err = Write(path, func(w io.Writer) error {
		io.WriteString(w, "new")
		if got := content(path); got != "first half, second half" {
			t.Errorf("while the new content is written, the file holds %q", got)
		}
		return nil
	})
	if err != nil || content(path) != "new" {
		t.Errorf("found %q (%v)", content(path), err)
	}
	only(t, dir, "a.txt")
}

func TestFailingFillLeavesTheOldContent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	if err := WriteFile(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("the reader went away")
	err := Write(path, func(w io.Writer) error {
		io.WriteString(w, "half")
		return cause
	})
	sentence(t, err, path, "the reader went away", "untouched")
	if !errors.Is(err, cause) {
		t.Errorf("the error %v does not wrap its cause", err)
	}
	// What fill says of another file keeps that file's name.
	_, missing := os.Open(filepath.Join(dir, "input"))
	sentence(t, Write(path, func(io.Writer) error { return missing }), path, "input", "no such file")

	func() {
		defer func() { _ = recover() }()
		_ = Write(path, func(w io.Writer) error { panic("bug") })
	}()
	if got := content(path); got != "old" {
		t.Errorf("found %q, expected the old content", got)
	}
	only(t, dir, "a.txt")
}

// Of several files all are replaced or none is, and nothing is left over.
func TestWriteAll(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.txt"), filepath.Join(dir, "b.txt")
	if err := WriteAll(Bytes(a, []byte("one")), Bytes(b, []byte("two"))); err != nil || content(a) != "one" || content(b) != "two" {
		t.Fatalf("found %q and %q (%v)", content(a), content(b), err)
	}
	fails := Part{b, func(w io.Writer) error {
		io.WriteString(w, "half")
		return errors.New("the reader went away")
	}}
	sentence(t, WriteAll(Bytes(a, []byte("new")), fails), b, "the reader went away", "untouched")
	sentence(t, WriteAll(Bytes(a, []byte("new")), Bytes(dir, nil)), dir, "found a folder")
	if content(a) != "one" || content(b) != "two" {
		t.Errorf("found %q and %q, expected the old content", content(a), content(b))
	}
	only(t, dir, "a.txt", "b.txt")
}

func TestAbortAndCommit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "x")
	f.Abort()
	f.Abort()
	sentence(t, f.Commit(), path, "before")
	only(t, dir)

	if f, err = Create(path); err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "x")
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	only(t, dir) // Close without Commit is Abort

	if f, err = Create(path); err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "x")
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Abort()
	sentence(t, f.Commit(), "before")
	if err := f.Close(); err != nil || content(path) != "x" {
		t.Errorf("Abort and Close after Commit: found %q (%v)", content(path), err)
	}
}

// When the last step fails nothing is left behind either.
func TestCommitFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o755); err != nil { // in the meantime
		t.Fatal(err)
	}
	sentence(t, f.Commit(), "cannot write "+path, "untouched")
	only(t, dir, "a.txt")
	only(t, path)
}

// Whoever comes last wins, and nobody sees a mixture.
func TestWritersAtTheSameTime(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			text := strings.Repeat(string(rune('a'+i)), 10_000)
			if err := WriteFile(path, []byte(text)); err != nil {
				t.Error(err)
			}
			if got := content(path); len(got) != 10_000 || strings.Count(got, got[:1]) != 10_000 {
				t.Errorf("found a mixture of %d bytes", len(got))
			}
		})
	}
	all.Wait()
	only(t, dir, "a.txt")
}

func TestPlacesThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := WriteFile(file, []byte("old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"none/a.txt":             {"expected the folder", "none", "make it first"},
		"file/a.txt":             {"expected a folder that can be written to", "not a directory"},
		"file/deeper/a.txt":      {"expected the folder", "not a directory"},
		"folder":                 {"expected the name of a file, found a folder"},
		"folder/.":               {"expected the name of a file, found a folder"},
		strings.Repeat("x", 300): {"file name too long"},
	} {
		path := dir + "/" + name
		sentence(t, WriteFile(path, []byte("new")), append(want, "cannot write "+path)...)
	}
	if os.Geteuid() != 0 {
		if err := os.Chmod(filepath.Join(dir, "folder"), 0o555); err != nil {
			t.Fatal(err)
		}
		sentence(t, WriteFile(filepath.Join(dir, "folder", "a"), nil), "expected a folder that can be written to", "permission denied")
	}
	if got := content(file); got != "old" {
		t.Errorf("found %q, expected the old content", got)
	}
	only(t, dir, "file", "folder")
	only(t, filepath.Join(dir, "folder"))
}

// A link stays a link; what it points to is replaced, where that is.
func TestSymbolicLinks(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, sub := range []string{"real", "links"} {
		if err := os.Mkdir(at(sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteFile(at("real/a"), []byte("old")); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"links/direct": "../real/a", "links/chain": "direct", "links/absolute": at("real/a"), "links/fresh": "../real/b",
		"folder": "real/", "links/round": "trip", "links/trip": "round", "links/lost": "../none/a", "up": "links/direct",
	} {
		if err := os.Symlink(target, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	for link, real := range map[string]string{
		"links/direct": "real/a", "links/chain": "real/a", "links/absolute": "real/a", "links/fresh": "real/b",
		"folder/c": "real/c", "up": "real/a",
	} {
		if err := WriteFile(at(link), []byte("through "+link)); err != nil {
			t.Errorf("%s: %v", link, err)
			continue
		}
		if got := content(at(real)); got != "through "+link {
			t.Errorf("%s: %s holds %q", link, real, got)
		}
		if info, err := os.Lstat(at(link)); err != nil || link != "folder/c" && info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%s is no link any more (%v)", link, err)
		}
	}
	sentence(t, WriteFile(at("links/round"), nil), "circle")
	sentence(t, WriteFile(at("links/lost"), nil), "expected the folder", "none")
	only(t, at("real"), "a", "b", "c")
	only(t, at("links"), "absolute", "chain", "direct", "fresh", "lost", "round", "trip")
}
