package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// cell is a program's source.
type cell struct {
	dir     string
	files   []string // names
	imports []string // of all files, sorted, each once
	sum     string   // of names and contents
}

var errNotPlain = errors.New("a cell with C, directives or another package than main")

// readCell reads the Go files of a folder but for tests. Only files without C and without directives to the compiler will do.
func readCell(dir string) (cell, error) {
	c := cell{dir: dir}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return c, err
	}
	sum := sha256.New()
	for _, path := range names {
		name := filepath.Base(path)
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return c, err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ImportsOnly)
		if err != nil {
			return c, err
		}
		if file.Name.Name != "main" || strings.Contains(name, "_") || bytes.Contains(text, []byte("//go:")) || bytes.Contains(text, []byte("// +build")) {
			return c, errNotPlain
		}
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil || path == "C" {
				return c, errNotPlain
			}
			c.imports = append(c.imports, path)
		}
		c.files = append(c.files, name)
		fmt.Fprintf(sum, "%q %d %s\n", name, len(text), text)
	}
	if len(c.files) == 0 {
		return c, errNotPlain
	}
	slices.Sort(c.imports)
	c.imports = slices.Compact(c.imports)
	c.sum = hex.EncodeToString(sum.Sum(nil))
	return c, nil
}

// built is what is noted of a program beside its source.
type built struct {
	Key, Sum, Program string
	Size, Changed     int64 // of the program, the time in nanoseconds
}

const noteName = ".built.json"

// noteBuilt notes that a program is built. Without the note it is built once more.
func noteBuilt(c cell, key, program string) {
	info, err := os.Stat(program)
	if err != nil {
		return
	}
	if text, err := json.Marshal(built{key, c.sum, program, info.Size(), info.ModTime().UnixNano()}); err == nil {
		_ = os.WriteFile(filepath.Join(c.dir, noteName), text, 0o644) // the worst that can come of a failure is another build
	}
}

// builtAlready says whether the program that is there was built of this source and these packages.
func builtAlready(c cell, key, program string) bool {
	text, err := os.ReadFile(filepath.Join(c.dir, noteName))
	if err != nil {
		return false
	}
	info, err := os.Stat(program)
	if err != nil {
		return false
	}
	var have built
	return json.Unmarshal(text, &have) == nil && have == built{key, c.sum, program, info.Size(), info.ModTime().UnixNano()}
}
