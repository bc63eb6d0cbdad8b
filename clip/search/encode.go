package search

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/internal/progress"
)

// batchSize is how many files are read and encoded together; what is finished is on disk after each batch.
const batchSize = 64

// loaded is a file that was read.
type loaded struct {
	Entry
	same     *source   // a file with the same content that is known
	prepared []float32 // else the model's input
	failure  error     // the file could not be read at all, which may be otherwise next time
}

// encode reads the pending files, in parallel, and has them encoded, batch by batch. Decoding the next batch goes on
// while one is encoded.
func (u *update) encode(ctx context.Context, pending []file) error {
	if len(pending) == 0 {
		return nil
	}
	loader, err := datasets.NewLoader(len(pending), datasets.LoaderConfig{BatchSize: batchSize, Epochs: 1}, func(_ context.Context, i int, _ *rand.Rand) (loaded, error) {
		return u.load(pending[i]), nil
	})
	if err != nil {
		return err
	}
	defer loader.Close()
	bar := progress.New(u.opts.Messages, "index", int64(len(pending)), progress.Options{})
	defer bar.Done()
	for {
		batch, err := loader.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := u.batch(batch.Items); err != nil {
			return err
		}
		bar.Add(int64(len(batch.Items)))
	}
}

// load reads one file. What is wrong with it comes back in the entry.
func (u *update) load(f file) (l loaded) {
	l.Entry = Entry{Path: f.path, Size: f.size, ModTime: f.modTime}
	path := filepath.Join(u.pictures, filepath.FromSlash(f.path))
	defer func() {
		if r := recover(); r != nil {
			l.Problem = fmt.Sprintf("expected a picture, found one that cannot be decoded (%v)", r)
		}
	}()
	content, hash, err := readOnce(path)
	if err != nil {
		l.failure = err
		return l
	}
	l.Hash = hash
	if s, ok := u.byHash[l.Hash]; ok {
		l.same, l.Problem = &s, s.Problem
		return l
	}
	img, err := picture.Decode(path, content, picture.Limits{})
	if err == nil {
		l.prepared, err = u.enc.Prepare(img)
	}
	if err != nil {
		l.Problem = strings.ToValidUTF8(strings.TrimPrefix(err.Error(), path+": "), "?")
	}
	return l
}

// readOnce is a file's content and its sha256: of the same bytes, whatever happens to the file meanwhile. Of a file that is too
// large for a picture there is no more content than it takes to tell.
func readOnce(path string) (content []byte, hash [32]byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, hash, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, hash, err
	}
	sum := sha256.New()
	hashed := io.TeeReader(file, sum)
	buf := bytes.NewBuffer(make([]byte, 0, min(info.Size(), picture.MaxBytes)+bytes.MinRead))
	if _, err = buf.ReadFrom(io.LimitReader(hashed, picture.MaxBytes+1)); err == nil {
		_, err = io.Copy(io.Discard, hashed)
	}
	sum.Sum(hash[:0])
	return buf.Bytes(), hash, err
}

// batch encodes files and puts what came out on disk.
func (u *update) batch(items []loaded) error {
	var prepared [][]float32
	for _, l := range items {
		if l.prepared != nil && l.Problem == "" {
			prepared = append(prepared, l.prepared)
		}
	}
	embeddings, err := u.encoded(prepared)
	if err != nil {
		return err
	}
	var s segment
	for _, l := range items {
		switch {
		case l.failure != nil:
			u.failed(l)
			continue
		case l.Problem != "":
			s.bad = append(s.bad, l.Entry)
			continue
		}
		row := []byte(nil)
		if l.same != nil {
			u.report.Known++
			u.report.Encoded-- // it is counted below
			row, err = u.rowOf(*l.same)
		} else {
			row, err = encode(embeddings[0], u.dtype)
			embeddings = embeddings[1:]
		}
		if err != nil {
			return fmt.Errorf("%s: %w", l.Path, err)
		}
		s.rows = append(s.rows, l.Entry)
		s.vectors = append(s.vectors, row...)
	}
	return u.addSegment(s)
}

// encoded asks the model, and checks what it says.
func (u *update) encoded(prepared [][]float32) ([][]float32, error) {
	if len(prepared) == 0 {
		return nil, nil
	}
	embeddings, err := u.enc.Encode(prepared)
	if err != nil {
		return nil, err
	}
	if len(embeddings) != len(prepared) {
		return nil, fmt.Errorf("expected %d embeddings, found %d", len(prepared), len(embeddings))
	}
	for _, row := range embeddings {
		if err := checkVector(row, u.enc.Dims); err != nil {
			return nil, fmt.Errorf("the model in %s is broken: %w", u.enc.Folder, err)
		}
	}
	return embeddings, nil
}

// failed names a file that could not be read; one that went away is none any more.
func (u *update) failed(l loaded) {
	if s, ok := u.byPath[l.Path]; ok {
		u.forget(s)
	}
	if errors.Is(l.failure, os.ErrNotExist) {
		return
	}
	l.Problem = reason(l.failure).Error()
	u.report.Bad = append(u.report.Bad, l.Entry)
}
