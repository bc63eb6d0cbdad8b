package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// bareMachine is an environment with nothing installed and a pure Go backend.
func bareMachine(t *testing.T) (home string) {
	home = t.TempDir()
	for name, value := range map[string]string{
		"HOME": home, "XDG_CACHE_HOME": "", "XDG_DATA_HOME": "", "PATH": filepath.Join(home, "bin"), "JUPYTER_PATH": "",
		"JUPYTER_DATA_DIR": "", "PJRT_PLUGIN_LIBRARY_PATH": "", backend.LibraryPathEnv: "", backend.Env: "go",
	} {
		t.Setenv(name, value)
	}
	if err := os.Mkdir(filepath.Join(home, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	return home
}

func program(t *testing.T, home, name, script string) string {
	t.Helper()
	path := filepath.Join(home, "bin", name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func missing(r *Report, what string) string {
	for _, m := range r.Missing {
		if strings.Contains(m.What, what) {
			return m.Command
		}
	}
	return ""
}

var twoSets = []Dataset{
	{"here", func() (string, error) { return "/data/here", nil }, "glimpse data get here"},
	{"gone", func() (string, error) { return "", errors.New("not found") }, "glimpse data get gone"},
}

func TestBareMachine(t *testing.T) {
	bareMachine(t)
	r, err := Examine(t.Context(), twoSets)
	if err != nil {
		t.Fatal(err)
	}
	if r.Backend != "go" || !strings.Contains(r.BackendReason, "GOMLX_BACKEND=go") {
		t.Errorf("backend %q because %q, expected go because it was asked for", r.Backend, r.BackendReason)
	}
	for what, command := range map[string]string{
		"git":           "apt-get install -y git",
		"cc (":          "apt-get install -y gcc libc6-dev",
		"go (":          "https://go.dev/dl/go1.",
		"jupyter (":     "apt-get install -y jupyter-notebook",
		"nbconvert":     "apt-get install -y jupyter-nbconvert",
		"GoNB kernel":   "glimpse notebook install",
		"data set gone": "glimpse data get gone",
	} {
		if got := missing(r, what); !strings.Contains(got, command) {
			t.Errorf("for %s the command is %q, expected %q in it", what, got, command)
		}
	}
	if backend.HasONNX && backend.FindONNXRuntime() == "" && missing(r, "ONNX Runtime") != "glimpse backend install" {
		t.Errorf("ONNX Runtime is not said to be missing: %v", r.Missing)
	}
	if missing(r, "data set here") != "" || r.Data["here"] != "/data/here" {
		t.Errorf("a data set that is here is said to be missing: %v", r.Missing)
	}
	if r.Cores != runtime.GOMAXPROCS(0) || r.MemoryBytes < 1<<26 || r.MemoryFree > r.MemoryBytes || r.DiskFree <= 0 {
		t.Errorf("machine: %d cores, %d of %d bytes of memory free, %d of disk", r.Cores, r.MemoryFree, r.MemoryBytes, r.DiskFree)
	}
	if simdBuild != (r.SIMD != "none") && runtime.GOARCH == "amd64" {
		t.Errorf("SIMD is %q with a build flag of %v", r.SIMD, simdBuild)
	}
}

func TestToolsAreFoundAndAsked(t *testing.T) {
	home := bareMachine(t)
	program(t, home, "git", "echo git version 2.39.5")
	program(t, home, "cc", "echo 'install me first' >&2; exit 1") // a stub
	program(t, home, "clang", "echo 'Debian clang version 14.0.6'")
	program(t, home, "go", "exec /bin/sleep 20") // hangs
	notebook := program(t, home, "jupyter-notebook", "exec /bin/sleep 20")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r, err := Examine(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"git": "2.39.5", "cc": "14.0.6", "jupyter": notebook}
	if diff := cmp.Diff(want, r.Tools); diff != "" {
		t.Errorf("tools (-want +got):\n%s", diff)
	}
}

func TestKernel(t *testing.T) {
	home := bareMachine(t)
	write := func(content string) {
		dir := filepath.Join(home, ".local", "share", "jupyter", "kernels", "glimpse")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "kernel.json"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	examine := func() *Report {
		r, err := Examine(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	write("{")
	if r := examine(); missing(r, "no kernel description") == "" {
		t.Errorf("a broken kernel description is not told: %v", r.Missing)
	}
	gonb := program(t, home, "gonb", "exit 0")
	write(`{"argv": ["` + gonb + `", "--kernel", "{connection_file}"], "display_name": "Go (gonb)"}`)
	if r := examine(); r.Tools["gonb"] != gonb || missing(r, "GoNB") != "" {
		t.Errorf("the kernel is not found: %v, %v", r.Tools, r.Missing)
	}
	if err := os.Remove(gonb); err != nil {
		t.Fatal(err)
	}
	if r := examine(); missing(r, "which is not there") == "" {
		t.Errorf("a kernel without its program is not told: %v", r.Missing)
	}
}

func TestBackendThatCannotBeUsed(t *testing.T) {
	bareMachine(t)
	t.Setenv(backend.Env, "quantum")
	r, err := Examine(t.Context(), nil)
	if err == nil || r.Backend != "" || r.BackendReason != err.Error() || !strings.Contains(r.BackendReason, "quantum") {
		t.Errorf("backend %q because %q (%v), expected none because there is no quantum", r.Backend, r.BackendReason, err)
	}
	if len(r.Missing) == 0 || r.Cores == 0 {
		t.Error("the rest of the report is missing")
	}
	var out bytes.Buffer
	if err := r.Print(&out); err != nil || !strings.HasPrefix(out.String(), "Backend    none can be used: unknown backend") {
		t.Errorf("%v: %s", err, out.String())
	}
}

// The keys that scripts rely on are there, and lists are lists even when they are empty.
func TestJSON(t *testing.T) {
	bareMachine(t)
	r, err := Examine(t.Context(), twoSets[:1])
	if err != nil {
		t.Fatal(err)
	}
	r.Missing = r.Missing[:0]
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	for key, check := range map[string]func(any) bool{
		"backend":        func(v any) bool { return v == "go" },
		"backend_reason": func(v any) bool { s, ok := v.(string); return ok && s != "" },
		"libraries":      func(v any) bool { _, ok := v.(map[string]any); return ok },
		"simd":           func(v any) bool { s, ok := v.(string); return ok && s != "" },
		"cores":          func(v any) bool { n, ok := v.(float64); return ok && n >= 1 },
		"memory_bytes":   func(v any) bool { n, ok := v.(float64); return ok && n > 1<<26 },
		"missing":        func(v any) bool { l, ok := v.([]any); return ok && len(l) == 0 },
		"notes":          func(v any) bool { _, ok := v.([]any); return ok },
	} {
		if !check(got[key]) {
			t.Errorf("%s is %#v", key, got[key])
		}
	}
}

func TestPrint(t *testing.T) {
	r := &Report{
		Backend: "onnx", BackendReason: "it is here", Devices: []string{"first GPU", "second GPU"}, Go: "go1.26", SIMD: "avx2", System: "linux/amd64", Cores: 2, CPU: "Some CPU",
		MemoryBytes: 16e9, MemoryFree: 512e6, CacheDir: "/home/me/.cache/glimpse", DiskFree: 81.34e9,
		Libraries: map[string]string{"onnxruntime": "1.30.0", "gomlx": "v0.28.8"}, Tools: map[string]string{}, Data: map[string]string{"a": "/a"},
		Notes: []string{"one thing", "another"}, Missing: []Missing{{"git (for this)", "apt-get install -y git"}},
	}
	var out bytes.Buffer
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	want := `Backend    onnx, ONNX Runtime 1.30.0 - it is here
           device 1 of 2: first GPU
           device 2 of 2: second GPU
           glimpse train --devices all spreads a training over them
           built with go1.26; pure Go multiplies with SIMD: avx2
Machine    linux/amd64, 2 cores, Some CPU
           memory 16 GB, of which 512 MB free
           disk 81.3 GB free in /home/me/.cache/glimpse
Libraries  gomlx              v0.28.8
           onnxruntime        1.30.0
Tools      none found
Data       a                  /a
Notes      one thing
           another
Missing    git (for this)
               apt-get install -y git
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r.Missing = nil
	out.Reset()
	if _ = r.Print(&out); !strings.HasSuffix(out.String(), "Missing    nothing\n") {
		t.Errorf("ends with %q", out.String())
	}
	if err := r.Print(failing{}); err == nil {
		t.Error("a writer that fails is no error")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestMemoryGroups(t *testing.T) {
	for _, test := range []struct {
		cgroup string
		want   []string
	}{
		{"0::/\n", []string{"/memory.max"}},
		{"0::/user/me\n", []string{"/user/me/memory.max", "/user/memory.max", "/memory.max"}},
		{"4:memory:/box\n1:cpu:/box\n", []string{"/memory/box/memory.limit_in_bytes", "/memory/memory.limit_in_bytes"}},
		{"5:cpu,cpuacct:/\nrubbish\n", nil},
	} {
		var got []string
		for _, g := range memoryGroups(test.cgroup) {
			got = append(got, g.limit)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.cgroup, got, test.want)
		}
	}
}

// The product that doctor lets every backend compute is right in pure Go.
func TestComputeOnGo(t *testing.T) {
	b, err := backend.OpenNamed("go")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	if err := compute(b); err != nil {
		t.Error(err)
	}
}

func TestSudoOnlyForOrdinaryUsers(t *testing.T) {
	got := apt("git")
	if want := "apt-get install -y git"; os.Geteuid() != 0 {
		if got != "sudo "+want {
			t.Errorf("got %q", got)
		}
	} else if got != want {
		t.Errorf("got %q", got)
	}
}
