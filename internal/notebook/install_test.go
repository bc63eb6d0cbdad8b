package notebook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInstallIsWholeAndIdempotent(t *testing.T) {
	k := installed(t)
	var spec struct {
		Argv          []string `json:"argv"`
		DisplayName   string   `json:"display_name"`
		Language      string   `json:"language"`
		InterruptMode string   `json:"interrupt_mode"`
	}
	text, err := os.ReadFile(filepath.Join(k.Jupyter, "kernels", "glimpse", "kernel.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &spec); err != nil {
		t.Fatal(err)
	}
	if spec.DisplayName != "Glimpse (Go)" || spec.Language != "go" || spec.InterruptMode != "message" ||
		!slices.Equal(spec.Argv, []string{k.command(), "{connection_file}"}) {
		t.Errorf("kernel.json is %s", text)
	}
	before := listing(t, k.Programs)
	want := []string{"cellgo", "gonb", "kernel", "path", "path/go", "path/goimports"}
	if diff := cmp.Diff(want, names(before)); diff != "" {
		t.Errorf("programs (-want +got):\n%s", diff)
	}

	var messages bytes.Buffer
	if err := k.Install(t.Context(), &messages); err != nil || messages.Len() > 0 {
		t.Errorf("installing again: %v, said %q", err, messages.String())
	}
	if diff := cmp.Diff(before, listing(t, k.Programs)); diff != "" {
		t.Errorf("installing again changed (-before +after):\n%s", diff)
	}

	// A program that was lost comes back, and what others had kept of cells goes.
	if err := os.MkdirAll(filepath.Join(k.Programs, "cells", "old"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(k.Programs, "path", "goimports")); err != nil {
		t.Fatal(err)
	}
	if err := k.Install(t.Context(), &messages); err != nil || !strings.Contains(messages.String(), "building") {
		t.Errorf("installing after a loss: %v, said %q", err, messages.String())
	}
	if diff := cmp.Diff(want, names(listing(t, k.Programs))); diff != "" {
		t.Errorf("programs after a loss (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(k.Programs, "cells")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was kept of cells is still there: %v", err)
	}
}

// listing is what lies below a folder, but for what cells have left there: name -> time of the last change.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		if path == filepath.Join(dir, "cells") {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		found[name] = info.ModTime().String()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func names(listing map[string]string) []string {
	var all []string
	for name := range listing {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func TestStampFollowsWhatTheKernelIsMadeOf(t *testing.T) {
	checkout := fakeCheckout(t)
	k := Kernel{Checkout: checkout, Programs: filepath.Join(checkout, "p"), Jupyter: filepath.Join(checkout, "j")}
	tools := toolchain{program: "/go", version: "go1.26.8", cgo: "1"}
	first, err := k.stamp(tools)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := k.stamp(tools); again != first {
		t.Error("the stamp changes by itself")
	}
	seen := map[string]string{first: "at first"}
	differs := func(what string, k Kernel, tools toolchain) {
		stamp, err := k.stamp(tools)
		if err != nil {
			t.Fatal(err)
		}
		if as, found := seen[stamp]; found {
			t.Errorf("%s: the stamp is that of %s", what, as)
		}
		seen[stamp] = what
	}
	differs("another Go", k, toolchain{program: "/go", version: "go1.26.9", cgo: "1"})
	differs("no C compiler", k, toolchain{program: "/go", version: "go1.26.8", cgo: "0"})
	moved := k
	moved.Programs += "2"
	differs("another folder", moved, tools)
	if err := os.WriteFile(filepath.Join(checkout, "go.mod"), []byte("module "+module+"\n\ngo 1.27\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	differs("another go.mod", k, tools)
	helper := filepath.Join(checkout, "internal", "notebook", "goimports", "main.go")
	if err := os.MkdirAll(filepath.Dir(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(helper, []byte("package main"), 0o644); err != nil {
		t.Fatal(err)
	}
	differs("another goimports", k, tools)
}

// fakeCheckout is a folder with a go.mod and a go.sum of the lab, and with a name that shells and Go take apart.
func fakeCheckout(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "it's $HOME's `checkout`")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod": "module " + module + "\n\ngo 1.26\n\nrequire example.com/a v1.2.3\n",
		"go.sum": "example.com/a v1.2.3 h1:abc=\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The go of cells begins a notebook's module with the requirements of the checkout, and leaves all else to Go.
func TestGoOfCells(t *testing.T) {
	checkout := fakeCheckout(t)
	real, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	k := Kernel{Checkout: checkout, Programs: checkout}
	script := filepath.Join(t.TempDir(), "go")
	if err := writeScript(script, k.goScript(toolchain{program: real})); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("GOFLAGS", "")
	call := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(script, args...)
		cmd.Dir = dir
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %v: %v: %s", args, err, said)
		}
		return string(said)
	}
	if said := call("mod", "init", "gonb_0a1b2c"); said != "" {
		t.Errorf("mod init said %q", said)
	}
	var mod struct {
		Module  struct{ Path string }
		Require []struct{ Path, Version string }
		Replace []struct {
			Old, New struct{ Path string }
		}
	}
	if err := json.Unmarshal([]byte(call("mod", "edit", "-json")), &mod); err != nil {
		t.Fatal(err)
	}
	if mod.Module.Path != "gonb_0a1b2c" || len(mod.Require) != 2 || mod.Require[0].Path != "example.com/a" || mod.Require[1].Path != module {
		t.Errorf("the module begins as %+v", mod)
	}
	if len(mod.Replace) != 1 || mod.Replace[0].Old.Path != module || mod.Replace[0].New.Path != checkout {
		t.Errorf("expected the lab at %s, got %+v", checkout, mod.Replace)
	}
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil || string(sums) != "example.com/a v1.2.3 h1:abc=\n" {
		t.Errorf("go.sum is %q (%v)", sums, err)
	}
	for _, get := range [][]string{{"get"}, {"get", "-t"}} {
		if said := call(get...); said != "" {
			t.Errorf("go %v said %q", get, said)
		}
	}
	if got, want := call("version"), "go version "; !strings.HasPrefix(got, want) {
		t.Errorf("go version said %q", got)
	}
	// GoNB watches the folders of replacements of this form, with everything below them.
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil || strings.Contains(string(text), "replace "+module) {
		t.Errorf("expected the replacement as a block, got %s (%v)", text, err)
	}
}

// Cells are linked by Go's own linker where a program with every backend can be linked so and runs.
func TestInternalLinking(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("tried on Linux alone")
	}
	dir := t.TempDir()
	for text, want := range map[string]bool{
		"exit 1": false, // it does not link
		`printf '#!/bin/sh\nexit 1\n' >"$4" && chmod 755 "$4"`: false, // it links, and does not run
		`printf '#!/bin/sh\nexit 0\n' >"$4" && chmod 755 "$4"`: true,
	} {
		program := filepath.Join(dir, "go")
		if err := writeScript(program, "#!/bin/sh\n"+text+"\n"); err != nil {
			t.Fatal(err)
		}
		k := Kernel{Checkout: dir}
		if got := k.linksInternally(t.Context(), toolchain{program: program, cgo: "1"}); got != want {
			t.Errorf("%s: got %v, expected %v", text, got, want)
		}
		if k.linksInternally(t.Context(), toolchain{program: program, cgo: "0"}) {
			t.Error("without C there is nothing to choose")
		}
	}
	script, echo := filepath.Join(dir, "cells"), filepath.Join(dir, "echo")
	for _, program := range []string{echo, filepath.Join(dir, "cellgo")} {
		if err := writeScript(program, "#!/bin/sh\nprintf '%s|' \"$@\"\n"); err != nil {
			t.Fatal(err)
		}
	}
	for internal, want := range map[bool]string{false: "build|-o|a b|", true: echo + "|" + dir + "|build|-o|a b|"} {
		if err := writeScript(script, Kernel{Checkout: dir, Programs: dir}.goScript(toolchain{program: echo, internal: internal})); err != nil {
			t.Fatal(err)
		}
		said, err := exec.Command(script, "build", "-o", "a b").Output()
		if err != nil || string(said) != want {
			t.Errorf("internal is %v: go was called with %q (%v), expected %q", internal, said, err, want)
		}
	}
}

// The kernel's script says what to do when the checkout has moved.
func TestKernelWithoutItsCheckout(t *testing.T) {
	checkout := fakeCheckout(t)
	k := Kernel{Checkout: checkout, Programs: checkout}
	script := filepath.Join(checkout, "kernel")
	if err := writeScript(script, k.kernelScript(toolchain{cgo: "1"})); err != nil {
		t.Fatal(err)
	}
	if err := writeScript(filepath.Join(checkout, "gonb"), "#!/bin/sh\necho \"$GOEXPERIMENT $CGO_ENABLED $*\"\n"); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(script, "connection.json").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(said), "simd 1 --logtostderr=false") || !strings.HasSuffix(string(said), "--kernel connection.json\n") {
		t.Errorf("got %q (%v)", said, err)
	}
	if err := os.Remove(filepath.Join(checkout, "go.mod")); err != nil {
		t.Fatal(err)
	}
	said, err = exec.Command(script, "connection.json").CombinedOutput()
	if err == nil || !strings.Contains(string(said), "run in the new one: bin/glimpse notebook install") {
		t.Errorf("got %q (%v)", said, err)
	}
}

func TestCellFlags(t *testing.T) {
	for _, c := range []struct{ own, cgo, want string }{
		{"", "1", "-mod=mod -tags=onnx -ldflags=-s"},
		{"", "0", "-mod=mod -tags=noxla -ldflags=-s"},
		{"-buildvcs=false -mod=vendor --tags=x -ldflags=-w -trimpath -modfile=a.mod", "1", "-buildvcs=false -trimpath -mod=mod -tags=onnx -ldflags=-s"},
	} {
		if got := strings.Join(cellFlags(strings.Fields(c.own), c.cgo), " "); got != c.want {
			t.Errorf("cellFlags(%q, %q) = %q, want %q", c.own, c.cgo, got, c.want)
		}
	}
}

func TestInstallWithoutWhatItNeeds(t *testing.T) {
	checkout, err := findCheckout()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("folder", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		k := Kernel{Checkout: checkout, Programs: filepath.Join(file, "p"), Jupyter: t.TempDir()}
		sentence(t, k.Install(t.Context(), io.Discard), "expected a folder that can be written to", "XDG_CACHE_HOME")
	})
	t.Run("another Go", func(t *testing.T) {
		path := t.TempDir()
		t.Setenv("PATH", path)
		k := Kernel{Checkout: checkout, Programs: t.TempDir(), Jupyter: t.TempDir()}
		old := "#!/bin/sh\necho 'go: go.mod requires go >= 1.26.5 (running go 1.19.8; GOTOOLCHAIN=local)' >&2\nexit 1\n"
		if err := writeScript(filepath.Join(path, "go"), old); err != nil {
			t.Fatal(err)
		}
		sentence(t, k.Install(t.Context(), io.Discard), "go.mod requires go >= 1.26.5 (running go 1.19.8", "needs the version of Go that the lab's go.mod names")
		if _, err := os.Stat(k.specFile()); err == nil {
			t.Error("a kernel that was not built is offered to Jupyter")
		}
	})
	t.Run("stopped", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		k := Kernel{Checkout: checkout, Programs: t.TempDir(), Jupyter: t.TempDir()}
		err := k.Install(ctx, io.Discard)
		sentence(t, err, "stopped while `go env` was running")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v does not tell that it was stopped", err)
		}
	})
	t.Run("no Go", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		k := Kernel{Checkout: checkout, Programs: t.TempDir(), Jupyter: t.TempDir()}
		sentence(t, k.Install(t.Context(), io.Discard), "expected Go on PATH", "https://go.dev/dl")
	})
}

// Whatever cells can import is compiled at installation, and compiles.
func TestWarmCompilesEverything(t *testing.T) {
	k := installed(t)
	tools, err := k.findToolchain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var messages bytes.Buffer
	k.warm(t.Context(), tools, &messages)
	if messages.Len() > 0 {
		t.Error(messages.String())
	}
	broken := fakeCheckout(t)
	if err := os.WriteFile(filepath.Join(broken, "p.go"), []byte("package p\nvar a int = \"\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	k.Checkout = broken
	k.warm(t.Context(), tools, &messages)
	if got := messages.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "glimpse: some packages of the checkout do not compile") {
		t.Errorf("of a package that does not compile it said %q", got)
	}
}

func TestUninstall(t *testing.T) {
	dir := t.TempDir()
	k := Kernel{Checkout: dir, Programs: filepath.Join(dir, "programs"), Jupyter: filepath.Join(dir, "jupyter")}
	other := filepath.Join(k.Jupyter, "kernels", "python3")
	for _, folder := range []string{filepath.Join(k.Programs, "path"), k.Spec(), other} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time there is nothing left
		if err := k.Uninstall(); err != nil {
			t.Fatal(err)
		}
	}
	for path, stays := range map[string]bool{k.Programs: false, k.Spec(): false, other: true} {
		if _, err := os.Stat(path); (err == nil) != stays {
			t.Errorf("%s: stays is %v, found: %v", path, stays, err)
		}
	}
}

// Without a home folder it says which settings name one.
func TestFindWithoutAHome(t *testing.T) {
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "JUPYTER_DATA_DIR", "XDG_DATA_HOME"} {
		t.Setenv(name, "")
	}
	_, err := Find()
	sentence(t, err, "expected a cache folder of yours for the notebook's kernel, found none", "set XDG_CACHE_HOME to a folder")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, err = Find()
	sentence(t, err, "expected a home folder, in which Jupyter looks for kernels, found none", "set JUPYTER_DATA_DIR to a folder")
	t.Setenv("JUPYTER_DATA_DIR", t.TempDir())
	if _, err := Find(); err != nil {
		t.Error(err)
	}
	t.Chdir(t.TempDir())
	_, err = Find()
	sentence(t, err, "expected to be run in a checkout of Glimpse", "git clone")
}

func TestJupyterDataFolder(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("JUPYTER_DATA_DIR", "")
	t.Setenv("XDG_DATA_HOME", "")
	want := filepath.Join(home, ".local", "share", "jupyter")
	if runtime.GOOS == "darwin" {
		want = filepath.Join(home, "Library", "Jupyter")
	}
	check := func(want string) {
		t.Helper()
		if got, err := jupyterData(); err != nil || got != want {
			t.Errorf("got %q (%v), want %q", got, err, want)
		}
	}
	check(want)
	if runtime.GOOS != "darwin" {
		t.Setenv("XDG_DATA_HOME", filepath.Join(home, "xdg"))
		check(filepath.Join(home, "xdg", "jupyter"))
	}
	t.Setenv("JUPYTER_DATA_DIR", filepath.Join(home, "own"))
	check(filepath.Join(home, "own"))
}
