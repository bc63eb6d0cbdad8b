package backend

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A library that is not what it should be can take the whole process with it, so these tests open backends in a
// process of their own: this test binary, told by an environment variable to do nothing else.
const openEnv = "GLIMPSE_TEST_OPEN"

func TestMain(m *testing.M) {
	if os.Getenv(openEnv) == "" {
		os.Exit(m.Run())
	}
	b, err := Open(os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%s: %s\n", b.Kind, b.Reason)
	b.Finalize()
}

type opened struct {
	kind, reason string
	messages     string
	code         int
}

// openWith runs Open with an environment of its own, in which nothing is installed.
func openWith(t *testing.T, env ...string) opened {
	t.Helper()
	home := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append([]string{
		openEnv + "=1", "HOME=" + home, "XDG_CACHE_HOME=" + filepath.Join(home, "cache"), "PJRT_PLUGIN_LIBRARY_PATH=",
		"PATH=" + os.Getenv("PATH"),
	}, env...)
	var out, messages strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &messages
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	o := opened{messages: messages.String(), code: cmd.ProcessState.ExitCode()}
	o.kind, o.reason, _ = strings.Cut(strings.TrimSpace(out.String()), ": ")
	return o
}

func (o opened) expectError(t *testing.T, parts ...string) {
	t.Helper()
	if o.code != 1 {
		t.Fatalf("exit code %d, expected the error of a process that lives; backend %q; it said:\n%s", o.code, o.kind, o.messages)
	}
	o.expectLine(t, parts...)
}

func (o opened) expectFallback(t *testing.T, parts ...string) {
	t.Helper()
	if o.code != 0 || o.kind != "go" {
		t.Fatalf("backend %q with exit code %d, expected the pure Go one; it said:\n%s", o.kind, o.code, o.messages)
	}
	o.expectLine(t, parts...)
}

// expectLine checks that exactly one line was said, without a stack trace, and what is in it.
func (o opened) expectLine(t *testing.T, parts ...string) {
	t.Helper()
	if strings.Count(o.messages, "\n") != 1 || strings.Contains(o.messages, ".go:") {
		t.Errorf("expected one line without a stack trace, got:\n%s", o.messages)
	}
	for _, part := range parts {
		if !strings.Contains(o.messages, part) {
			t.Errorf("expected %q in %q", part, o.messages)
		}
	}
}

func TestNothingInstalled(t *testing.T) {
	o := openWith(t)
	if HasONNX {
		o.expectFallback(t, "no ONNX Runtime library", "glimpse backend install", "trying the next backend")
	} else if o.kind != "go" || o.messages != "" {
		t.Errorf("got %+v, expected the pure Go backend without a word", o)
	}
}

func TestNamedBackends(t *testing.T) {
	if o := openWith(t, "GOMLX_BACKEND=go"); o.kind != "go" || o.code != 0 || o.messages != "" {
		t.Errorf("go: %+v", o)
	}
	openWith(t, "GOMLX_BACKEND=cuda").expectError(t, `unknown backend "cuda"`, "xla:cuda", "onnx:cpu")
	openWith(t, "GOMLX_BACKEND=go:no_such_option").expectError(t, "no_such_option")
	openWith(t, "GOMLX_BACKEND=onnx").expectError(t, "ONNX Runtime")
	openWith(t, "GOMLX_BACKEND=xla").expectError(t)
}

// library makes a file that is no working library.
type library struct {
	name string
	make func(t *testing.T, path string)
	says string // what the error says of it
}

func text(content string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// compiled builds a shared library from C.
func compiled(source string, flags ...string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		cc, err := exec.LookPath("cc")
		if err != nil {
			t.Skip("no C compiler to make a fake library with")
		}
		src := filepath.Join(t.TempDir(), "fake.c")
		text(source)(t, src)
		if out, err := exec.Command(cc, append([]string{"-shared", "-fPIC", "-o", path, src}, flags...)...).CombinedOutput(); err != nil {
			t.Fatalf("cc: %v\n%s", err, out)
		}
	}
}

// patched copies a file with some bytes changed or cut.
func patched(source func(t *testing.T) string, change func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		data, err := os.ReadFile(source(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, change(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// claimMore makes the first loaded segment of a 64-bit little-endian ELF file longer than the file.
func claimMore(b []byte) []byte {
	const typeLoad, entry, filesz = 1, 56, 32
	for p := binary.LittleEndian.Uint64(b[32:]); ; p += entry {
		if binary.LittleEndian.Uint32(b[p:]) == typeLoad {
			binary.LittleEndian.PutUint64(b[p+filesz:], uint64(len(b))+1)
			return b
		}
	}
}

func asIs(b []byte) []byte { return b }

// libm is a healthy library of another kind.
func libm(t *testing.T) string {
	for _, pattern := range []string{"/lib/*/libm.so.6", "/usr/lib/*/libm.so.6", "/lib64/libm.so.6", "/usr/lib/libm.so.6"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0]
		}
	}
	t.Skip("this machine has no libm.so.6 to stand for a library of another kind")
	return ""
}

func realONNXRuntime(t *testing.T) string {
	path := FindONNXRuntime()
	if path == "" {
		t.Skip("no ONNX Runtime on this machine")
	}
	return path
}

var wrongLibraries = []library{
	{"text", text("this is no library\n"), "no whole shared library"},
	{"empty", text(""), "empty"},
	{"header only", patched(libm, func(b []byte) []byte { return b[:64] }), "no whole shared library"},
	{"libm", patched(libm, asIs), "library of another kind"},
	{"libm for another processor", patched(libm, func(b []byte) []byte { b[18], b[19] = 0x16, 0; return b }), "another machine"},
	{"libm that says it is longer", patched(libm, claimMore), "truncated"},
	{"folder", func(t *testing.T, path string) {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}, "no regular file"},
	{"missing", func(*testing.T, string) {}, "no such file"},
}

func TestWrongONNXRuntime(t *testing.T) {
	if !HasONNX {
		t.Skip("built without ONNX Runtime")
	}
	const oldAPI = `static const void* get(unsigned v) { return 0; }
static const char* version(void) { return "1.2.0"; }
static const struct { const void* (*a)(unsigned); const char* (*b)(void); } base = { get, version };
const void* OrtGetApiBase(void) { return &base; }`
	libraries := append([]library{
		{"one byte short", patched(realONNXRuntime, func(b []byte) []byte { return b[:len(b)-1] }), "no whole shared library"},
		{"half", patched(realONNXRuntime, func(b []byte) []byte { return b[:len(b)/2] }), "no whole shared library"},
		{"old API", compiled(oldAPI), "API between versions"},
		{"needs another library's symbol", compiled("extern int nowhere; int* OrtGetApiBase(void) { return &nowhere; }"), "nowhere"},
	}, wrongLibraries...)
	for _, library := range libraries {
		t.Run(library.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "libonnxruntime.so")
			library.make(t, path)
			env := LibraryPathEnv + "=" + path
			openWith(t, env).expectError(t, path, library.says, LibraryPathEnv)
			openWith(t, env, "GOMLX_BACKEND=onnx:cpu").expectError(t, path, library.says, LibraryPathEnv)
			openWith(t, "GOMLX_BACKEND=onnx:cpu,"+path).expectError(t, path, library.says)
			openWith(t, env, "GOMLX_BACKEND=go")

			// In the cache folder it was found and not asked for: the next backend is tried.
			cache := t.TempDir()
			installed := filepath.Join(cache, "glimpse", "lib", "onnxruntime-"+ONNXRuntimeVersion, "libonnxruntime.so.1")
			if err := os.MkdirAll(filepath.Dir(installed), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(path, installed); err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(installed); err == nil && info.Mode().IsRegular() {
				openWith(t, "XDG_CACHE_HOME="+cache).expectFallback(t, installed, library.says, "glimpse backend install")
			}
		})
	}
}

func TestONNXRuntimeByRelativePath(t *testing.T) {
	if !HasONNX {
		t.Skip("built without ONNX Runtime")
	}
	real := realONNXRuntime(t)
	dir := t.TempDir()
	if err := os.Symlink(real, filepath.Join(dir, "mine.so")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if o := openWith(t, "GOMLX_BACKEND=onnx:cpu,mine.so"); o.kind != "onnx" || o.messages != "" {
		t.Errorf("got %+v, expected ONNX Runtime from the folder one is in", o)
	}
	if o := openWith(t, LibraryPathEnv+"=mine.so"); o.kind != "onnx" || o.messages != "" {
		t.Errorf("got %+v, expected ONNX Runtime from the folder one is in", o)
	}
	openWith(t, LibraryPathEnv+"="+real, "GOMLX_BACKEND=onnx:quantum").expectError(t, "quantum")
}

func TestWrongPlugin(t *testing.T) {
	if !HasXLA {
		t.Skip("built without XLA")
	}
	libraries := append([]library{
		{"API is nil", compiled("void* GetPjrtApi(void) { return 0; }"), "pjrt_c_api_cpu_plugin.so"},
		{"needs another library's symbol", compiled("extern int nowhere; int* GetPjrtApi(void) { return &nowhere; }"), "undefined symbol: nowhere"},
	}, wrongLibraries...)
	for _, library := range libraries {
		if library.name == "missing" {
			continue
		}
		t.Run(library.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			path := filepath.Join(folder, "pjrt_c_api_cpu_plugin.so")
			library.make(t, path)
			env := "PJRT_PLUGIN_LIBRARY_PATH=" + folder
			openWith(t, env, "GOMLX_BACKEND=xla").expectError(t, library.says, path)
			openWith(t, env, "GOMLX_BACKEND=xla:cpu").expectError(t, library.says, path)
			openWith(t, env, "GOMLX_BACKEND=xla:"+path).expectError(t, library.says, path)
			openWith(t, env, "GOMLX_BACKEND=xla:cuda").expectError(t, "cuda")

			// Not asked for: one line each for this and for the ONNX Runtime that is not there.
			o := openWith(t, env)
			if o.kind != "go" || o.code != 0 {
				t.Fatalf("got %+v, expected the pure Go backend", o)
			}
			first, rest, _ := strings.Cut(o.messages, "\n")
			if !strings.Contains(first, library.says) || !strings.Contains(first, "trying the next backend") {
				t.Errorf("first line is %q, expected %q in it", first, library.says)
			}
			if HasONNX && (strings.Count(rest, "\n") != 1 || !strings.Contains(rest, "ONNX Runtime")) {
				t.Errorf("expected one more line, about ONNX Runtime, got %q", rest)
			}
		})
	}
}
