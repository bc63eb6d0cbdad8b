package search

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/lockfile"
)

// Encoder turns pictures into embeddings.
type Encoder struct {
	Folder   string // where the model lies, which an index remembers
	Identity string // what tells the model from every other: a hash of its configuration and weights
	Dims     int    // numbers in an embedding

	Prepare func(img image.Image) ([]float32, error)               // a picture to the model's input; called from several goroutines
	Encode  func(prepared [][]float32) (rows [][]float32, _ error) // inputs to unit embeddings
}

// Options of [Update].
type Options struct {
	DType    DType     // empty for that of the index, or Float16 for a new one
	Messages io.Writer // a progress bar, and the files that cannot be read; nil for none
}

// Report says what [Update] found and did.
type Report struct {
	Rows       int     // pictures in the index now
	Encoded    int     // of them, those that the model was asked about (by an earlier call that was stopped, too)
	Known      int     // new or touched files with the content of one that was known: moved, copied, touched
	Unchanged  int     // files that were as the index had them
	Removed    int     // files that are gone
	Bad        []Entry // files that cannot be read, and were not known to be bad
	Remembered int     // files that were known to be bad and have not changed: they were not tried again
}

// Update makes the index dir of all pictures below the folder pictures, or brings it up to date: new and changed files
// are encoded, those that are gone disappear, what is unchanged is left alone. When it is stopped at any moment, or
// killed, dir is as it was before, and the next call goes on: at most one batch is encoded again.
//
// Errors: an index of another model, type or folder; a folder that cannot be read, or is empty; another process at work
// on the same index; a full disk.
func Update(ctx context.Context, dir, pictures string, enc Encoder, opts Options) (*Report, error) {
	dir, pictures, err := absolute(dir, pictures)
	if err != nil {
		return nil, err
	}
	if err := checkDims(enc.Dims); err != nil {
		return nil, err
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	u := &update{dir: dir, work: workFolder(dir), pictures: pictures, enc: enc, opts: opts, dtype: opts.DType,
		byPath: map[string]source{}, byHash: map[[32]byte]source{}}
	defer u.close()
	if err := u.openOld(); err != nil {
		return nil, err
	}
	files, err := walk(ctx, pictures)
	if err != nil {
		return nil, err
	}
	if err := u.resume(); err != nil {
		return nil, err
	}
	pending := u.plan(files)
	if err := u.encode(ctx, pending); err != nil {
		return nil, err
	}
	if m := u.old; m != nil && len(u.segments) == 0 && u.report.Removed == 0 && m.Meta.Model == enc.Folder && m.Meta.Pictures == pictures {
		u.report.Rows = m.Len()
		removeOthers(dir, m.Meta)
		return &u.report, os.RemoveAll(u.work)
	}
	if err := u.finish(ctx, files); err != nil {
		return nil, err
	}
	return &u.report, nil
}

// update is one call of [Update].
type update struct {
	dir, work, pictures string
	enc                 Encoder
	opts                Options
	dtype               DType

	old      *Index              // as it was before; nil when there was none
	segments []string            // files of finished batches
	last     segment             // the one that was read last
	byPath   map[string]source   // what is known of files
	byHash   map[[32]byte]source // what was known before this call; the loading goroutines read it
	report   Report
}

// source is what is known of a file: an entry, and where its row is.
type source struct {
	Entry
	segment int // in update.segments; inOld for the old index
	row     int
}

const inOld = -1

func absolute(dir, pictures string) (string, string, error) {
	d, err := filepath.Abs(dir)
	if err != nil {
		return "", "", err
	}
	p, err := filepath.Abs(pictures)
	return d, p, err
}

// lock keeps other processes away from dir until unlock is called. The lock is a file beside dir.
func lock(dir string) (unlock func(), err error) {
	if _, err := os.Stat(filepath.Dir(dir)); err != nil {
		return nil, fmt.Errorf("cannot make the index %s: expected the folder %s, found: %w; make it first", dir, filepath.Dir(dir), reason(err))
	}
	unlock, ok, err := lockfile.Try(filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".lock"))
	if err != nil {
		return nil, fmt.Errorf("cannot make the index %s: expected a folder that can be written to, found: %w", dir, reason(err))
	}
	if !ok {
		return nil, fmt.Errorf("another process is making or updating the index %s; wait until it is done, or choose another folder", dir)
	}
	return unlock, nil
}

// openOld opens the index that is to be brought up to date, if there is one, and checks that it can be.
func (u *update) openOld() error {
	if _, err := os.Stat(filepath.Join(u.dir, MetaFile)); err != nil {
		entries, err := os.ReadDir(u.dir)
		if err == nil && len(entries) > 0 {
			return fmt.Errorf("expected an index or nothing at %s, found a folder with other files in it; choose another name", u.dir)
		}
		if _, statErr := os.Lstat(u.dir); err != nil && statErr == nil {
			return fmt.Errorf("expected an index or nothing at %s, found something that is no folder; choose another name", u.dir)
		}
		if u.dtype == "" {
			u.dtype = Float16
		}
		return nil
	}
	old, err := Open(u.dir)
	if err != nil {
		return err
	}
	u.old = old
	m := old.Meta
	switch {
	case m.Identity != u.enc.Identity || m.Dims != u.enc.Dims:
		return fmt.Errorf("expected the model that the index %s was made with, from %s, found another one in %s: embeddings of two models cannot be compared; choose another folder for the index", u.dir, m.Model, u.enc.Folder)
	case u.dtype != "" && u.dtype != m.DType:
		return fmt.Errorf("expected %s as in the index %s, found %s; choose another folder for the index", m.DType, u.dir, u.dtype)
	case m.Pictures != u.pictures:
		if _, err := os.Stat(m.Pictures); err == nil {
			return fmt.Errorf("expected the pictures of %s, which the index %s is of, found %s; choose another folder for the index", m.Pictures, u.dir, u.pictures)
		}
	}
	u.dtype = m.DType
	data := make([]byte, m.Files.Bytes)
	if _, err := old.files.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("cannot read the index: %w", err)
	}
	rows, bad, err := parseTable(data)
	if err != nil {
		return err
	}
	for i, e := range append(rows, bad...) {
		s := source{e, inOld, i}
		u.byPath[e.Path], u.byHash[e.Hash] = s, s
	}
	return nil
}

func (u *update) close() {
	if u.old != nil {
		u.old.Close()
	}
}

// job is what the batches of a work folder have in common.
type job struct {
	Version  int    `json:"version"`
	Identity string `json:"identity"`
	Dims     int    `json:"dims"`
	DType    DType  `json:"dtype"`
}

// resume opens the work folder and reads the batches that an earlier call has finished there.
func (u *update) resume() error {
	mine, err := json.Marshal(job{metaVersion, u.enc.Identity, u.enc.Dims, u.dtype})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(u.work, 0o755); err != nil {
		return fmt.Errorf("cannot make the index %s: %w", u.dir, err)
	}
	path := filepath.Join(u.work, "job.json")
	found, err := os.ReadFile(path)
	switch {
	case os.IsNotExist(err):
		return atomicfile.WriteFile(path, mine)
	case err != nil:
		return fmt.Errorf("cannot read what was done before: %w", err)
	case !bytes.Equal(found, mine):
		return fmt.Errorf("expected to go on with the unfinished index in %s, found that it was begun with another model, type of numbers or version; delete that folder, or choose another one for the index", u.work)
	}
	return u.readSegments()
}

// plan sorts files into those that are as they were and those that must be read, which it returns, and counts.
func (u *update) plan(files []file) (pending []file) {
	seen := make(map[string]bool, len(files))
	for _, f := range files {
		seen[f.path] = true
		s, ok := u.byPath[f.path]
		switch {
		case !ok || s.Size != f.size || s.ModTime != f.modTime:
			pending = append(pending, f)
		case s.segment != inOld:
			u.count(s)
		case s.Problem != "":
			u.report.Remembered++
		default:
			u.report.Unchanged++
		}
	}
	for path, s := range u.byPath {
		if !seen[path] {
			u.forget(s)
		}
	}
	return pending
}

// forget leaves out a file that is not there any more, or cannot be read.
func (u *update) forget(s source) {
	if s.segment == inOld {
		u.report.Removed++
	}
	delete(u.byPath, s.Path)
}

// count adds a file that was read to the report.
func (u *update) count(s source) {
	if s.Problem != "" {
		u.report.Bad = append(u.report.Bad, s.Entry)
	} else {
		u.report.Encoded++
	}
}

// reason drops the path from a system's error, which the sentence around it names already.
func reason(err error) error {
	if e, ok := err.(*os.PathError); ok {
		return e.Err
	}
	return err
}
