package fetch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// content is the file of all tests: long enough for several reads, and no two parts alike.
var content = func() []byte {
	rng := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, 300_000)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}()

func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// server counts the requests and hands each to the behaviour under test.
type server struct {
	*httptest.Server
	requests []*http.Request
}

func serve(t *testing.T, handle func(n int, w http.ResponseWriter, r *http.Request)) *server {
	t.Helper()
	t.Setenv("GLIMPSE_OFFLINE", "")
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests = append(s.requests, r)
		handle(len(s.requests), w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// good serves content as a careful server does, ranges included.
func good(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"v1"`)
	http.ServeContent(w, r, "file.bin", time.Time{}, bytes.NewReader(content))
}

// cut sends some bytes of the rest that was asked for and then closes the connection.
func cut(w http.ResponseWriter, r *http.Request, header string, n int) {
	start := 0
	if span := r.Header.Get("Range"); span != "" {
		start, _ = strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(span, "bytes="), "-"))
	}
	conn, buf, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	status := "200 OK"
	if start > 0 {
		status = "206 Partial Content"
		header += fmt.Sprintf("Content-Range: bytes %d-%d/%d\r\n", start, len(content)-1, len(content))
	}
	fmt.Fprintf(buf, "HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n", status, header, len(content)-start)
	buf.Write(content[start:min(start+n, len(content))])
	buf.Flush()
}

func quick() Options { return Options{Backoff: time.Millisecond, Attempts: 3} }

func pinned(s *server) Source {
	return Source{URL: s.URL + "/file.bin", Size: int64(len(content)), SHA256: sumOf(content)}
}

// wantFile checks that dest holds content and that nothing else is left in its folder.
func wantFile(t *testing.T, dest string) {
	t.Helper()
	got, err := os.ReadFile(dest)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("%s has %d bytes (%v), want the %d of the file", dest, len(got), err, len(content))
	}
	wantFolder(t, dest, filepath.Base(dest))
}

func wantFolder(t *testing.T, dest string, want ...string) {
	t.Helper()
	entries, _ := os.ReadDir(filepath.Dir(dest))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, want) {
		t.Errorf("the folder holds %v, want %v", names, want)
	}
}
