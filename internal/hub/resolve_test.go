package hub

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// fullDisk takes 100 kB a file and then has no room.
func fullDisk(w io.Writer) io.Writer { return &limited{w, 100_000} }

type limited struct {
	io.Writer
	room int
}

func (l *limited) Write(p []byte) (int, error) {
	n, _ := l.Writer.Write(p[:min(l.room, len(p))])
	l.room -= n
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func TestResolve(t *testing.T) {
	newHub(t)
	dir := t.TempDir()
	if got, err := Resolve(dir); err != nil || got != dir {
		t.Errorf("a folder: %q, %v", got, err)
	}
	for ref, want := range map[string]string{
		"openai/tiny":                        "get it with: glimpse model get openai/tiny",
		"openai/tiny@refs/pr/2":              "glimpse model get openai/tiny --revision refs/pr/2",
		filepath.Join(dir, "none"):           "which is neither",
		"../none":                            "which is neither",
		"openai/../../etc":                   "which is neither",
		"openai/tiny@../../../etc":           "which is neither",
		"":                                   "which is neither",
		"resolve_test.go":                    "expected the folder of a model, found the file",
		"a/b/c":                              "which is neither",
		"openai/tiny@":                       "which is neither",
		"openai/" + strings.Repeat("a", 200): "which is neither",
	} {
		if got, err := Resolve(ref); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v, want %q", ref, got, err, want)
		}
	}
	// A part of a model, as an interrupted download of Python's tools leaves it, is not taken for the whole.
	if _, err := get(t, "config.json"); err != nil {
		t.Fatal(err)
	}
	if _, err := Resolve("openai/tiny"); err == nil || !strings.Contains(err.Error(), "a part of it only") || !strings.Contains(err.Error(), "glimpse model get openai/tiny") {
		t.Errorf("a part: %v", err)
	}
	s, err := get(t)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"openai/tiny", "openai/tiny@main", "openai/tiny@" + commit} {
		if got, err := Resolve(ref); err != nil || got != s.Dir {
			t.Errorf("%s: %q, %v, want %q", ref, got, err, s.Dir)
		}
	}
	if err := os.Remove(filepath.Join(s.Dir, "..", "..", "refs", "main")); err != nil {
		t.Fatal(err)
	}
	if _, err := Resolve("openai/tiny"); err == nil {
		t.Error("without its reference main is unknown")
	}
}

// A reference that was tampered with does not lead out of the cache.
func TestResolveHostileReference(t *testing.T) {
	newHub(t)
	refs := filepath.Join(os.Getenv("HF_HOME"), "hub", "models--openai--tiny", "refs")
	if err := os.MkdirAll(refs, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"../../..", "", "/etc", strings.Repeat("f", 40)} {
		if err := os.WriteFile(filepath.Join(refs, "main"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := Resolve("openai/tiny"); err == nil {
			t.Errorf("the reference %q leads to %s", text, got)
		}
	}
}

func TestFromEnvironment(t *testing.T) {
	newHub(t)
	home := os.Getenv("HOME")
	for _, c := range []struct {
		set  map[string]string
		want string // the cache
	}{
		{map[string]string{"HF_HOME": ""}, home + "/.cache/huggingface/hub"},
		{map[string]string{"HF_HOME": "", "XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"},
		{map[string]string{"HF_HOME": "~/hf"}, home + "/hf/hub"},
		{map[string]string{"HF_HOME": "/hf", "HF_HUB_CACHE": "/big/hub"}, "/big/hub"},
	} {
		for name, value := range c.set {
			t.Setenv(name, value)
		}
		s, err := FromEnvironment()
		if err != nil || filepath.ToSlash(s.Cache) != c.want {
			t.Errorf("%v: %q, %v, want %q", c.set, s.Cache, err, c.want)
		}
	}
	t.Setenv("HF_ENDPOINT", "")
	if s, err := FromEnvironment(); err != nil || s.Endpoint != "https://huggingface.co" || s.Offline || s.Token != "" {
		t.Errorf("the defaults are %+v, %v", s, err)
	}
	t.Setenv("HF_ENDPOINT", "huggingface.co")
	if _, err := FromEnvironment(); err == nil || !strings.Contains(err.Error(), "HF_ENDPOINT") {
		t.Errorf("an endpoint without a scheme: %v", err)
	}
}

func FuzzSafePath(f *testing.F) {
	for _, name := range []string{"config.json", "a/b", "../x", "/x", "a//b", `a\b`, "C:x", "a/./b", "\x00", "..."} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !safePath(name) {
			return
		}
		joined := filepath.Join("/cache/dir", filepath.FromSlash(name))
		if rel, err := filepath.Rel("/cache/dir", joined); err != nil || filepath.ToSlash(rel) != name || rel == ".." || strings.HasPrefix(rel, "../") {
			t.Errorf("%q leads to %s", name, joined)
		}
	})
}
