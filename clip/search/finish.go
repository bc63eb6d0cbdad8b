package search

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// finish writes the new state of the index and gives it its name.
func (u *update) finish(ctx context.Context, files []file) error {
	var rows []source
	var entries, bad []Entry
	for _, f := range files {
		switch s, ok := u.byPath[f.path]; {
		case !ok: // it went away, or cannot be read at the moment
		case s.Problem != "":
			bad = append(bad, s.Entry)
		default:
			rows, entries = append(rows, s), append(entries, s.Entry)
		}
	}
	u.report.Rows = len(rows)
	if len(rows) == 0 {
		os.RemoveAll(u.work)
		return fmt.Errorf("none of the %d files below %s could be read as a picture; the first is %s", len(files), u.pictures, u.firstBad(bad))
	}
	meta := Meta{Generation: 1, Model: u.enc.Folder, Identity: u.enc.Identity, Pictures: u.pictures,
		Dims: u.enc.Dims, DType: u.dtype, Rows: len(rows), Bad: len(bad)}
	target := filepath.Join(u.work, "whole")
	if u.old != nil {
		meta.Generation, target = u.old.Meta.Generation+1, u.dir
	} else if err := errors.Join(os.RemoveAll(target), os.Mkdir(target, 0o755)); err != nil {
		return fmt.Errorf("cannot make the index %s: %w", u.dir, err)
	}
	if err := writeIndex(ctx, target, &meta, entries, bad, func(i int) ([]byte, error) { return u.rowOf(rows[i]) }); err != nil {
		return fmt.Errorf("%w; the same command goes on here", err)
	}
	if u.old == nil {
		os.Remove(u.dir) // an empty folder, if there is one
		if err := os.Rename(target, u.dir); err != nil {
			return fmt.Errorf("cannot give the index its name %s: %w", u.dir, err)
		}
	}
	removeOthers(u.dir, meta)
	if err := os.RemoveAll(u.work); err != nil {
		return fmt.Errorf("the index %s is complete, but what it was made of cannot be removed: %w", u.dir, err)
	}
	return nil
}

func (u *update) firstBad(bad []Entry) string {
	bad = append(bad, u.report.Bad...)
	if len(bad) == 0 {
		return "gone"
	}
	return bad[0].Path + ": " + bad[0].Problem
}

// removeOthers deletes the files of earlier states of the index, and what a process that was killed has left of one.
func removeOthers(dir string, meta Meta) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return // they only take room
	}
	for _, entry := range names {
		name := strings.TrimPrefix(entry.Name(), ".")
		ours := strings.HasPrefix(name, "vectors-") || strings.HasPrefix(name, "files-") || strings.HasPrefix(name, MetaFile+".")
		if ours && entry.Name() != meta.Vectors.File && entry.Name() != meta.Files.File {
			os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}

// writePart writes a file of an index, whole or not at all, and returns its checksums.
func writePart(dir, name string, fill func(w io.Writer) error) (part, error) {
	sums := &chunkSums{part: part{File: name, Chunks: []string{}}, hash: crc32.New(castagnoli)}
	err := atomicfile.Write(filepath.Join(dir, name), func(w io.Writer) error {
		buffered := bufio.NewWriterSize(io.MultiWriter(w, sums), 1<<20)
		if err := fill(buffered); err != nil {
			return err
		}
		return buffered.Flush()
	})
	return sums.done(), err
}

// chunkSums computes the checksum of every chunk of what is written to it.
type chunkSums struct {
	part part
	hash hash.Hash32
	in   int // bytes of the chunk so far
}

func (c *chunkSums) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		some := p[:min(len(p), chunkSize-c.in)]
		c.hash.Write(some)
		c.in += len(some)
		p = p[len(some):]
		if c.in == chunkSize {
			c.end()
		}
	}
	c.part.Bytes += int64(n)
	return n, nil
}

func (c *chunkSums) end() {
	c.part.Chunks = append(c.part.Chunks, fmt.Sprintf("%08x", c.hash.Sum32()))
	c.hash.Reset()
	c.in = 0
}

func (c *chunkSums) done() part {
	if c.in > 0 {
		c.end()
	}
	return c.part
}
