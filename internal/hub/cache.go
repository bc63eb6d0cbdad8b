package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/fetch"
)

// cache is one model's folder. Names that come here were checked: commits and blobs are hexadecimal, files and
// revisions pass safePath.
type cache struct {
	dir   string
	locks string
}

func (c *cache) snapshot(commit string) string { return filepath.Join(c.dir, "snapshots", commit) }
func (c *cache) blob(sum string) string        { return filepath.Join(c.dir, "blobs", sum) }
func (c *cache) ref(revision string) string {
	return filepath.Join(c.dir, "refs", filepath.FromSlash(revision))
}

// commit is what a revision was when it was last asked for.
func (c *cache) commit(revision string) (string, error) {
	if commitID.MatchString(revision) && isFolder(c.snapshot(revision)) {
		return revision, nil
	}
	text, err := os.ReadFile(c.ref(revision))
	if err != nil {
		return "", fmt.Errorf("the cache %s has no such model", filepath.Dir(c.dir))
	}
	commit := strings.TrimSpace(string(text))
	if !commitID.MatchString(commit) || !isFolder(c.snapshot(commit)) {
		return "", fmt.Errorf("the cache has no snapshot of the commit %.60q that %s names", commit, c.ref(revision))
	}
	return commit, nil
}

// setRef notes what a revision is. A cache that cannot be written to and says so already is fine.
func (c *cache) setRef(revision, commit string) error {
	if commitID.MatchString(revision) {
		return nil
	}
	if text, err := os.ReadFile(c.ref(revision)); err == nil && string(text) == commit {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(c.ref(revision)), 0o755); err != nil {
		return fmt.Errorf("cannot note the commit of %s: %w", revision, err)
	}
	return atomicfile.WriteFile(c.ref(revision), []byte(commit))
}

// has says whether a snapshot holds a file with the content that is wanted, and its size.
func (c *cache) has(ctx context.Context, commit, name, sum string, src fetch.Source) (int64, bool) {
	file := filepath.Join(c.snapshot(commit), filepath.FromSlash(name))
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() || src.Size > 0 && info.Size() != src.Size {
		return 0, false
	}
	return info.Size(), src.Check(ctx, file) == nil
}

// lock waits until no other process downloads the same content. Python's tools lock the same file in the same way.
func (c *cache) lock(ctx context.Context, sum string, waiting func()) (unlock func(), err error) {
	for _, dir := range []string{c.locks, filepath.Join(c.dir, "blobs")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("expected a cache that can be written to: %w; set HF_HOME or HF_HUB_CACHE to another folder", err)
		}
	}
	lock := flock.New(filepath.Join(c.locks, sum+".lock"))
	ok, err := lock.TryLock()
	if err == nil && !ok {
		waiting()
		_, err = lock.TryLockContext(ctx, 200*time.Millisecond)
	}
	if err != nil {
		return nil, fmt.Errorf("expected a cache that can be written to: %w; set HF_HOME or HF_HUB_CACHE to another folder", err)
	}
	return func() { _ = lock.Unlock() }, nil
}

// link makes a file of a snapshot from a blob: a link as Python's tools make it, or a copy where there are no links. The
// root keeps every path inside of the model's folder, whatever links lie there.
func (c *cache) link(commit, name, sum string) error {
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	file := path.Join("snapshots", commit, name)
	target := strings.Repeat("../", strings.Count(file, "/")) + "blobs/" + sum
	if old, err := root.Readlink(file); err == nil && filepath.ToSlash(old) == target {
		return nil
	}
	if err := root.MkdirAll(path.Dir(file), 0o755); err != nil {
		return err
	}
	temporary := path.Join(path.Dir(file), fmt.Sprintf(".%016x.part", rand.Uint64()))
	defer func() { _ = root.Remove(temporary) }() // does nothing after the rename
	if err := root.Symlink(filepath.FromSlash(target), temporary); err != nil {
		if err := copyBlob(root, "blobs/"+sum, temporary); err != nil {
			return err
		}
	}
	return root.Rename(temporary, file)
}

func copyBlob(root *os.Root, from, to string) error {
	in, err := root.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

func (c *cache) size(commit, name string) (int64, error) {
	info, err := os.Stat(filepath.Join(c.snapshot(commit), filepath.FromSlash(name)))
	if err != nil {
		return 0, fmt.Errorf("expected the file %s in the cache: %w", name, err)
	}
	return info.Size(), nil
}

// list gives the files of a snapshot that can be read, sorted, with slashes.
func (c *cache) list(commit string) (names []string, err error) {
	dir := c.snapshot(commit)
	err = filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("cannot read the cache: %w", err)
		}
		if name, err := filepath.Rel(dir, file); err == nil && !entry.IsDir() && isFile(file) {
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	})
	return names, err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
