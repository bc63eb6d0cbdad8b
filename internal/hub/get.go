package hub

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/glimpse-ml/glimpse/internal/fetch"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// Progress is told how a download goes on. It may be left zero.
type Progress struct {
	File  func(name string, done, total int64) // total is -1 while it is not known
	Retry func(why error, wait time.Duration)  // before each wait for another try
	Wait  func(name string)                    // another process is downloading the same content

	client  *http.Client              // tests only
	backoff time.Duration             // tests only
	disk    func(io.Writer) io.Writer // tests only
}

// Snapshot is a model in the cache.
type Snapshot struct {
	Dir   string   `json:"dir"`
	Files []string `json:"files"` // below Dir, with slashes
	Bytes int64    `json:"bytes"` // of these files
}

// Get brings a model's files into the cache, or finds them there: those that match one of the patterns, or with none those
// that CLIP needs. The snapshot's reference is written last, so that a Get that breaks off leaves an older snapshot
// in use; what it brought is kept and taken up by the next.
func Get(ctx context.Context, s Settings, m Model, patterns []string, progress Progress) (*Snapshot, error) {
	if progress.File == nil {
		progress.File = func(string, int64, int64) {}
	}
	if progress.Wait == nil {
		progress.Wait = func(string) {}
	}
	cache := &cache{dir: filepath.Join(s.Cache, m.folder()), locks: filepath.Join(s.Cache, ".locks", m.folder())}
	if s.Offline {
		return offline(cache, m, patterns)
	}
	c := newClient(s, progress)
	commit, files, err := c.files(ctx, m)
	if err != nil {
		return nil, err
	}
	chosen, err := pick(m, files, patterns)
	if err != nil {
		return nil, err
	}
	if len(chosen) == 0 {
		return nil, c.noWeights(ctx, m, files)
	}
	out := &Snapshot{Dir: cache.snapshot(commit)}
	for _, name := range chosen {
		n, err := c.file(ctx, cache, m, commit, name, progress)
		if err != nil {
			return nil, err
		}
		out.Files = append(out.Files, name)
		out.Bytes += n
	}
	for _, index := range []string{indexFile, torchIndex} {
		if len(patterns) > 0 || !slices.Contains(chosen, index) {
			continue
		}
		if err := wholeIndex(out.Dir, index); err != nil {
			return nil, err
		}
	}
	return out, cache.setRef(m.Revision, commit)
}

func pick(m Model, files, patterns []string) ([]string, error) {
	if len(patterns) > 0 {
		return match(m, files, patterns)
	}
	return choose(m, files)
}

// file brings one file and gives its size.
func (c *client) file(ctx context.Context, cache *cache, m Model, commit, name string, progress Progress) (int64, error) {
	src, err := c.source(ctx, m, commit, name)
	if err != nil {
		return 0, err
	}
	blob := src.SHA256 + src.Blob
	if n, ok := cache.has(ctx, commit, name, blob, src); ok {
		progress.File(name, n, n)
		return n, nil
	}
	unlock, err := cache.lock(ctx, blob, func() { progress.Wait(name) })
	if err != nil {
		return 0, fmt.Errorf("cannot get %s of %s: %w", name, m, err)
	}
	defer unlock()
	opt := c.opt
	opt.Progress = func(done, total int64) { progress.File(name, done, total) }
	opt.Advice = func(r *http.Response) string { return c.advice(m, r.StatusCode, r.Header) }
	if err := fetch.File(ctx, src, cache.blob(blob), opt); err != nil {
		return 0, err
	}
	if err := cache.link(commit, name, blob); err != nil {
		return 0, fmt.Errorf("cannot give %s of %s its name in the cache: %w", name, m, err)
	}
	return cache.size(commit, name)
}

// offline finds in the cache what Get would bring.
func offline(cache *cache, m Model, patterns []string) (*Snapshot, error) {
	commit, err := cache.commit(m.Revision)
	if err != nil {
		return nil, fmt.Errorf("cannot get %s: %w and %w; once, with the network: %s", m, fetch.ErrOffline, err, m.command())
	}
	files, err := cache.list(commit)
	if err != nil {
		return nil, err
	}
	chosen, err := pick(m, files, patterns)
	if err == nil && len(patterns) == 0 {
		err = whole(cache.snapshot(commit))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot get %s: %w, and the cache has a part of it only: %w; once, with the network: %s", m, fetch.ErrOffline, err, m.command())
	}
	out := &Snapshot{Dir: cache.snapshot(commit), Files: chosen}
	if len(chosen) == 0 {
		out.Files = files
	}
	for _, name := range out.Files {
		n, err := cache.size(commit, name)
		if err != nil {
			return nil, err
		}
		out.Bytes += n
	}
	return out, nil
}

// wholeIndex tests that all shards of an index are there.
func wholeIndex(dir, name string) error {
	index, err := safetensors.ReadIndex(filepath.Join(dir, name), path.Ext(strings.TrimSuffix(name, ".index.json")))
	if err != nil {
		return err
	}
	for _, shard := range index.Shards() {
		if !isFile(filepath.Join(dir, shard)) {
			return fmt.Errorf("expected the file %s, which %s names, found none", path.Base(shard), name)
		}
	}
	return nil
}
