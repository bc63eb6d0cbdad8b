package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDownload(t *testing.T) {
	s := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { good(w, r) })
	dest := filepath.Join(t.TempDir(), "new", "folder", "file.bin")
	var done, total int64
	opt := quick()
	opt.Progress = func(d, n int64) {
		if d <= done {
			t.Errorf("progress went from %d to %d", done, d)
		}
		done, total = d, n
	}
	opt.Headers = map[string]string{"Authorization": "Bearer secret"}
	if err := File(t.Context(), pinned(s), dest, opt); err != nil {
		t.Fatal(err)
	}
	wantFile(t, dest)
	if done != int64(len(content)) || total != done {
		t.Errorf("progress ended at %d of %d", done, total)
	}
	if got := s.requests[0].Header.Get("Authorization"); got != "Bearer secret" {
		t.Errorf("the header arrived as %q", got)
	}
	// A second time there is nothing to do; a file that is not the one is replaced.
	if err := File(t.Context(), pinned(s), dest, quick()); err != nil || len(s.requests) != 1 {
		t.Errorf("again: %v, %d requests, want no further one", err, len(s.requests))
	}
	for _, bad := range [][]byte{[]byte("short"), bytes.Repeat([]byte{1}, len(content))} {
		if err := os.WriteFile(dest, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := File(t.Context(), pinned(s), dest, quick()); err != nil {
			t.Fatal(err)
		}
		wantFile(t, dest)
	}
}

// TestArrivesInTheEnd: behaviours of a server that cost tries but no bytes and no answer from the user.
func TestArrivesInTheEnd(t *testing.T) {
	for _, tc := range []struct {
		name     string
		unpinned bool
		handle   func(n int, w http.ResponseWriter, r *http.Request)
		requests int
		check    func(t *testing.T, s *server)
	}{
		{
			name: "cut eleven times mid-body", requests: 12,
			handle: func(n int, w http.ResponseWriter, r *http.Request) {
				if n < 12 {
					cut(w, r, "ETag: \"v1\"\r\n", 20_000)
					return
				}
				good(w, r)
			},
			check: func(t *testing.T, s *server) {
				if r := s.requests[11].Header; r.Get("Range") != "bytes=220000-" || r.Get("If-Range") != `"v1"` {
					t.Errorf("the last request asks for %q if %q, want to go on at 220000", r.Get("Range"), r.Get("If-Range"))
				}
			},
		},
		{
			name: "unpinned, resumed by its date", unpinned: true, requests: 2,
			handle: func(n int, w http.ResponseWriter, r *http.Request) {
				date := "Mon, 02 Jan 2006 15:04:05 GMT"
				if n == 1 {
					cut(w, r, "Last-Modified: "+date+"\r\n", 1000)
					return
				}
				if r.Header.Get("If-Range") != date {
					http.Error(w, "no date", http.StatusTeapot)
					return
				}
				cut(w, r, "Last-Modified: "+date+"\r\n", len(content))
			},
		},
		{
			name: "unpinned, without anything to resume by", unpinned: true, requests: 2,
			handle: func(n int, w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Range") != "" {
					http.Error(w, "must not resume", http.StatusTeapot)
					return
				}
				cut(w, r, "", []int{1000, len(content)}[n-1])
			},
		},
		{
			name: "ignores Range", requests: 2,
			handle: func(n int, w http.ResponseWriter, r *http.Request) {
				if n == 1 {
					cut(w, r, "ETag: \"v1\"\r\n", 50_000)
					return
				}
				w.Write(content)
			},
		},
		{
			name: "answers another range", requests: 3,
			handle: func(n int, w http.ResponseWriter, r *http.Request) {
				switch n {
				case 1:
					cut(w, r, "ETag: \"v1\"\r\n", 50_000)
				case 2:
					w.Header().Set("Content-Range", fmt.Sprintf("bytes 7-%d/%d", len(content)-1, len(content)))
					w.WriteHeader(http.StatusPartialContent)
					w.Write(content[7:])
				default:
					good(w, r)
				}
			},
		},
		{
			name: "another version in between", unpinned: true, requests: 3,
			handle: func(n int, w http.ResponseWriter, r *http.Request) {
				switch n {
				case 1:
					cut(w, r, "ETag: \"v0\"\r\n", 50_000)
				case 2:
					cut(w, r, "ETag: \"v1\"\r\n", 50_000) // 206 of a version that we do not have
				default:
					good(w, r)
				}
			},
		},
		{
			name: "busy, then broken, then well", requests: 4,
			handle: func(n int, w http.ResponseWriter, r *http.Request) {
				switch n {
				case 1:
					w.Header().Set("Retry-After", "0")
					w.WriteHeader(http.StatusTooManyRequests)
				case 2:
					w.WriteHeader(http.StatusInternalServerError)
				case 3:
					cut(w, r, "", 1)
				default:
					good(w, r)
				}
			},
		},
		{
			name: "says a length that is too long", unpinned: true, requests: 2,
			handle: func(n int, w http.ResponseWriter, r *http.Request) {
				if n > 1 {
					w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", len(content)))
					w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
					return
				}
				w.Header().Set("ETag", `"v1"`)
				w.Header().Set("Content-Length", fmt.Sprint(len(content)+100))
				w.Write(content)
			},
		},
		{
			name: "redirects", requests: 2,
			handle: func(n int, w http.ResponseWriter, r *http.Request) {
				if n == 1 {
					http.Redirect(w, r, "/elsewhere", http.StatusFound)
					return
				}
				good(w, r)
			},
		},
		{
			name: "sends no length", unpinned: true, requests: 1,
			handle: func(_ int, w http.ResponseWriter, r *http.Request) {
				w.(http.Flusher).Flush()
				w.Write(content)
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, tc.handle)
			src := pinned(s)
			if tc.unpinned {
				src.Size, src.SHA256 = 0, ""
			}
			dest := filepath.Join(t.TempDir(), "file.bin")
			if err := File(t.Context(), src, dest, quick()); err != nil {
				t.Fatal(err)
			}
			wantFile(t, dest)
			if len(s.requests) != tc.requests {
				t.Errorf("%d requests, want %d", len(s.requests), tc.requests)
			}
			if tc.check != nil {
				tc.check(t, s)
			}
		})
	}
}

// TestResumeInAnotherProcess: a download that was stopped goes on later; one whose beginning was spoilt on disk is
// noticed by its sha256 and fetched anew.
func TestResumeInAnotherProcess(t *testing.T) {
	for _, spoil := range []bool{false, true} {
		s := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
			switch n {
			case 1:
				cut(w, r, "ETag: \"v1\"\r\n", 100_000)
			case 2:
				w.WriteHeader(http.StatusForbidden)
			default:
				good(w, r)
			}
		})
		dest := filepath.Join(t.TempDir(), "file.bin")
		if err := File(t.Context(), pinned(s), dest, quick()); err == nil || !strings.Contains(err.Error(), "403") {
			t.Fatalf("the first process ends with %v, want the refusal", err)
		}
		kept, err := os.ReadFile(dest + ".part")
		if err != nil || len(kept) != 100_000 {
			t.Fatalf("%d bytes were kept (%v), want 100000", len(kept), err)
		}
		if spoil {
			kept[5] ^= 1
			if err := os.WriteFile(dest+".part", kept, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := File(t.Context(), pinned(s), dest, quick()); err != nil {
			t.Fatal(err)
		}
		wantFile(t, dest)
		if got, want := s.requests[2].Header.Get("Range"), fmt.Sprintf("bytes=%d-", len(kept)); got != want {
			t.Errorf("the second process asks for %q, want %q", got, want)
		}
		if got, want := len(s.requests), map[bool]int{false: 3, true: 4}[spoil]; got != want {
			t.Errorf("spoilt %v: %d requests, want %d", spoil, got, want)
		}
	}
}

func TestCancelKeepsWhatCame(t *testing.T) {
	s := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n > 1 {
			good(w, r)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.Write(content[:100_000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	dest := filepath.Join(t.TempDir(), "file.bin")
	ctx, cancel := context.WithCancel(t.Context())
	opt := quick()
	opt.Progress = func(done, _ int64) {
		if done == 100_000 {
			cancel()
		}
	}
	err := File(ctx, pinned(s), dest, opt)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "100000 of 300000 bytes kept") {
		t.Errorf("cancelled: %v", err)
	}
	wantFolder(t, dest, "file.bin.part", "file.bin.part.json")
	if err := File(t.Context(), pinned(s), dest, quick()); err != nil {
		t.Fatal(err)
	}
	wantFile(t, dest)
}

func TestStalledConnectionIsCut(t *testing.T) {
	s := serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if n == 1 {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			w.Write(content[:10])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		good(w, r)
	})
	dest := filepath.Join(t.TempDir(), "file.bin")
	opt := quick()
	opt.Stall = 50 * time.Millisecond
	var why []string
	opt.Retry = func(err error, _ time.Duration) { why = append(why, err.Error()) }
	if err := File(t.Context(), pinned(s), dest, opt); err != nil {
		t.Fatal(err)
	}
	wantFile(t, dest)
	if len(why) != 1 || !strings.Contains(why[0], "no byte came for too long") {
		t.Errorf("retried because of %v, want one stalled connection", why)
	}
}
