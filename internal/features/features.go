// Package features keeps what a frozen encoder says about every picture of a data set, so that it is computed once: one
// row of float16 numbers for each picture, in a file that is named after everything the numbers depend on.
//
// A file is one line of text (what is in it, and the sha256 of the numbers) filled up with blanks to 512 bytes, then
// the rows, little-endian. It appears whole or not at all, and is checked whenever it is opened.
package features

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Key names everything that the numbers depend on. None may be empty: a forgotten one would let old numbers pass for new.
type Key struct {
	Data        string // which pictures in which order: the data set's fingerprint
	Encoder     string // which network and weights: the encoder's fingerprint
	Preparation string // how a picture becomes the encoder's input, such as "short side 128, centre crop"
}

// Cache is a folder of such files. It is made when it is first needed.
type Cache struct {
	Dir string
	// Message is told, in one sentence, of a damaged file that is computed again. It may be nil.
	Message func(sentence string)
}

// Get returns the n rows of key, each of the given shape: from the file of an earlier call if there is one and it is
// whole, else from compute, which calls emit once for every row i in 0..n-1, in any order and from any goroutine. Two
// processes that want the same rows wait for each other, and one of them computes.
//
// When ctx ends, or compute fails, or the disk is full, nothing is left behind but the error.
func (c Cache) Get(ctx context.Context, key Key, n int, shape []int,
	compute func(ctx context.Context, emit func(i int, values []float32) error) error) (*Matrix, error) {
	head, err := newHeader(key, n, shape)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("expected a folder for features that can be written to at %s, found: %w", c.Dir, err)
	}
	path := filepath.Join(c.Dir, head.name())
	unlock, err := lock(ctx, path)
	if err != nil {
		return nil, err
	}
	defer unlock()
	m, err := open(path, head)
	if err == nil {
		return m, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		if c.Message != nil {
			c.Message(fmt.Sprintf("the cached features in %s cannot be used: %v; they are computed again", path, err))
		}
	}
	removeLeftovers(path)
	if err := write(ctx, path, head, compute); err != nil {
		return nil, err
	}
	if m, err = open(path, head); err != nil {
		return nil, fmt.Errorf("the features just written to %s cannot be read back: %w", path, err)
	}
	return m, nil
}

// Has says whether there is a file for the rows, which [Cache.Get] would take if it is whole.
func (c Cache) Has(key Key, n int, shape []int) bool {
	head, err := newHeader(key, n, shape)
	if err != nil {
		return false
	}
	_, err = os.Stat(filepath.Join(c.Dir, head.name()))
	return err == nil
}

// lock waits until no other process works on path. The lock's own file stays behind, empty.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	l := flock.New(path + ".lock")
	if _, err := l.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("stopped while waiting for another process that computes the features %s: %w", path, err)
		}
		return nil, fmt.Errorf("expected a folder for features that can be written to at %s, found: %w", filepath.Dir(path), err)
	}
	return func() { l.Close() }, nil
}

// removeLeftovers deletes what a process that was killed left half-written. We hold the lock, so nobody is writing.
func removeLeftovers(path string) {
	parts, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".*.part"))
	for _, part := range parts {
		os.Remove(part)
	}
}

// header is what a file has to say in its first line.
type header struct {
	n     int
	shape []int
	width int // numbers in a row
	key   string
}

const headerSize = 512

func newHeader(key Key, n int, shape []int) (header, error) {
	if key.Data == "" || key.Encoder == "" || key.Preparation == "" {
		return header{}, fmt.Errorf("expected a key with data, encoder and preparation, found %+v", key)
	}
	h := header{n: n, shape: append([]int(nil), shape...), width: 1}
	for _, d := range shape {
		if d < 1 || d > maxWidth || h.width > maxWidth/d {
			return header{}, fmt.Errorf("expected rows of at most %d numbers, found the shape %v", maxWidth, shape)
		}
		h.width *= d
	}
	if n < 0 || len(shape) > 8 {
		return header{}, fmt.Errorf("expected at least 0 rows of at most 8 axes, found %d rows of shape %v", n, shape)
	}
	hash := sha256.New()
	for _, part := range []string{key.Data, key.Encoder, key.Preparation, fmt.Sprint(n, shape)} {
		fmt.Fprintf(hash, "%d:%s", len(part), part)
	}
	h.key = hex.EncodeToString(hash.Sum(nil))
	return h, nil
}

const maxWidth = 1 << 28

func (h header) name() string { return h.key[:32] + ".features" }

// size is the length of a whole file.
func (h header) size() int64 { return headerSize + 2*int64(h.n)*int64(h.width) }

// line is the first line, given the checksum of the rows.
func (h header) line(checksum []byte) []byte {
	text := fmt.Sprintf("glimpse features 1: %d rows of shape %v, float16, key %s, sha256 %x", h.n, h.shape, h.key, checksum)
	return []byte(text + strings.Repeat(" ", headerSize-1-len(text)) + "\n")
}

// checksum reads rows to the end.
func checksum(rows io.Reader) ([]byte, error) {
	hash := sha256.New()
	_, err := io.Copy(hash, rows)
	return hash.Sum(nil), err
}
