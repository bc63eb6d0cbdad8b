package hub

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/glimpse-ml/glimpse/internal/fetch"
)

var clipFiles = []string{"config.json", "vocab.json", "merges.txt", "model.safetensors"}

func TestGet(t *testing.T) {
	h := newHub(t)
	s, err := get(t)
	if err != nil {
		t.Fatal(err)
	}
	h.wantSnapshot(t, s, clipFiles...)
	repo := filepath.Join(os.Getenv("HF_HOME"), "hub", "models--openai--tiny")
	if s.Dir != filepath.Join(repo, "snapshots", commit) {
		t.Errorf("the snapshot is %s", s.Dir)
	}
	if ref, err := os.ReadFile(filepath.Join(repo, "refs", "main")); err != nil || string(ref) != commit {
		t.Errorf("refs/main is %q (%v)", ref, err)
	}
	// A second time nothing is downloaded; more files come on request, in folders too, and under another revision.
	h.cdnCalls = 0
	if s, err = get(t); err != nil || h.cdnCalls != 0 {
		t.Errorf("again: %v, %d downloads", err, h.cdnCalls)
	}
	h.wantSnapshot(t, s, clipFiles...)
	if s, err = getRevision(t, "refs/pr/2", "onnx/*", "README*"); err != nil {
		t.Fatal(err)
	}
	h.wantSnapshot(t, s, "onnx/model.onnx", "README.md")
	if ref, err := os.ReadFile(filepath.Join(repo, "refs", "refs", "pr", "2")); err != nil || string(ref) != commit {
		t.Errorf("refs/refs/pr/2 is %q (%v)", ref, err)
	}
	// A blob that has changed on disk is fetched again.
	if err := os.WriteFile(filepath.Join(repo, "blobs", sum256(h.files["model.safetensors"])), make([]byte, 200_000), 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err = get(t); err != nil || h.cdnCalls != 1 {
		t.Errorf("after a change: %v, %d downloads", err, h.cdnCalls)
	}
	h.wantSnapshot(t, s, clipFiles...)
}

// TestArrives: a hub and a network that misbehave in ways that more tries mend.
func TestArrives(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(n int, w http.ResponseWriter, r *http.Request) bool
		cdn    func(h *fakeHub) func(n int, w http.ResponseWriter, r *http.Request) bool
	}{
		{name: "busy at first", before: func(n int, w http.ResponseWriter, r *http.Request) bool {
			if n > 3 {
				return false
			}
			w.Header().Set("Retry-After", "0")
			w.WriteHeader([]int{429, 503, 500}[n-1])
			return true
		}},
		{name: "cut mid-body", cdn: func(h *fakeHub) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 1 {
					w.Header().Set("Content-Length", "200000")
					w.Write(h.files["model.safetensors"][:70_000])
					panic(http.ErrAbortHandler)
				}
				if got := r.Header.Get("Range"); !strings.HasPrefix(got, "bytes=") || got == "bytes=0-" {
					t.Errorf("the second request asks for %q, want to go on", got)
				}
				return false
			}
		}},
		{name: "ignores ranges", cdn: func(h *fakeHub) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Content-Length", "200000")
				if n == 1 {
					w.Write(h.files["model.safetensors"][:70_000])
					panic(http.ErrAbortHandler)
				}
				w.Write(h.files["model.safetensors"])
				return true
			}
		}},
		{name: "the address moves on the same host", before: func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if rest, ok := strings.CutPrefix(r.URL.Path, "/old"); ok {
				r.URL.Path = rest
				return false
			}
			if strings.HasSuffix(r.URL.Path, "config.json") && r.URL.RawQuery == "" {
				w.Header().Set("X-Repo-Commit", commit)
				w.Header().Set("Location", "/old"+r.URL.Path+"?moved")
				w.WriteHeader(http.StatusTemporaryRedirect)
				return true
			}
			return false
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHub(t)
			h.before = c.before
			if c.cdn != nil {
				h.beforeCDN = c.cdn(h)
			}
			s, err := get(t)
			if err != nil {
				t.Fatal(err)
			}
			h.wantSnapshot(t, s, clipFiles...)
		})
	}
}

// TestRefusals: what no try mends is one sentence, the cache stays inside of its folder, and no reference is written.
func TestRefusals(t *testing.T) {
	status := func(code int, header ...string) func(*fakeHub) {
		return func(h *fakeHub) {
			h.before = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				for i := 0; i < len(header); i += 2 {
					w.Header().Set(header[i], header[i+1])
				}
				w.WriteHeader(code)
				return true
			}
		}
	}
	tag := func(text string) func(*fakeHub) {
		return func(h *fakeHub) { h.tag = func(string, string) string { return text } }
	}
	file := func(name string) func(*fakeHub) {
		return func(h *fakeHub) { h.files[name] = []byte("x") }
	}
	cdn := func(answer func(h *fakeHub, w http.ResponseWriter)) func(*fakeHub) {
		return func(h *fakeHub) {
			h.beforeCDN = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				answer(h, w)
				return true
			}
		}
	}
	evil := filepath.Join(t.TempDir(), "evil") // an absolute path that nothing may write to
	wrong := func(h *fakeHub) []byte {
		b := append([]byte(nil), h.files["model.safetensors"]...)
		b[1000] ^= 4
		return b
	}
	for _, c := range []struct {
		name  string
		spoil func(*fakeHub)
		want  string
	}{
		{"401", status(401), "check the name; if the model is private, set HF_TOKEN"},
		{"403", status(403), "you may not have it: set HF_TOKEN"},
		{"403, gated", status(403, "X-Error-Code", "GatedRepo"), "the model is gated: accept its terms at"},
		{"404", status(404, "X-Error-Code", "RepoNotFound"), "check the name"},
		{"404, revision", status(404, "X-Error-Code", "RevisionNotFound"), "it has no revision main"},
		{"429 for an hour", status(429, "Retry-After", "3600"), "asks to wait 1h0m0s"},
		{"500 for ever", status(500), "gave up after 6 tries"},
		{"no JSON", status(200), "in JSON"},
		{"ETag that climbs", tag("../../../../evil"), `found "../../../../evil": nothing was downloaded`},
		{"absolute ETag", tag(evil), "found \"" + evil + "\""},
		{"empty ETag", tag(""), "found \"\""},
		{"ETag in capitals", tag(strings.Repeat("A", 64)), "nothing was downloaded"},
		{"name that climbs", file("../evil.safetensors"), "would leave the cache"},
		{"absolute name", file(evil), "would leave the cache"},
		{"name with a NUL", file("a\x00b"), "would leave the cache"},
		{"name with a backslash", file(`..\evil`), "would leave the cache"},
		{"name with a drive", file("C:evil"), "would leave the cache"},
		{"name that climbs in between", file("a/../../evil"), "would leave the cache"},
		{"name that is a dot", file("."), "would leave the cache"},
		{"name with a line break", file("a\nb"), "would leave the cache"},
		{"another commit", func(h *fakeHub) {
			h.before = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodHead {
					return false
				}
				w.Header().Set("X-Repo-Commit", strings.Repeat("f", 40))
				return true
			}
		}, "the hub gives it at"},
		{"a commit that climbs", func(h *fakeHub) {
			h.before = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				w.Write([]byte(`{"sha":"../../../../evil","siblings":[]}`))
				return true
			}
		}, "to say which commit"},
		{"wrong bytes", cdn(func(h *fakeHub, w http.ResponseWriter) { w.Write(wrong(h)) }), "expected sha256"},
		{"wrong bytes of a small file", func(h *fakeHub) {
			h.before = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "config.json") {
					w.Write([]byte(`{"model_type":"evil"}`))
					return true
				}
				return false
			}
		}, "expected git blob"},
		{"too many bytes", cdn(func(h *fakeHub, w http.ResponseWriter) {
			w.(http.Flusher).Flush()
			w.Write(append(wrong(h), 1))
		}), "found more"},
		{"another length", cdn(func(h *fakeHub, w http.ResponseWriter) { w.Write(wrong(h)[:1000]) }), "found that the server has 1000"},
		{"always cut", cdn(func(h *fakeHub, w http.ResponseWriter) {
			w.Header().Set("Content-Length", "200000")
			w.Write(h.files["model.safetensors"][:10])
			panic(http.ErrAbortHandler)
		}), "brought nothing new"},
		{"changes between tries", func(h *fakeHub) {
			h.beforeCDN = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n == 1 {
					w.Header().Set("Content-Length", "200000")
					w.Write(h.files["model.safetensors"][:70_000])
					panic(http.ErrAbortHandler)
				}
				w.Write(wrong(h))
				return true
			}
		}, "the publisher may have changed the file"},
		{"403 at the other host", cdn(func(h *fakeHub, w http.ResponseWriter) { w.WriteHeader(403) }), "403 Forbidden"},
		{"an HTML page", cdn(func(h *fakeHub, w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			w.Write([]byte("log in"))
		}), "HTML"},
		{"a shard's folder that is a file", func(h *fakeHub) {
			h.files["config.json/x.json"] = []byte("{}")
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHub(t)
			c.spoil(h)
			patterns := []string{}
			if c.want == "" {
				patterns, c.want = []string{"config.json", "config.json/x.json"}, "cannot give config.json/x.json"
			}
			_, err := get(t, patterns...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			root := filepath.Dir(os.Getenv("HF_HOME"))
			if evil, _ := filepath.Glob(filepath.Join(root, "evil*")); len(evil) > 0 {
				t.Errorf("written outside of the cache: %q", evil)
			}
			for _, path := range []string{evil, filepath.Join(os.Getenv("HF_HOME"), "evil"), filepath.Join(os.Getenv("HF_HOME"), "hub", "models--openai--tiny", "refs", "main")} {
				if _, err := os.Lstat(path); err == nil {
					t.Errorf("%s was written", path)
				}
			}
		})
	}
}

// A password in HF_ENDPOINT is not printed.
func TestPasswordIsNotShown(t *testing.T) {
	for _, code := range []int{200, 403} {
		h := newHub(t)
		h.before = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("X-Error-Code", "GatedRepo")
			w.WriteHeader(code)
			return true
		}
		t.Setenv("HF_ENDPOINT", strings.Replace(h.URL, "http://", "http://me:geheim@", 1))
		if _, err := get(t); err == nil || strings.Contains(err.Error(), "geheim") || !strings.Contains(err.Error(), "me:") {
			t.Errorf("answer %d: %v", code, err)
		}
	}
}

// The token goes to the hub alone, not to the host of the large files, be it only another port.
func TestToken(t *testing.T) {
	for _, how := range []string{"variable", "file"} {
		h := newHub(t)
		if how == "variable" {
			t.Setenv("HF_TOKEN", "hf_secret\n")
		} else {
			if err := os.MkdirAll(os.Getenv("HF_HOME"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(os.Getenv("HF_HOME"), "token"), []byte("hf_secret\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := get(t); err != nil {
			t.Fatal(err)
		}
		for _, line := range h.requests {
			if !strings.HasSuffix(line, " +token") {
				t.Errorf("%s: %s came without the token", how, line)
			}
		}
		if got := strings.Join(h.cdnAuth, ""); len(h.cdnAuth) == 0 || got != "" {
			t.Errorf("%s: the other host got %q in %d requests", how, got, len(h.cdnAuth))
		}
	}
	newHub(t)
	t.Setenv("HF_TOKEN", "two words")
	if _, err := FromEnvironment(); err == nil || strings.Contains(err.Error(), "two words") {
		t.Errorf("a token of two words: %v", err)
	}
}

func TestOffline(t *testing.T) {
	h := newHub(t)
	t.Setenv("HF_HUB_OFFLINE", "1")
	if _, err := get(t); !errors.Is(err, fetch.ErrOffline) || !strings.Contains(err.Error(), "glimpse model get openai/tiny") {
		t.Errorf("nothing cached: %v", err)
	}
	t.Setenv("HF_HUB_OFFLINE", "")
	if _, err := get(t, "config.json"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HF_HUB_OFFLINE", "True")
	if _, err := get(t); !errors.Is(err, fetch.ErrOffline) || !strings.Contains(err.Error(), "a part of it only") {
		t.Errorf("a part cached: %v", err)
	}
	if s, err := get(t, "*.json"); err != nil || len(s.Files) != 1 {
		t.Errorf("a part that is cached: %v, %v", s, err)
	}
	t.Setenv("HF_HUB_OFFLINE", "")
	if _, err := get(t); err != nil {
		t.Fatal(err)
	}
	h.Close()
	t.Setenv("HF_HUB_OFFLINE", "1")
	for _, revision := range []string{"main", commit} {
		s, err := getRevision(t, revision)
		if err != nil {
			t.Fatal(err)
		}
		h.wantSnapshot(t, s, clipFiles...)
	}
}

func TestShardsAndChoices(t *testing.T) {
	h := newHub(t)
	one := h.files["model.safetensors"]
	delete(h.files, "model.safetensors")
	if _, err := get(t); err == nil || !strings.Contains(err.Error(), "choose files with --include") {
		t.Errorf("no weights: %v", err)
	}
	h.files["pytorch_model.bin"] = one
	if _, err := get(t); err == nil || !strings.Contains(err.Error(), "--include pytorch_model.bin") {
		t.Errorf("PyTorch's weights: %v", err)
	}
	h.before = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/discussions") {
			return false
		}
		fmt.Fprint(w, `{"discussions":[{"num":3,"title":"Adding safetensors","status":"open","isPullRequest":true,"author":{"name":"someone"}},
			{"num":9,"title":"Adding `+"`safetensors`"+` variant of this model","status":"open","isPullRequest":true,"author":{"name":"SFconvertbot"}}]}`)
		return true
	}
	if _, err := get(t); err == nil || !strings.Contains(err.Error(), "glimpse model get openai/tiny --revision refs/pr/9") {
		t.Errorf("the bot's conversion: %v", err)
	}
	h.files["open_clip_model.safetensors"] = one
	if s, err := get(t); err != nil || s.Files[3] != "open_clip_model.safetensors" {
		t.Errorf("one file of another name: %v, %v", s, err)
	}
	h.files["other.safetensors"] = one
	if _, err := get(t); err == nil || !strings.Contains(err.Error(), "expected one set of weights in openai/tiny, found open_clip_model.safetensors, other.safetensors") {
		t.Errorf("two sets: %v", err)
	}
	h.files["model.safetensors.index.json"] = []byte(`{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`)
	h.files["model-00001-of-00002.safetensors"] = one[:1000]
	if _, err := get(t); err == nil || !strings.Contains(err.Error(), "model-00002-of-00002.safetensors") {
		t.Errorf("a shard that is missing: %v", err)
	}
	h.files["model-00002-of-00002.safetensors"] = one[1000:]
	s, err := get(t)
	if err != nil {
		t.Fatal(err)
	}
	h.wantSnapshot(t, s, "config.json", "vocab.json", "merges.txt", "model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
	if dir, err := Resolve("openai/tiny"); err != nil || dir != s.Dir {
		t.Errorf("resolve: %s, %v", dir, err)
	}
	if _, err := get(t, "*.bmp"); err == nil || !strings.Contains(err.Error(), `match "*.bmp", found none`) {
		t.Errorf("a pattern without files: %v", err)
	}
	if _, err := get(t, "["); err == nil || !strings.Contains(err.Error(), "expected a pattern") {
		t.Errorf("a broken pattern: %v", err)
	}
}

// PyTorch's shards come where there are no safetensors files, whole or with a sentence, from a server that behaves badly too.
func TestPyTorchShards(t *testing.T) {
	h := newHub(t)
	one := h.files["model.safetensors"]
	delete(h.files, "model.safetensors")
	const first, second = "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"
	h.files["pytorch_model.bin.index.json"] = []byte(`{"metadata":{"total_size":200000},"weight_map":{"a":"` + first + `","b":"` + second + `"}}`)
	h.files[first], h.files["training_args.bin"], h.files["old/"+second] = one[:90_000], []byte("not wanted"), []byte("not wanted")
	if _, err := get(t); err == nil || !strings.Contains(err.Error(), "expected the file "+second+", which pytorch_model.bin.index.json names, found none") {
		t.Errorf("a shard that the hub does not have: %v", err)
	}
	if _, err := Resolve("openai/tiny"); err == nil {
		t.Error("a part of the shards passes for a model")
	}
	h.files[second] = one[90_000:]
	h.beforeCDN = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, second) {
			return false
		}
		broken := append([]byte(nil), h.files[second]...)
		broken[500] ^= 1
		w.Write(broken)
		return true
	}
	if _, err := get(t); err == nil || !strings.Contains(err.Error(), "expected sha256") {
		t.Errorf("a shard with a wrong bit: %v", err)
	}
	tries := 0
	h.beforeCDN = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, second) || r.Header.Get("Range") != "" {
			return false
		}
		tries++
		w.Header().Set("Content-Length", fmt.Sprint(len(h.files[second])))
		w.Write(h.files[second][:40_000])
		panic(http.ErrAbortHandler)
	}
	s, err := get(t)
	if err != nil || tries != 1 {
		t.Fatalf("a shard that is cut once: %v after %d whole tries", err, tries)
	}
	h.wantSnapshot(t, s, "config.json", "vocab.json", "merges.txt", "pytorch_model.bin.index.json", first, second)
	if dir, err := Resolve("openai/tiny"); err != nil || dir != s.Dir {
		t.Errorf("resolve: %s, %v", dir, err)
	}
	t.Setenv("HF_HUB_OFFLINE", "1")
	if again, err := get(t); err != nil || !slices.Equal(again.Files, s.Files) {
		t.Errorf("offline: %v, %v", again, err)
	}
	if err := os.Remove(filepath.Join(s.Dir, second)); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t); err == nil || !strings.Contains(err.Error(), second) {
		t.Errorf("offline, a shard has gone: %v", err)
	}
	if _, err := Resolve("openai/tiny"); err == nil || !strings.Contains(err.Error(), "glimpse model get openai/tiny") {
		t.Errorf("a shard has gone: %v", err)
	}
	// Safetensors files come first.
	t.Setenv("HF_HUB_OFFLINE", "")
	h.beforeCDN, h.files["model.safetensors"] = nil, one
	if s, err = get(t); err != nil || slices.Contains(s.Files, first) || !slices.Contains(s.Files, "model.safetensors") {
		t.Errorf("beside safetensors: %v, %v", s, err)
	}
}

// Two that want the same file share one download.
func TestTwoProcesses(t *testing.T) {
	h := newHub(t)
	locks := filepath.Join(os.Getenv("HF_HOME"), "hub", ".locks", "models--openai--tiny")
	if err := os.MkdirAll(locks, 0o755); err != nil {
		t.Fatal(err)
	}
	other := flock.New(filepath.Join(locks, sum256(h.files["model.safetensors"])+".lock"))
	if ok, err := other.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	blobs := filepath.Join(os.Getenv("HF_HOME"), "hub", "models--openai--tiny", "blobs")
	waited := ""
	s, err := FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := Get(t.Context(), s, Model{"openai/tiny", "main"}, nil, Progress{Wait: func(name string) {
		waited = name
		time.AfterFunc(50*time.Millisecond, func() { // the other one ends, and leaves the file
			if err := os.WriteFile(filepath.Join(blobs, sum256(h.files["model.safetensors"])), h.files["model.safetensors"], 0o644); err != nil {
				t.Error(err)
			}
			other.Unlock()
		})
	}})
	if err != nil {
		t.Fatal(err)
	}
	h.wantSnapshot(t, snapshot, clipFiles...)
	if waited != "model.safetensors" || h.cdnCalls != 0 {
		t.Errorf("waited for %q, %d downloads", waited, h.cdnCalls)
	}
}

func TestCacheThatCannotBeWritten(t *testing.T) {
	h := newHub(t)
	cache := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(cache, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HF_HUB_CACHE", cache)
	if _, err := get(t); err == nil || !strings.Contains(err.Error(), "set HF_HOME or HF_HUB_CACHE") {
		t.Errorf("below a file: %v", err)
	}
	t.Setenv("HF_HUB_CACHE", "")
	if _, err := get(t); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		t.Skip("root writes to folders that are read-only")
	}
	repo := filepath.Join(os.Getenv("HF_HOME"), "hub", "models--openai--tiny")
	for _, dir := range []string{"blobs", "refs", "snapshots", "."} {
		if err := os.Chmod(filepath.Join(repo, dir), 0o555); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(filepath.Join(repo, dir), 0o755) })
	}
	if s, err := get(t); err != nil {
		t.Errorf("all is there, in a cache that is read-only: %v", err)
	} else {
		h.wantSnapshot(t, s, clipFiles...)
	}
	if _, err := get(t, "README.md"); err == nil || !strings.Contains(err.Error(), "can be written to") {
		t.Errorf("one more file: %v", err)
	}
}

// A link in the cache that leads out of the model's folder is not followed when files are named.
func TestLinksLeadNowhere(t *testing.T) {
	newHub(t)
	outside := t.TempDir()
	snapshot := filepath.Join(os.Getenv("HF_HOME"), "hub", "models--openai--tiny", "snapshots", commit)
	if err := os.MkdirAll(snapshot, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(snapshot, "onnx")); err != nil {
		t.Skipf("no links here: %v", err)
	}
	if _, err := get(t, "onnx/model.onnx"); err == nil || !strings.Contains(err.Error(), "cannot give onnx/model.onnx") {
		t.Errorf("through a link: %v", err)
	}
	if entries, _ := os.ReadDir(outside); len(entries) > 0 {
		t.Errorf("%d files were written outside of the cache", len(entries))
	}
}

func TestFullDisk(t *testing.T) {
	h := newHub(t)
	s, err := FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	_, err = Get(t.Context(), s, Model{"openai/tiny", "main"}, nil, Progress{disk: fullDisk})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room and try again") {
		t.Errorf("full disk: %v", err)
	}
	snapshot, err := get(t)
	if err != nil {
		t.Fatal(err)
	}
	h.wantSnapshot(t, snapshot, clipFiles...)
}
