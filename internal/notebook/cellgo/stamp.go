package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// stamp names everything but the cell's own code that its program depends on: Go, its settings (but for what GoNB tells of itself, which is another in every kernel), the requirements, and every file of the
// lab's packages by name, size and time of its last change.
func (b builder) stamp(c cell) (string, error) {
	sum := sha256.New()
	info, err := os.Stat(b.golang)
	if err != nil {
		return "", err
	}
	fmt.Fprintln(sum, b.golang, info.Size(), info.ModTime().UnixNano(), linking)
	if info, err := os.Stat(ownSettings()); err == nil {
		fmt.Fprintln(sum, info.Size(), info.ModTime().UnixNano())
	}
	settings := slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "GONB_") || !strings.HasPrefix(s, "GO") && !strings.HasPrefix(s, "CGO_") && !strings.HasPrefix(s, "CC=") && !strings.HasPrefix(s, "CXX=") && !strings.HasPrefix(s, "PKG_CONFIG")
	})
	slices.Sort(settings)
	fmt.Fprintf(sum, "%q\n", settings)
	for _, flag := range strings.Fields(os.Getenv("GOFLAGS")) {
		if name, _, _ := strings.Cut(flag, "="); !slices.Contains([]string{"-mod", "-tags", "-ldflags", "-buildvcs"}, name) {
			return "", fmt.Errorf("a flag that compiler or linker may have to know: %s", flag)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(c.dir, name))
		if err != nil {
			return "", err
		}
		for _, line := range strings.SplitAfter(string(text), "\n") {
			if b.elsewhere(line) {
				return "", fmt.Errorf("code in a folder that is not watched: %s", line)
			}
			if !strings.HasPrefix(line, "module ") { // the cell's own name is another one in every notebook
				fmt.Fprint(sum, line)
			}
		}
	}
	err = filepath.WalkDir(b.checkout, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != b.checkout && noPackages(path, entry.Name(), b.checkout) {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".ipynb") {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%q %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

// noPackages says whether cells can import nothing from a folder of the checkout.
func noPackages(path, name, checkout string) bool {
	if name[0] == '.' || name[0] == '_' || name == "testdata" {
		return true
	}
	switch name { // what users keep beside the packages may be large
	case "bin", "cmd", "demo", "runs":
		return filepath.Dir(path) == checkout
	case "images", "site":
		return path == filepath.Join(checkout, "docs", name)
	}
	return false
}

// ownSettings is the file of `go env -w`.
func ownSettings() string {
	if path := os.Getenv("GOENV"); path != "" {
		return path
	}
	dir, _ := os.UserConfigDir()
	return filepath.Join(dir, "go", "env")
}

// elsewhere says whether a line of go.mod replaces a module by a folder that is not the lab's.
func (b builder) elsewhere(line string) bool {
	_, target, is := strings.Cut(line, "=>")
	if target = strings.Trim(strings.TrimSpace(target), "\"`"); !is || target == b.checkout {
		return false
	}
	return filepath.IsAbs(target) || strings.HasPrefix(target, ".")
}
