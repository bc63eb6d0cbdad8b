// Package atomicfile writes files that are either whole under their final name or not there at all: a temporary
// file in the same folder, fsync, rename, fsync of the folder.
package atomicfile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// File is a file that is being written. It gets its final name at Commit; Abort (or Close without Commit)
// leaves nothing behind.
type File struct {
	*os.File
	path string
	done bool
}

// Create starts writing the file that will be called path. The folder must exist.
func Create(path string) (*File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return nil, fmt.Errorf("cannot write %s: expected a folder that can be written to, found: %w", path, err)
	}
	if err := f.Chmod(0o644); err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, fmt.Errorf("cannot write %s: %w", path, err)
	}
	return &File{File: f, path: path}, nil
}

// Commit makes the file durable and gives it its final name, replacing an older file of that name.
func (f *File) Commit() error {
	if f.done {
		return fmt.Errorf("%s was committed or aborted before", f.path)
	}
	f.done = true
	err := f.Sync()
	if cerr := f.File.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("cannot write %s: %w; the earlier content, if any, is untouched", f.path, err)
	}
	return syncDir(filepath.Dir(f.path))
}

// Abort throws away what was written. It does nothing after Commit, so it can be deferred.
func (f *File) Abort() {
	if f.done {
		return
	}
	f.done = true
	f.File.Close()
	os.Remove(f.Name())
}

// Close is Abort unless Commit was called before.
func (f *File) Close() error {
	f.Abort()
	return nil
}

// WriteFile writes data under the final name path, whole or not at all.
func WriteFile(path string, data []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Write calls fill to produce the content of path. When fill or the disk fails, path is left as it was.
func Write(path string, fill func(w io.Writer) error) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := fill(f); err != nil {
		return fmt.Errorf("cannot write %s: %w; the earlier content, if any, is untouched", path, err)
	}
	return f.Commit()
}

// syncDir makes the rename itself survive a power cut. File systems that cannot sync a folder say so with an
// error that is safe to pass over: the rename has happened.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	_ = d.Sync()
	return nil
}
