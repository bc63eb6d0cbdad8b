// Package atomicfile writes files that are either whole under their final name or not there at all: a temporary
// file in the same folder, fsync, rename, fsync of the folder.
//
// What is no regular file is never replaced: a symbolic link stays and the file it points to is replaced, a device or
// a pipe (/dev/null, /dev/stdout) is written to directly, a folder is an error.
package atomicfile

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// File is a file that is being written. It gets its final name at Commit; Abort (or Close without Commit)
// leaves nothing behind. What went to a device or a pipe before Abort is gone, of course.
type File struct {
	*os.File
	path   string // as the caller said it
	target string // path without symbolic links; "" for a device or a pipe
	done   bool
}

// Create starts writing the file that will be called path. The folder must exist. A new file gets the permissions
// that the user's umask leaves of 0644, a replaced one keeps its own.
func Create(path string) (*File, error) {
	perm, replaces := fs.FileMode(0o644), false
	if info, err := os.Stat(path); err == nil {
		switch {
		case info.IsDir():
			return nil, fmt.Errorf("cannot write %s: expected the name of a file, found a folder", path)
		case !info.Mode().IsRegular():
			return direct(path)
		}
		perm, replaces = info.Mode().Perm(), true
	}
	target, err := resolve(path)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(target, "/proc/") { // a file that is open, such as what /dev/stdout was redirected to
		return direct(path)
	}
	dir, base := filepath.Split(target)
	name := filepath.Join(dir, fmt.Sprintf(".%s.%016x.part", base, rand.Uint64()))
	var f *os.File
	if err = Fault(Creating, path); err == nil {
		f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write %s: expected a folder that can be written to, found: %w", path, reason(err))
	}
	if replaces { // the umask has no say in these
		if err := f.Chmod(perm); err != nil {
			f.Close()
			os.Remove(name)
			return nil, fmt.Errorf("cannot write %s: %w", path, reason(err))
		}
	}
	return &File{File: f, path: path, target: target}, nil
}

// direct opens a device, a pipe or a redirected output. Appending leaves alone what others wrote to it before.
func direct(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot write %s: %w", path, reason(err))
	}
	return &File{File: f, path: path}, nil
}

// resolve follows symbolic links to the file that path means. The file need not exist, its folder must.
func resolve(path string) (string, error) {
	target := path
	for range 40 { // as many links as Linux follows
		dir, err := filepath.EvalSymlinks(filepath.Dir(target)) // ".." in a link starts from the real folder
		if err != nil {
			return "", fmt.Errorf("cannot write %s: expected the folder %s, found: %w; make it first", path, filepath.Dir(target), reason(err))
		}
		target = filepath.Join(dir, filepath.Base(target))
		link, err := os.Readlink(target)
		if err != nil || strings.HasPrefix(target, "/proc/") {
			return target, nil // no link, or one that is more than its text
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(dir, link)
		}
		target = link
	}
	return "", fmt.Errorf("cannot write %s: expected a file or a link to one, found links that go round in a circle", path)
}

// Commit makes the file durable and gives it its final name, replacing an older file of that name.
func (f *File) Commit() error {
	if f.done {
		return fmt.Errorf("%s was committed or aborted before", f.path)
	}
	f.done = true
	if f.target == "" {
		if err := f.File.Close(); err != nil {
			return f.failed(err)
		}
		return nil
	}
	err := f.Sync()
	if cerr := f.File.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = Fault(Renaming, f.path)
	}
	if err == nil {
		err = os.Rename(f.Name(), f.target)
	}
	if err != nil {
		os.Remove(f.Name())
		return f.failed(err)
	}
	syncDir(filepath.Dir(f.target))
	return nil
}

// failed is the sentence for a file that was not written.
func (f *File) failed(err error) error {
	if e, ok := err.(*fs.PathError); !ok || e.Path == f.Name() { // what fill says of other files stays whole
		err = reason(err)
	}
	if f.target == "" {
		return fmt.Errorf("cannot write %s: %w", f.path, err)
	}
	return fmt.Errorf("cannot write %s: %w; the earlier content, if any, is untouched", f.path, err)
}

// Abort throws away what was written. It does nothing after Commit, so it can be deferred.
func (f *File) Abort() {
	if f.done {
		return
	}
	f.done = true
	f.File.Close()
	if f.target != "" {
		os.Remove(f.Name())
	}
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
		return f.failed(err)
	}
	return f.Commit()
}

// Part is one file of several that belong together.
type Part struct {
	Path string
	Fill func(w io.Writer) error
}

// WriteAll writes several files. All of them lie on the disk before the first gets its final name: when a fill or the disk
// fails, every path is left as it was. Only a machine that stops between the names can leave some new and some old.
func WriteAll(parts ...Part) error {
	var files []*File
	defer func() {
		for _, f := range files {
			f.Abort()
		}
	}()
	for _, p := range parts {
		f, err := Create(p.Path)
		if err != nil {
			return err
		}
		files = append(files, f)
		buffered := bufio.NewWriterSize(f, 1<<20)
		err = p.Fill(buffered)
		if err == nil {
			err = buffered.Flush()
		}
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			return f.failed(err)
		}
	}
	for _, f := range files {
		if err := f.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// Bytes is the [Part] that has data for its content.
func Bytes(path string, data []byte) Part {
	return Part{path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}}
}

// reason drops the temporary name from a system's error: the sentence around it names the file.
func reason(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}

// syncDir makes the rename itself survive a power cut. File systems that cannot sync a folder say so with an
// error that is safe to pass over: the rename has happened.
func syncDir(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	defer d.Close()
	_ = d.Sync()
}
