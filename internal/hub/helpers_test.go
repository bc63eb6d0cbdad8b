package hub

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// fakeHub answers as huggingface.co does: large files lie on another host, to which /resolve/ redirects.
type fakeHub struct {
	*httptest.Server
	cdn   *httptest.Server
	files map[string][]byte // small ones, and *.safetensors and *.bin as large ones

	mu       sync.Mutex
	requests []string // METHOD PATH, with " +token" where one came
	cdnAuth  []string // the Authorization that came to the other host

	// Each may answer a request in the hub's place and says whether it did.
	before    func(n int, w http.ResponseWriter, r *http.Request) bool
	beforeCDN func(n int, w http.ResponseWriter, r *http.Request) bool
	cdnCalls  int
	tag       func(name, tag string) string // changes the ETag
}

func newHub(t *testing.T) *fakeHub {
	t.Helper()
	for _, name := range []string{"HF_ENDPOINT", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH",
		"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "GLIMPSE_OFFLINE", "XDG_CACHE_HOME", "HF_HUB_DISABLE_IMPLICIT_TOKEN"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	rng := rand.New(rand.NewPCG(7, 8))
	large := make([]byte, 200_000)
	for i := range large {
		large[i] = byte(rng.Uint32())
	}
	h := &fakeHub{files: map[string][]byte{
		"config.json": []byte(`{"model_type":"clip"}`), "vocab.json": []byte(`{"a":0}`), "merges.txt": []byte("a b\n"), "README.md": []byte("# A model"),
		"model.safetensors": large, "onnx/model.onnx": []byte("onnx"), ".gitattributes": []byte("*"),
	}, tag: func(_, tag string) string { return tag }}
	h.Server = httptest.NewServer(http.HandlerFunc(h.serve))
	h.cdn = httptest.NewServer(http.HandlerFunc(h.serveCDN))
	t.Cleanup(h.Close)
	t.Cleanup(h.cdn.Close)
	t.Setenv("HF_ENDPOINT", h.URL+"/")
	t.Setenv("HF_HOME", filepath.Join(t.TempDir(), "hf"))
	return h
}

func sum256(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func gitBlob(b []byte) string {
	s := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(b)), b...))
	return hex.EncodeToString(s[:])
}

func (h *fakeHub) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	line := r.Method + " " + r.URL.Path
	if r.Header.Get("Authorization") != "" {
		line += " +token"
	}
	h.requests = append(h.requests, line)
	n := len(h.requests)
	before := h.before
	h.mu.Unlock()
	if before != nil && before(n, w, r) {
		return
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/api/models/openai/tiny/revision/"); ok {
		h.describe(w, rest)
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/openai/tiny/resolve/"+commit+"/")
	content, exists := h.files[name]
	if !ok || !exists {
		w.Header().Set("X-Error-Code", "RepoNotFound")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("X-Repo-Commit", commit)
	if isLarge(name) {
		w.Header().Set("X-Linked-Etag", `"`+h.tag(name, sum256(content))+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(content)))
		w.Header().Set("ETag", `"of-the-pointer"`)
		http.Redirect(w, r, h.cdn.URL+"/"+name, http.StatusFound)
		return
	}
	w.Header().Set("ETag", `"`+h.tag(name, gitBlob(content))+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

func isLarge(name string) bool {
	return strings.HasSuffix(name, ".safetensors") || strings.HasSuffix(name, ".bin")
}

func (h *fakeHub) describe(w http.ResponseWriter, revision string) {
	if revision != "main" && revision != "refs/pr/2" && revision != commit {
		w.Header().Set("X-Error-Code", "RevisionNotFound")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	type sibling struct {
		Name string `json:"rfilename"`
	}
	var siblings []sibling
	for _, name := range slices.Sorted(keys(h.files)) {
		siblings = append(siblings, sibling{name})
	}
	json.NewEncoder(w).Encode(map[string]any{"id": "openai/tiny", "sha": commit, "siblings": siblings})
}

func keys(m map[string][]byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (h *fakeHub) serveCDN(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.cdnAuth = append(h.cdnAuth, r.Header.Get("Authorization")+r.Header.Get("Referer"))
	h.cdnCalls++
	n, before := h.cdnCalls, h.beforeCDN
	h.mu.Unlock()
	if before != nil && before(n, w, r) {
		return
	}
	w.Header().Set("ETag", `"cdn"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(h.files[strings.TrimPrefix(r.URL.Path, "/")]))
}

// get fetches openai/tiny as the environment says.
func get(t *testing.T, patterns ...string) (*Snapshot, error) {
	t.Helper()
	return getRevision(t, "main", patterns...)
}

func getRevision(t *testing.T, revision string, patterns ...string) (*Snapshot, error) {
	t.Helper()
	m, err := ParseModel("openai/tiny", revision)
	if err != nil {
		t.Fatal(err)
	}
	s, err := FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	return Get(t.Context(), s, m, patterns, Progress{backoff: time.Millisecond})
}

// wantSnapshot checks that the snapshot holds the named files with the hub's content, as links to blobs that bear their
// sums, and that nothing half-done lies about.
func (h *fakeHub) wantSnapshot(t *testing.T, s *Snapshot, names ...string) {
	t.Helper()
	if !slices.Equal(s.Files, names) {
		t.Errorf("files %q, want %q", s.Files, names)
	}
	total := 0
	for _, name := range names {
		got, err := os.ReadFile(filepath.Join(s.Dir, name))
		if err != nil || !bytes.Equal(got, h.files[name]) {
			t.Errorf("%s has %d bytes (%v), want %d", name, len(got), err, len(h.files[name]))
		}
		total += len(got)
		sum := gitBlob(h.files[name])
		if isLarge(name) {
			sum = sum256(h.files[name])
		}
		link, err := os.Readlink(filepath.Join(s.Dir, name))
		if want := "../../" + strings.Repeat("../", strings.Count(name, "/")) + "blobs/" + sum; err != nil || link != want {
			t.Errorf("%s links to %q (%v), want %q", name, link, err, want)
		}
	}
	if s.Bytes != int64(total) {
		t.Errorf("%d bytes, want %d", s.Bytes, total)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir, "..", "..", "blobs", "*.*")); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}
