package memo

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

// The lab's code is known by the module's version, by the files of a folder that replaces it, or by the program.
func TestCodeVersion(t *testing.T) {
	code, err := CodeVersion()
	if err != nil || !strings.HasPrefix(code, "program ") || len(code) < 64 {
		t.Errorf("a program of the module itself: %q (%v)", code, err)
	}
	got, err := versionOf(&debug.Module{Path: module, Version: "v1.2.3", Sum: "h1:abc"})
	if err != nil || got != "module v1.2.3 h1:abc" {
		t.Errorf("a version: %q (%v)", got, err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	write("go.mod", "module a")
	write("clip/loss.go", "package clip")
	hash := func() string {
		t.Helper()
		code, err := versionOf(&debug.Module{Path: module, Version: "v0.0.0", Replace: &debug.Module{Path: dir}})
		if err != nil || !strings.HasPrefix(code, "sources ") {
			t.Fatalf("a folder: %q (%v)", code, err)
		}
		return code
	}
	first := hash()
	write("clip/loss_test.go", "package clip")
	write("clip/testdata/a.go", "package a")
	write("README.md", "more")
	write(".git/a.go", "package a")
	write("runs/a/b.go", "package a")
	if hash() != first {
		t.Error("what is no code changes the version")
	}
	for _, name := range []string{"clip/loss.go", "go.mod", "plots/demo/a.go", "clip/new.go"} {
		before := hash()
		if write(name, "package other"); hash() == before {
			t.Errorf("%s does not change the version", name)
		}
	}
	if _, err := hashSources(filepath.Join(dir, "none")); err == nil {
		t.Error("expected an error of a folder that is not there, found none")
	}
}

// Every single bit of a kept result matters: with one flipped, the result is no longer what was asked for.
func TestEveryBit(t *testing.T) {
	head, err := newHeader(Key{Name: "losses", Version: "1", Code: "this", Inputs: []any{64}})
	if err != nil {
		t.Fatal(err)
	}
	whole := head.whole([]byte(`{"0.07":[4.1,0.3]}`))
	path := filepath.Join(t.TempDir(), "a"+ending)
	try := func(file []byte) error {
		t.Helper()
		if err := os.WriteFile(path, file, 0o644); err != nil {
			t.Fatal(err)
		}
		var value map[string][]float64
		return read(path, head, &value)
	}
	if err := try(whole); err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(whole) {
		damaged := bytes.Clone(whole)
		damaged[i/8] ^= 1 << (i % 8)
		if try(damaged) == nil {
			t.Errorf("bit %d of byte %d does not matter", i%8, i/8)
		}
	}
	for n := range whole {
		if try(whole[:n]) == nil {
			t.Errorf("the first %d bytes alone are taken for all", n)
		}
	}
}
