package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Run is `make demo`: it runs both experiments and writes the page, all of it into the folder dir, which appears whole
// at the end and then takes the place of an earlier demo. It returns the path of the page.
func Run(ctx context.Context, b *backend.Backend, dir string, opts experiments.Options) (page string, err error) {
	start := time.Now()
	if err := replaceable(dir); err != nil {
		return "", err
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fmt.Errorf("cannot make the demo's folder: %w", err)
	}
	work, err := os.MkdirTemp(parent, ".demo-*")
	if err != nil {
		return "", fmt.Errorf("expected a folder that can be written to at %s, found: %w; choose another with --out", parent, err)
	}
	defer os.RemoveAll(work) // a moved folder is no longer there
	for _, e := range All() {
		opts.Out = filepath.Join(work, e.Name)
		if _, _, err := e.Start(ctx, b, opts); err != nil {
			return "", fmt.Errorf("%s: %w", e.Name, err)
		}
	}
	if err := WritePage(work, time.Since(start)); err != nil {
		return "", err
	}
	if err := os.Chmod(work, 0o755); err != nil {
		return "", err
	}
	return filepath.Join(dir, "index.html"), swap(work, dir)
}

// replaceable says whether dir is free, empty, or an earlier demo.
func replaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return fmt.Errorf("expected a folder at %s, found: %w; choose another with --out", dir, err)
	}
	for _, name := range []string{"index.html", "clip", "captioner"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("the folder %s holds something else than an earlier demo; choose another with --out or move it away", dir)
		}
	}
	return nil
}

// swap puts work in dir's place.
func swap(work, dir string) error {
	old := work + ".old"
	if err := os.Rename(dir, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot move the earlier demo %s away: %w", dir, err)
	}
	if err := os.Rename(work, dir); err != nil {
		return errors.Join(fmt.Errorf("cannot put the demo into its place %s: %w", dir, err), os.Rename(old, dir))
	}
	return os.RemoveAll(old)
}
