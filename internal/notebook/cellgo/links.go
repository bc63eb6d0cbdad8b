package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// links are what imports come to: those of all cells so far with one stamp. Packages that a cell does not import do no harm.
type links struct {
	Tools    string // folder of compiler and linker
	Root     string // GOROOT
	Version  string // such as "go1.26.8"
	Language string // such as "go1.26"
	Packages string // lines "packagefile PATH=FILE" of every package below the program
	Info     string // what debug.ReadBuildInfo finds, as the linker takes it
}

func linksFile(dir, key string) string { return filepath.Join(dir, key+".json") }

// openLinks reads what is known of a key.
func openLinks(dir, key string) (l links, err error) {
	text, err := os.ReadFile(linksFile(dir, key))
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	return l, err
}

// have says whether all that a cell imports is known.
func (l links) have(c cell) bool {
	for _, path := range c.imports {
		if path != "unsafe" && !strings.Contains("\n"+l.Packages, "\npackagefile "+path+"=") {
			return false
		}
	}
	return true
}

// keepLinks finds out what go build has linked a program of, and keeps it.
func (b builder) keepLinks(key, program string) error {
	said, err := b.ask("env", "-json", "GOTOOLDIR", "GOROOT", "GOVERSION")
	if err != nil {
		return err
	}
	var env struct{ GOTOOLDIR, GOROOT, GOVERSION string }
	if err := json.Unmarshal(said, &env); err != nil {
		return err
	}
	l := links{Tools: env.GOTOOLDIR, Root: env.GOROOT, Version: env.GOVERSION}
	const format = `{{if eq .Name "main"}}main {{.Module.GoVersion}} {{.DefaultGODEBUG}}{{else if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}`
	if said, err = b.ask("list", "-export", "-deps", "-f", format, "."); err != nil {
		return err
	}
	before, _ := openLinks(b.kept, key)
	known := map[string]bool{}
	for _, line := range strings.Split(string(said)+before.Packages, "\n") {
		if program, is := strings.CutPrefix(line, "main "); is {
			language, settings, _ := strings.Cut(strings.TrimSpace(program), " ")
			if l.Language = version.Lang("go" + language); l.Language == "" || settings != "" { // settings would be the linker's matter
				return errors.New("a module that is not plain")
			}
		} else if path, _, is := strings.Cut(line, "="); is && !known[path] {
			known[path] = true
			l.Packages += line + "\n"
		}
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	info.GoVersion = "" // stands elsewhere in a program
	l.Info = info.String()
	text, err := json.Marshal(l)
	if err == nil {
		err = os.MkdirAll(b.kept, 0o755)
	}
	if err != nil {
		return err
	}
	forget(b.kept)
	return replace(linksFile(b.kept, key), func(path string) error { return os.WriteFile(path, text, 0o644) })
}

// forget removes what was kept long ago: Go's cache will have dropped what it names.
func forget(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > 10*24*time.Hour {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

func (b builder) ask(args ...string) ([]byte, error) { return exec.Command(b.golang, args...).Output() }

// build compiles a cell and links it.
func (l links) build(c cell, program string) error {
	dir, err := os.MkdirTemp("", "glimpse-cell-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("compile.cfg"), []byte(l.Packages), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(at("link.cfg"), fmt.Appendf(nil, "%smodinfo %s\n", l.Packages, strconv.Quote(infoStart+l.Info+infoEnd)), 0o644); err != nil {
		return err
	}
	args := []string{"-o", at("cell.a"), "-trimpath", dir + "=>", "-p", "main", "-lang=" + l.Language, "-complete", "-buildid", c.sum, "-goversion", l.Version,
		"-nolocalimports", "-importcfg", at("compile.cfg"), "-pack"}
	for _, name := range c.files {
		args = append(args, "."+string(filepath.Separator)+name)
	}
	if err := l.tool(c.dir, "compile", args...); err != nil {
		return err
	}
	return replace(program, func(path string) error {
		args := append([]string{"-o", path, "-importcfg", at("link.cfg"), "-buildmode=exe", "-buildid", c.sum}, linking...)
		return l.tool(c.dir, "link", append(args, at("cell.a"))...)
	})
}

// What the linker expects before and after the information on a build (cmd/go/internal/modload, ModInfoData).
const (
	infoStart = "0w\xaf\x0c\x92t\x08\x02A\xe1\xc1\x07\xe6\xd6\x18\xe6"
	infoEnd   = "\xf92C1\x86\x18 r\x00\x82B\x10A\x16\xd8\xf2"
)

// tool runs the compiler or the linker.
func (l links) tool(dir, name string, args ...string) error {
	cmd := exec.Command(filepath.Join(l.Tools, name), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOROOT="+l.Root)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, said.Bytes())
	}
	return nil
}

// replace has a file written beside its place and then puts it there.
func replace(path string, write func(path string) error) error {
	temporary := fmt.Sprintf("%s.%d", path, os.Getpid())
	defer os.Remove(temporary)
	if err := write(temporary); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
