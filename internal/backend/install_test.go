package backend

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const member = "package/lib/libonnxruntime.so.1"

// fakeLibrary is a library that passes for ONNX Runtime as long as nobody calls it.
func fakeLibrary(t *testing.T) []byte {
	path := filepath.Join(t.TempDir(), "fake.so")
	compiled("void* OrtGetApiBase(void) { return 0; }")(t, path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// pack makes a .tgz archive of one member, among others.
func pack(t *testing.T, header tar.Header, content []byte) []byte {
	var buf bytes.Buffer
	zipped := gzip.NewWriter(&buf)
	members := tar.NewWriter(zipped)
	header.Size = int64(len(content))
	header.Mode = 0o644
	for _, m := range []struct {
		tar.Header
		content []byte
	}{
		{tar.Header{Name: "package/README.md", Size: 5, Mode: 0o644}, []byte("hello")},
		{header, content},
		{tar.Header{Name: "package/zeros.dat", Size: 1 << 16, Mode: 0o644}, make([]byte, 1<<16)},
	} {
		if err := members.WriteHeader(&m.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := members.Write(m.content); err != nil && m.Typeflag != tar.TypeSymlink {
			t.Fatal(err)
		}
	}
	if err := members.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// fakeNPM puts an npm on PATH that runs a line of shell; $ARCHIVE is the package it may deliver.
func fakeNPM(t *testing.T, script string, archive []byte) {
	dir := t.TempDir()
	file := filepath.Join(dir, "delivery")
	if err := os.WriteFile(file, archive, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "npm"), []byte("#!/bin/sh\nARCHIVE="+file+"\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

const deliver = `test "$1 $2" = "pack fake@1.0.0" && cp "$ARCHIVE" fake-1.0.0.tgz`

// target is a place for the library in a cache folder that does not exist yet, checked at the end for leftovers.
func target(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "lib", "onnxruntime-9.9.9")
	t.Cleanup(func() {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if name := e.Name(); name != "libonnxruntime.so.1" && name != "libonnxruntime.so.1.sha256" && name != ".lock" {
				t.Errorf("left over in the cache folder: %s", name)
			}
		}
	})
	return filepath.Join(dir, "libonnxruntime.so.1")
}

func expectFile(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if want == nil {
		if err == nil {
			t.Errorf("expected no file at %s, found %d bytes", path, len(got))
		}
		return
	}
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("expected %d bytes at %s, found %d (%v)", len(want), path, len(got), err)
	}
}

func TestInstallWithNPM(t *testing.T) {
	lib := fakeLibrary(t)
	tgz := pack(t, tar.Header{Name: member}, lib)
	r := release{
		npm:    archive{source: "fake@1.0.0", size: int64(len(tgz)), sha256: sum(tgz), member: member, lib: sum(lib)},
		github: archive{source: "http://127.0.0.1:1/none.tgz"},
	}
	fakeNPM(t, deliver, tgz)
	path := target(t)
	var messages bytes.Buffer
	if err := r.install(t.Context(), path, &messages); err != nil {
		t.Fatal(err)
	}
	expectFile(t, path, lib)
	if !strings.Contains(messages.String(), "fetching fake@1.0.0 with npm") {
		t.Errorf("nothing was said about the download: %q", messages.String())
	}

	// A second time nothing is fetched; a damaged library is brought again.
	fakeNPM(t, "echo 'npm ERR! must not be called' >&2; exit 1", nil)
	if err := r.install(t.Context(), path, nil); err != nil {
		t.Errorf("a library that is there and whole was not kept: %v", err)
	}
	damaged := bytes.Clone(lib)
	damaged[len(damaged)/2] ^= 1
	if err := os.WriteFile(path, damaged, 0o644); err != nil {
		t.Fatal(err)
	}
	fakeNPM(t, deliver, tgz)
	if err := r.install(t.Context(), path, nil); err != nil {
		t.Fatal(err)
	}
	expectFile(t, path, lib)
}

func TestInstallFromGitHubWhenThereIsNoNPM(t *testing.T) {
	lib := fakeLibrary(t)
	tgz := pack(t, tar.Header{Name: member}, lib)
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.Write(tgz)
	}))
	defer server.Close()
	r := release{
		npm:    archive{source: "fake@1.0.0", sha256: "never"},
		github: archive{source: server.URL + "/ort.tgz", size: int64(len(tgz)), sha256: sum(tgz), member: member},
	}
	t.Setenv("PATH", t.TempDir())
	path := target(t)
	for range 2 {
		if err := r.install(t.Context(), path, io.Discard); err != nil {
			t.Fatal(err)
		}
		expectFile(t, path, lib)
	}
	if requests != 1 {
		t.Errorf("the archive was fetched %d times, expected once: the second time the library is there", requests)
	}
}

func TestInstallRefusesWhatIsWrong(t *testing.T) {
	lib := fakeLibrary(t)
	good := pack(t, tar.Header{Name: member}, lib)
	pinned := archive{source: "fake@1.0.0", size: int64(len(good)), sha256: sum(good), member: member, lib: sum(lib)}
	repinned := func(content []byte, change func(*archive)) archive {
		a := pinned
		a.sha256, a.size = sum(content), int64(len(content))
		change(&a)
		return a
	}
	none := func(*archive) {}
	text := pack(t, tar.Header{Name: member}, []byte("no library"))
	link := pack(t, tar.Header{Name: member, Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, nil)
	other := pack(t, tar.Header{Name: "../../" + member}, lib)
	github := httptest.NewServer(http.HandlerFunc(http.NotFound))
	defer github.Close()
	for _, test := range []struct {
		name, npm string
		delivered []byte
		archive   archive
		says      string
	}{
		{"npm fails", "echo 'npm ERR! code ENOTFOUND' >&2; echo 'npm ERR! network unreachable' >&2; exit 1", nil, pinned, "network unreachable"},
		{"new npm fails", "echo 'npm error code E404' >&2; echo 'npm error 404 not found' >&2; exit 1", nil, pinned, "pack fake@1.0.0: 404 not found"},
		{"npm says nothing", "exit 3", nil, pinned, "exit status 3"},
		{"npm delivers nothing", "exit 0", nil, pinned, "expected one .tgz file, found 0"},
		{"truncated", deliver, good[:len(good)-10], pinned, "is not what was expected"},
		{"bit flipped", deliver, append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1), pinned, "is not what was expected"},
		{"not gzip", deliver, []byte("hello"), repinned([]byte("hello"), none), "cannot take"},
		{"cut archive", deliver, good[:len(good)/2], repinned(good[:len(good)/2], none), "unexpected EOF"},
		{"no member", deliver, other, repinned(other, none), "no such member"},
		{"member is a link", deliver, link, repinned(link, none), "regular file"},
		{"other library", deliver, good, repinned(good, func(a *archive) { a.lib = sum([]byte("x")) }), "has sha256"},
		{"no library", deliver, text, repinned(text, func(a *archive) { a.lib = "" }), "no whole shared library"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fakeNPM(t, test.npm, test.delivered)
			path := target(t)
			r := release{npm: test.archive, github: archive{source: github.URL + "/none.tgz", size: 1}}
			err := r.install(t.Context(), path, nil)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("got %v, expected an error with %q", err, test.says)
			}
			for _, part := range []string{"404", "glimpse backend install", LibraryPathEnv, Env + "=go"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("expected %q in %q", part, err)
				}
			}
			expectFile(t, path, nil)
		})
	}
}

func TestInstallFromAServerThatLies(t *testing.T) {
	lib := fakeLibrary(t)
	good := pack(t, tar.Header{Name: member}, lib)
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		says    string
	}{
		"not found": {http.NotFound, "404"},
		"cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(good)))
			w.Write(good[:50])
		}, "gave up after 3 tries"},
		"wrong":      {func(w http.ResponseWriter, _ *http.Request) { w.Write(lib) }, "not the file that was expected"},
		"never ends": {func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, zeros{}) }, "not the file that was expected"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.handler)
			defer server.Close()
			t.Setenv("PATH", t.TempDir())
			path := target(t)
			r := release{github: archive{source: server.URL + "/ort.tgz", size: int64(len(good)), sha256: sum(good), member: member}}
			err := r.install(t.Context(), path, nil)
			if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "npm: no such command") {
				t.Fatalf("got %v, expected an error with %q and word about npm", err, test.says)
			}
			expectFile(t, path, nil)
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestInstallStopsWhenTold(t *testing.T) {
	fakeNPM(t, "sleep 30", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	path := target(t)
	start := time.Now()
	err := release{npm: archive{source: "fake@1.0.0"}}.install(ctx, path, nil)
	if err == nil || ctx.Err() == nil || time.Since(start) > 10*time.Second {
		t.Errorf("got %v after %v, expected to be stopped at once", err, time.Since(start))
	}
	expectFile(t, path, nil)
}

func TestInstallIntoAFolderThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", file)
	if _, err := InstallONNXRuntime(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "XDG_CACHE_HOME") {
		t.Errorf("got %v, expected an error that names the cache folder", err)
	}
}

// The pinned releases are whole: a version, two archives and their checksums for each processor.
func TestReleasesArePinned(t *testing.T) {
	for arch, r := range releases {
		for _, a := range []archive{r.npm, r.github} {
			if !strings.Contains(a.source, ONNXRuntimeVersion) || len(a.sha256) != 64 || a.size == 0 || a.member == "" {
				t.Errorf("%s: %+v is not pinned to version %s", arch, a, ONNXRuntimeVersion)
			}
		}
		if r.npm.lib == "" {
			t.Errorf("%s: the library's own checksum is missing", arch)
		}
	}
	if _, ok := releases[runtime.GOARCH]; !ok {
		t.Log("no release is pinned for", runtime.GOARCH)
	}
}

// What is installed on this machine is the pinned library.
func TestInstalledLibraryIsThePinnedOne(t *testing.T) {
	path, err := InstalledLibrary()
	if err != nil {
		t.Skip(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("nothing is installed in this machine's cache folder")
	}
	if !releases[runtime.GOARCH].installed(path) {
		t.Errorf("%s is neither the pinned library nor one that was noted at its installation", path)
	}
	if err := checkLibrary(path, ortSymbol); err != nil {
		t.Error(err)
	}
}

func ExampleInstallONNXRuntime() {
	path, err := InstallONNXRuntime(context.Background(), os.Stderr)
	if err != nil {
		fmt.Println("going on with pure Go:", err)
		return
	}
	fmt.Println("installed", filepath.Base(path))
}
