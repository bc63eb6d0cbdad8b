package experiments

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

func machine() string {
	return fmt.Sprintf("%s/%s, %d cores", runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

// changed marks a commit that files differ from.
const changed = "+changes"

// Commit is the commit of the checkout the command was called in, marked when files differ from it; "" outside one.
func Commit() string {
	head, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		return ""
	}
	id := strings.TrimSpace(string(head))
	if status, err := exec.Command("git", "status", "--porcelain").Output(); err == nil && len(status) > 0 {
		id += changed
	}
	return id
}

// ShortCommit is a commit as pages show it: the first twelve digits, and the mark of changes where there is one.
func ShortCommit(commit string) string {
	hash, mark, _ := strings.Cut(commit, "+")
	return strings.TrimSuffix(hash[:min(12, len(hash))]+"+"+mark, "+")
}

// withoutLibrary is a backend's configuration without the path of a library, which is another on another machine.
func withoutLibrary(config string) string {
	kind, _, _ := strings.Cut(config, ",")
	return kind
}

// versions are those of Go, of the backend, and of every module that the command is built of.
func versions(b *backend.Backend) map[string]string {
	v := map[string]string{"go": runtime.Version(), "backend": strings.TrimSpace(string(b.Kind) + " " + b.Version)}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, dep := range info.Deps {
		v[strings.TrimPrefix(dep.Path, "github.com/gomlx/")] = dep.Version
	}
	return v
}

// The checkout's changes are kept up to these sizes.
const (
	mostChanges   = 10 << 20 // bytes of the diff
	mostUntracked = 1000     // files
	mostHashed    = 16 << 20 // bytes of a file, of those whose sha256 is kept; larger ones are weights or data rather than code
	mostHashedAll = 64 << 20 // bytes of all of them
)

// keepChanges writes into the run how the checkout differs from its commit, where it does.
func (r *Run) keepChanges() error {
	if !strings.HasSuffix(r.Manifest.Commit, changed) {
		return nil
	}
	diff, err := exec.Command("git", "diff", "--binary", "HEAD").Output()
	if err == nil && len(diff) > mostChanges {
		diff = append(diff[:mostChanges], fmt.Sprintf("\nand %d bytes more\n", len(diff)-mostChanges)...)
	}
	if err == nil && len(diff) > 0 {
		if err := atomicfile.WriteFile(r.Path(changesFile), diff); err != nil {
			return err
		}
	}
	root, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	names, err2 := exec.Command("git", "ls-files", "--others", "--exclude-standard", "-z", "--full-name", ":/").Output()
	if cmp.Or(err, err2) != nil {
		return nil
	}
	r.Manifest.Untracked = map[string]string{}
	left := int64(mostHashedAll)
	for i, name := range strings.Split(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		if name == "" || i >= mostUntracked {
			break
		}
		if what, hashed, err := untracked(filepath.Join(strings.TrimSpace(string(root)), name), min(mostHashed, left)); err == nil {
			r.Manifest.Untracked[name] = what
			left -= hashed
		}
	}
	return nil
}

// untracked is what a manifest says of a file: its sha256, or, above so many bytes, its size and when it was changed. It also says how many bytes
// were read.
func untracked(path string, most int64) (what string, hashed int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() {
		return "", 0, fmt.Errorf("%s is no file", path)
	}
	if info.Size() > most {
		return fmt.Sprintf("not hashed: %d bytes, changed %s", info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano)), 0, nil
	}
	what, err = fileSum(path)
	return what, info.Size(), err
}

func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	_, err = io.Copy(hash, f)
	return hex.EncodeToString(hash.Sum(nil)), err
}

// reads notes that the run reads a data set. A run that is resumed has to read the same again.
func (r *Run) reads(set datasets.Dataset) error {
	name, found := set.Name(), set.Fingerprint()
	if before, ok := r.Manifest.Data[name]; ok && before != found {
		return fmt.Errorf("expected %s as the run %s has read it before (fingerprint %.12s), found another (%.12s): pictures or captions have changed; begin a new run", name, r.Dir, before, found)
	} else if ok {
		return nil
	}
	if r.Manifest.Data == nil {
		r.Manifest.Data = map[string]string{}
	}
	r.Manifest.Data[name] = found
	return r.WriteJSON(manifestFile, r.Manifest)
}

// StartsFrom notes the run, or the folder, whose weights this one starts from.
func (r *Run) StartsFrom(folder string) error {
	r.Manifest.Parent = folder
	return r.WriteJSON(manifestFile, r.Manifest)
}
