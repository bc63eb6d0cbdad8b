package memo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
)

const module = "github.com/glimpse-ml/glimpse"

// CodeVersion names the code of the lab that this program was built with: the module's version and checksum; where a folder
// replaces the module, as for the cells of our kernel, a hash of its Go files; for a program of the module itself a
// hash of the program. It is found out once a process.
func CodeVersion() (string, error) { return codeVersion() }

var codeVersion = sync.OnceValues(func() (string, error) {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, dep := range info.Deps {
			if dep.Path == module {
				return versionOf(dep)
			}
		}
	}
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot tell which program this is, and so which code has computed a result: %w", err)
	}
	sum, err := hashFile(program)
	return "program " + sum, err
})

// versionOf names the lab's code as another module uses it.
func versionOf(dep *debug.Module) (string, error) {
	used := dep
	if dep.Replace != nil {
		used = dep.Replace
	}
	if used.Version != "" {
		return "module " + used.Version + " " + used.Sum, nil
	}
	sum, err := hashSources(used.Path)
	return "sources " + sum, err
}

// hashSources hashes the names and contents of a folder's Go files but for tests, go.mod and go.sum among them. What it skips
// (hidden folders, data, notebooks) is no code.
func hashSources(dir string) (string, error) {
	hash := sha256.New()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != dir && (strings.HasPrefix(name, ".") || name == "testdata" || name == "runs" || name == "demo" && filepath.Dir(path) == dir) {
				return fs.SkipDir
			}
			return nil
		}
		isCode := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		if !isCode && name != "go.mod" && name != "go.sum" {
			return nil
		}
		sum, err := hashFile(path)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(dir, path)
		fmt.Fprintf(hash, "%s %q\n", sum, below)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("cannot tell which code has computed a result: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
