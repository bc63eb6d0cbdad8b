package search

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets/picture"
)

// file is a file that may be a picture.
type file struct {
	path    string // below the root, with slashes
	size    int64
	modTime int64 // nanoseconds since 1970
}

// walk lists the files below root whose names end as those of pictures, in the order of their paths. What begins with a
// dot is left out. Links to files are followed, links to folders are not, but for root itself.
func walk(ctx context.Context, root string) ([]file, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, fmt.Errorf("expected a folder of pictures at %s, found: %w", root, reason(err))
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("expected a folder of pictures at %s, found a file", root)
	}
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, fmt.Errorf("expected a folder of pictures at %s, found: %w", root, err)
	}
	var files []file
	err = filepath.WalkDir(real, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil { // its pictures must not be taken for deleted ones
			return fmt.Errorf("cannot read the folder %s: %w; make it readable, or index another folder", path, reason(err))
		}
		hidden := strings.HasPrefix(d.Name(), ".") && path != real
		if d.IsDir() {
			if hidden {
				return fs.SkipDir
			}
			return nil
		}
		if hidden || !picture.IsPictureName(d.Name()) {
			return nil
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return nil // a link to nowhere or to a folder, a pipe, a file that went away just now
		}
		relative, err := filepath.Rel(real, path)
		if err != nil {
			return err
		}
		files = append(files, file{filepath.ToSlash(relative), info.Size(), info.ModTime().UnixNano()})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("expected pictures (.jpg, .png, .gif, .webp, .bmp) below %s, found none", root)
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.path, b.path) })
	return files, nil
}
