package fetch

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAsk(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect to another host was followed") }))
	defer elsewhere.Close()
	s := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		switch {
		case n == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/here":
			w.Header().Set("X-First", "yes")
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
		case r.URL.Path == "/there":
			fmt.Fprint(w, "answer to "+r.Method+" "+r.Header.Get("Token"))
		case r.URL.Path == "/large":
			w.Write(content)
		case r.URL.Path == "/away":
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	})
	opt := quick()
	opt.Headers = map[string]string{"Token": "mine"}
	answer, err := Ask(t.Context(), http.MethodGet, s.URL+"/here", opt)
	if err != nil || answer.Status != 200 || string(answer.Body) != "answer to GET mine" || len(answer.Via) != 1 || answer.Via[0].Get("X-First") != "yes" {
		t.Errorf("%+v, %v", answer, err)
	}
	if answer, err := Ask(t.Context(), http.MethodHead, s.URL+"/away", opt); err != nil || answer.Status != http.StatusFound || answer.Header.Get("Location") != elsewhere.URL {
		t.Errorf("away: %+v, %v", answer, err)
	}
	if answer, err := Ask(t.Context(), http.MethodGet, s.URL+"/none", opt); err != nil || answer.Status != http.StatusNotFound {
		t.Errorf("404: %+v, %v", answer, err)
	}
	opt.MaxBytes = 1000
	if _, err := Ask(t.Context(), http.MethodGet, s.URL+"/large", opt); err == nil || !strings.Contains(err.Error(), "at most 1000 bytes") {
		t.Errorf("too large: %v", err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Ask(stopped, http.MethodGet, s.URL+"/here", opt); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "kept in") {
		t.Errorf("stopped: %v", err)
	}
	opt.Offline = true
	if _, err := Ask(t.Context(), http.MethodGet, s.URL+"/here", opt); !errors.Is(err, ErrOffline) {
		t.Errorf("offline: %v", err)
	}
	if _, err := Ask(t.Context(), http.MethodGet, "file:///etc/passwd", quick()); err == nil {
		t.Error("a file was asked for")
	}
	s.Close()
	if _, err := Ask(t.Context(), http.MethodGet, s.URL, quick()); err == nil || !strings.Contains(err.Error(), "gave up after 3 tries") {
		t.Errorf("nobody there: %v", err)
	}
}

// What the caller wants to be sent stays with the host of the address: another port is another host.
func TestHeadersStayHome(t *testing.T) {
	var got []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization")+r.Header.Get("X-Mine")+r.Header.Get("Referer"))
		good(w, r)
	}))
	defer elsewhere.Close()
	s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" || r.Header.Get("X-Mine") == "" {
			t.Errorf("%s came without the headers", r.URL)
		}
		if r.URL.Path == "/file.bin" {
			http.Redirect(w, r, "/again", http.StatusFound)
			return
		}
		http.Redirect(w, r, elsewhere.URL+"/file.bin", http.StatusFound)
	})
	opt := quick()
	opt.Headers = map[string]string{"Authorization": "Bearer secret", "X-Mine": "too"}
	dest := filepath.Join(t.TempDir(), "file.bin")
	if err := File(t.Context(), pinned(s), dest, opt); err != nil {
		t.Fatal(err)
	}
	wantFile(t, dest)
	if len(got) != 1 || got[0] != "" {
		t.Errorf("the other host got %q", got)
	}
}

func TestGitBlob(t *testing.T) {
	sum := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(content)), content...))
	wrong := bytes.Clone(content)
	wrong[7] ^= 1
	s := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n == 1 {
			w.Write(wrong)
			return
		}
		cut(w, r, "", 200_000) // no ETag: the sum is enough to go on
	})
	src := Source{URL: s.URL + "/file.bin", Blob: hex.EncodeToString(sum[:])}
	dest := filepath.Join(t.TempDir(), "file.bin")
	if err := File(t.Context(), src, dest, quick()); !errors.Is(err, ErrWrongContent) || !strings.Contains(err.Error(), "expected git blob "+src.Blob) {
		t.Errorf("wrong bytes: %v", err)
	}
	wantFolder(t, dest)
	if err := File(t.Context(), src, dest, quick()); err != nil {
		t.Fatal(err)
	}
	wantFile(t, dest)
	if r := s.requests[2].Header.Get("Range"); r != "bytes=200000-" {
		t.Errorf("the last request asks for %q", r)
	}
	if err := src.Check(t.Context(), dest); err != nil {
		t.Error(err)
	}
	src.SHA256 = sumOf(wrong)
	if err := src.Check(t.Context(), dest); !errors.Is(err, ErrWrongContent) {
		t.Errorf("another sha256: %v", err)
	}
}

func TestAdvice(t *testing.T) {
	s := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	for advice, want := range map[string]string{"ask nicely": "403 Forbidden; ask nicely", "": "asks for a login"} {
		opt := quick()
		opt.Advice = func(*http.Response) string { return advice }
		if err := File(t.Context(), pinned(s), filepath.Join(t.TempDir(), "x"), opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// An answer that comes slowly is no stalled one.
func TestAskSlowAnswer(t *testing.T) {
	s := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		for range 8 {
			w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			time.Sleep(200 * time.Millisecond)
		}
	})
	opt := quick()
	opt.Attempts, opt.Stall = 1, time.Second
	if answer, err := Ask(t.Context(), http.MethodGet, s.URL, opt); err != nil || string(answer.Body) != "xxxxxxxx" {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "soon": 0, "7": 7 * time.Second, "-7": 0, "Mon, 02 Jan 2006 15:04:05 GMT": 0,
		"9223372036854775807": longestWait, "10000000000": longestWait, "Mon, 02 Jan 9006 15:04:05 GMT": longestWait,
	} {
		if got := retryAfter(text); got != want {
			t.Errorf("%q: a wait of %v, expected %v", text, got, want)
		}
	}
}
