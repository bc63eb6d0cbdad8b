package mmap

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func write(t *testing.T, size int) (path string, content []byte) {
	t.Helper()
	content = make([]byte, size)
	for i := range content {
		content[i] = byte(i * 7)
	}
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path, content
}

func TestOpen(t *testing.T) {
	for _, size := range []int{0, 1, 4096, 100_001} {
		path, want := write(t, size)
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(f.Data, want) {
			t.Errorf("%d bytes: found others", size)
		}
		f.Release(f.Data[size/3 : size/2])
		f.Release([]byte("another's"))
		if !bytes.Equal(f.Data, want) {
			t.Errorf("%d bytes: found others after Release", size)
		}
		for range 2 {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	for path, want := range map[string]string{t.TempDir(): "found a folder", filepath.Join(t.TempDir(), "none"): "no such file", os.DevNull: "found a device"} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestReleaseGivesPagesBack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the resident set is read from /proc")
	}
	path, _ := write(t, 64<<20)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before := resident(t)
	sum := byte(0)
	for _, b := range f.Data {
		sum += b
	}
	touched := resident(t)
	f.Release(f.Data)
	after := resident(t)
	if touched-before < 50<<20 || after-before > 10<<20 {
		t.Errorf("%d bytes are resident before, %d after reading 64 MiB (sum %d), %d after Release", before, touched, sum, after)
	}
}

func resident(t *testing.T) int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// A file that is cut while it is mapped ends in an error, and other panics stay what they are.
func TestGuard(t *testing.T) {
	path, content := write(t, 1<<20)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !f.mapped {
		t.Skip("this system has no maps: there is nothing to guard against")
	}
	if err := os.Truncate(path, 4096); err != nil {
		t.Fatal(err)
	}
	into := make([]byte, len(content))
	err = Guard(func() error {
		copy(into, f.Data)
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "it was cut") {
		t.Errorf("a file that was cut: %v", err)
	}
	if err := Guard(func() error { return os.ErrExist }); err != os.ErrExist {
		t.Errorf("the error of read: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a panic of another kind was swallowed")
		}
	}()
	_ = Guard(func() error { panic("other") })
}
