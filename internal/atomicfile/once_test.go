package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// An error over NFS may stand for a link that was made. One without hard links is said.
func TestLinked(t *testing.T) {
	dir := t.TempDir()
	part, path, other := filepath.Join(dir, "part"), filepath.Join(dir, "path"), filepath.Join(dir, "other")
	for _, name := range []string{part, other} {
		if err := os.WriteFile(name, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err := linked(part, path, os.ErrPermission)
	sentence(t, err, "permission denied", "a file system with hard links")
	if err := os.Link(part, path); err != nil {
		t.Fatal(err)
	}
	if mine, err := linked(part, path, os.ErrExist); !mine || err != nil {
		t.Errorf("a link that was made was given away: %v (%v)", mine, err)
	}
	if mine, err := linked(other, path, os.ErrExist); mine || err != nil {
		t.Errorf("another's link was taken for one's own: %v (%v)", mine, err)
	}
}

// A file that is there stays, nothing is left beside it, and a full disk leaves none.
func TestWriteOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	undo := InjectFaults(func(op Op, _ string) error {
		if op == Writing {
			return syscall.ENOSPC
		}
		return nil
	})
	mine, err := WriteOnce(path, []byte("lost"))
	undo()
	if mine || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("on a full disk: %v, %v", mine, err)
	}
	for i, text := range []string{"first", "second"} {
		if mine, err := WriteOnce(path, []byte(text)); mine != (i == 0) || err != nil {
			t.Errorf("%s: %v, %v", text, mine, err)
		}
	}
	if data, err := os.ReadFile(path); string(data) != "first" {
		t.Errorf("found %q (%v)", data, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("expected one file, found %v", left)
	}
}
