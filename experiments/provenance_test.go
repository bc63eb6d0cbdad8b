package experiments

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

func git(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=n", "-c", "user.email=e@example.org"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

// A run keeps what git would not know of the code that it ran: changes to files, and files that were never added.
func TestChangesOfTheCheckout(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	git(t, "init", "-q")
	write(t, "model.go", "package a\n")
	write(t, ".gitignore", "runs\n")
	git(t, "add", ".")
	git(t, "commit", "-q", "-m", "first")
	clean, err := NewRun("runs/clean", "x", Full, nil, 1, noBackend)
	if err != nil {
		t.Fatal(err)
	}
	clean.close()
	if strings.Contains(clean.Manifest.Commit, changed) || len(clean.Manifest.Untracked) != 0 {
		t.Errorf("a clean checkout: %+v", clean.Manifest)
	}
	if _, err := os.Stat(clean.Path(changesFile)); err == nil {
		t.Error("a clean checkout has changes")
	}
	write(t, "model.go", "package b\n")
	if err := os.Mkdir("new", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join("new", "a file.txt"), "abc")
	t.Chdir("new") // from anywhere in the checkout
	r, err := NewRun("../runs/dirty", "x", Full, nil, 1, noBackend)
	if err != nil {
		t.Fatal(err)
	}
	r.close()
	back, err := OpenRun(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if m := back.Manifest; !strings.HasSuffix(m.Commit, changed) || len(m.Untracked) != 1 || m.Untracked["new/a file.txt"] != abc {
		t.Errorf("found %+v", m)
	}
	diff, err := os.ReadFile(r.Path(changesFile))
	if err != nil || !strings.Contains(string(diff), "-package a") || !strings.Contains(string(diff), "+package b") {
		t.Errorf("found the changes %q (%v)", diff, err)
	}
}

// Large files that git does not know are not read: the manifest says how large they are and when they were changed. They may be larger than
// anybody would wait for.
func TestLargeUntrackedFiles(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	git(t, "init", "-q")
	write(t, ".gitignore", "runs\n")
	git(t, "add", ".")
	git(t, "commit", "-q", "-m", "first")
	changedAt := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	for name, size := range map[string]int64{"a small.go": 3, "b limit.bin": mostHashed, "c limit.bin": mostHashed, "d limit.bin": mostHashed,
		"e limit.bin": mostHashed, "f small.go": 3, "weights.bin": 1 << 38} {
		write(t, name, "abc")
		if err := os.Truncate(name, size); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, changedAt, changedAt); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(".", "loop"); err != nil {
		t.Fatal(err)
	}
	r, err := NewRun("runs/large", "x", Full, nil, 1, noBackend)
	if err != nil {
		t.Fatal(err)
	}
	r.close()
	back, err := OpenRun(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	found := back.Manifest.Untracked
	for name, want := range map[string]string{"a small.go": abc, "f small.go": abc,
		"weights.bin": "not hashed: 274877906944 bytes, changed 2026-01-02T03:04:05.0000006Z",
		"e limit.bin": "not hashed: 16777216 bytes, changed 2026-01-02T03:04:05.0000006Z"} { // the fifth is beyond what is read in all
		if found[name] != want {
			t.Errorf("%s: expected %q, found %q", name, want, found[name])
		}
	}
	if len(found["b limit.bin"]) != 64 || len(found["d limit.bin"]) != 64 || len(found) != 7 {
		t.Errorf("found %v", found)
	}
}

// dataOf is a data set of a name and a content.
type dataOf struct{ name, content string }

func (s dataOf) Name() string            { return s.name }
func (s dataOf) Len() int                { return 0 }
func (s dataOf) At(int) datasets.Example { return datasets.Example{} }
func (s dataOf) Fingerprint() string     { return s.content }

// A run that goes on with other data than it began with is refused.
func TestDataThatChanged(t *testing.T) {
	r := newRun(t)
	for _, s := range []dataOf{{"a/train", "1"}, {"a/test", "2"}, {"a/train", "1"}} {
		if err := r.reads(s); err != nil {
			t.Fatal(err)
		}
	}
	r.close()
	back, err := OpenRun(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	sentence(t, back.reads(dataOf{"a/train", "3"}), "a/train", "fingerprint 1", "another (3)", "begin a new run")
	if len(back.Manifest.Data) != 2 {
		t.Errorf("found the data %v", back.Manifest.Data)
	}
}

// The manifest says what the command is built of and which backend computed.
func TestVersions(t *testing.T) {
	b := wrap(backendtest.Go(t))
	b.Version = "1.2.3"
	v := versions(b)
	if !strings.HasPrefix(v["go"], "go1.") || v["backend"] != "go 1.2.3" {
		t.Errorf("found %v", v)
	}
}
