package fetch

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// TestRefusals: what cannot be mended is one sentence, and nothing lies under the final name.
func TestRefusals(t *testing.T) {
	wrong := bytes.Clone(content)
	wrong[123] ^= 1
	status := func(code int, header ...string) func(int, http.ResponseWriter, *http.Request) {
		return func(_ int, w http.ResponseWriter, _ *http.Request) {
			if len(header) == 2 {
				w.Header().Set(header[0], header[1])
			}
			w.WriteHeader(code)
		}
	}
	send := func(body []byte, kind string) func(int, http.ResponseWriter, *http.Request) {
		return func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.(http.Flusher).Flush() // no Content-Length
			w.Write(body)
		}
	}
	for _, tc := range []struct {
		name     string
		handle   func(int, http.ResponseWriter, *http.Request)
		unpinned bool
		want     string
		requests int
		left     []string
		is       error
	}{
		{name: "404", handle: status(404), want: "found the answer 404 Not Found; the publisher has moved", requests: 1},
		{name: "403", handle: status(403), want: "asks for a login", requests: 1},
		{name: "500 for ever", handle: status(500), want: "gave up after 3 tries", requests: 3},
		{name: "429 for an hour", handle: status(429, "Retry-After", "3600"), want: "asks to wait 1h0m0s", requests: 1},
		{name: "429 until a date", handle: status(429, "Retry-After", time.Now().Add(2*time.Hour).UTC().Format(http.TimeFormat)), want: "asks to wait", requests: 1},
		{name: "redirects for ever", handle: func(_ int, w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }, want: "redirects more than ten times", requests: 10},
		{name: "redirects to a file", handle: func(_ int, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(302)
		}, want: "unsupported protocol scheme", requests: 1},
		{name: "wrong bytes", handle: send(wrong, "application/octet-stream"), want: "expected sha256 " + sumOf(content) + ", found " + sumOf(wrong), requests: 1, is: ErrWrongContent},
		{name: "too long", handle: send(append(bytes.Clone(content), 1), ""), want: "expected at most 300000 bytes, found more", requests: 1, is: ErrWrongContent},
		{name: "says too long", handle: status(200, "Content-Length", "400000"), want: "expected 300000 bytes, found that the server has 400000", requests: 1, is: ErrWrongContent},
		{name: "too short, for ever", handle: send(content[:1000], ""), want: "with 1000 of 300000 bytes kept", requests: 4, left: []string{"file.bin.part", "file.bin.part.json"}},
		{name: "HTML by its type", handle: send([]byte("Please log in"), "text/html; charset=utf-8"), unpinned: true, want: "found an HTML page", requests: 1, is: ErrWrongContent},
		{name: "HTML by its look", handle: send([]byte("\n<!DOCTYPE html><p>Oops"), "application/gzip"), unpinned: true, want: "found an HTML page", requests: 1, is: ErrWrongContent},
		{name: "compressed on the way", handle: func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(content)
		}, want: "found it encoded as gzip", requests: 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, tc.handle)
			src := pinned(s)
			if tc.unpinned {
				src.Size, src.SHA256 = 0, ""
			}
			dest := filepath.Join(t.TempDir(), "file.bin")
			err := File(t.Context(), src, dest, quick())
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), s.URL) {
				t.Fatalf("error %v, want the address and %q", err, tc.want)
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("error %v does not wrap %v", err, tc.is)
			}
			if len(s.requests) != tc.requests {
				t.Errorf("%d requests, want %d", len(s.requests), tc.requests)
			}
			wantFolder(t, dest, tc.left...)
		})
	}
}

func TestWithoutAServer(t *testing.T) {
	t.Setenv("GLIMPSE_OFFLINE", "")
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	dir := t.TempDir()
	for address, want := range map[string]string{
		"ftp://example.org/x":              "expected an address that begins with http",
		"file:///etc/passwd":               "expected an address",
		"no address":                       "expected an address",
		gone.URL + "/x":                    "gave up after 3 tries",
		"http://user:word@host.invalid./x": "http://user:xxxxx@host.invalid./x",
	} {
		err := File(t.Context(), Source{URL: address}, filepath.Join(dir, "x"), quick())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "user:word") {
			t.Errorf("%s: error %v, want %q and no password", address, err, want)
		}
	}
	t.Setenv("GLIMPSE_OFFLINE", "1")
	err := File(t.Context(), Source{URL: gone.URL}, filepath.Join(dir, "x"), quick())
	if !errors.Is(err, ErrOffline) || !strings.Contains(err.Error(), "unset GLIMPSE_OFFLINE") {
		t.Errorf("offline: %v", err)
	}
	wantFolder(t, filepath.Join(dir, "x"))
	// What is there already needs no network.
	if err := os.WriteFile(filepath.Join(dir, "x"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := File(t.Context(), Source{URL: gone.URL, SHA256: sumOf(content)}, filepath.Join(dir, "x"), quick()); err != nil {
		t.Errorf("offline, with the file there: %v", err)
	}
}

// fullDisk takes some bytes and then has no room, as a disk does.
type fullDisk struct {
	io.Writer
	room int
}

func (f *fullDisk) Write(p []byte) (int, error) {
	n, _ := f.Writer.Write(p[:min(f.room, len(p))])
	f.room -= n
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func TestFullDisk(t *testing.T) {
	s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { good(w, r) })
	dest := filepath.Join(t.TempDir(), "file.bin")
	opt := quick()
	opt.Disk = func(w io.Writer) io.Writer { return &fullDisk{w, 120_000} }
	err := File(t.Context(), pinned(s), dest, opt)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "120000 of 300000 bytes are kept there, make room and try again") {
		t.Errorf("full disk: %v", err)
	}
	wantFolder(t, dest, "file.bin.part", "file.bin.part.json")
	if err := File(t.Context(), pinned(s), dest, quick()); err != nil {
		t.Fatal(err)
	}
	wantFile(t, dest)
	if got := s.requests[1].Header.Get("Range"); got != "bytes=120000-" {
		t.Errorf("after making room it asks for %q, want to go on at 120000", got)
	}
}

func TestPlacesThatCannotBeWritten(t *testing.T) {
	s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { good(w, r) })
	dir := t.TempDir()
	file := filepath.Join(dir, "a-file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := File(t.Context(), pinned(s), filepath.Join(file, "x.bin"), quick()); err == nil || !strings.Contains(err.Error(), "expected to make the folder") {
		t.Errorf("below a file: %v", err)
	}
	if err := File(t.Context(), pinned(s), dir, quick()); err == nil || !strings.Contains(err.Error(), "found a folder") {
		t.Errorf("in place of a folder: %v", err)
	}
	readOnly := filepath.Join(dir, "read-only")
	if err := os.Mkdir(readOnly, 0o555); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 0 { // root may write everywhere
		if err := File(t.Context(), pinned(s), filepath.Join(readOnly, "x"), quick()); err == nil || !strings.Contains(err.Error(), "expected a folder that can be written to") {
			t.Errorf("read-only folder: %v", err)
		}
	}
}

func TestOneDownloadAtATime(t *testing.T) {
	s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { good(w, r) })
	dest := filepath.Join(t.TempDir(), "file.bin")
	other := flock.New(dest + ".lock")
	if ok, err := other.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := File(t.Context(), pinned(s), dest, quick()); err == nil || !strings.Contains(err.Error(), "another process is downloading it") {
		t.Errorf("while another holds the lock: %v", err)
	}
	other.Unlock()
	if err := File(t.Context(), pinned(s), dest, quick()); err != nil {
		t.Error(err)
	}
}

// Of many that want the same file at the same time, one downloads it, and nobody who comes after it does so again.
func TestDownloadedOnce(t *testing.T) {
	for range 20 {
		var requests atomic.Int64
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			good(w, r)
		}))
		dest := filepath.Join(t.TempDir(), "file.bin")
		src := Source{URL: s.URL, Size: int64(len(content)), SHA256: sumOf(content)}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					err := File(t.Context(), src, dest, quick())
					if err == nil {
						return
					}
					if !strings.Contains(err.Error(), "another process is downloading it") {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		s.Close()
		if n := requests.Load(); n != 1 {
			t.Fatalf("expected one request, found %d", n)
		}
	}
}
