package search

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
)

// Entry is a file that was indexed.
type Entry struct {
	Path    string   // below the folder of pictures, with slashes
	Size    int64    // bytes
	ModTime int64    // nanoseconds since 1970
	Hash    [32]byte // sha256 of the content
	Problem string   // why the file is no picture; empty for one that has a row
}

// valid says whether the path is one that a table may hold: below the folder of pictures, whatever that is.
func (e Entry) valid() bool {
	return len(e.Path) <= maxText && filepath.IsLocal(filepath.FromSlash(e.Path)) && !strings.ContainsRune(e.Path, 0)
}

// A table lists files: first the pictures in the order of their rows, then the bad files. It is a header, a record of fixed
// size for each file, and the texts that the records point to, all little-endian:
//
//	magic [16]byte, rows uint64, bad uint64
//	path offset uint64, path length uint32, problem length uint32 (the problem follows the path), size int64, time int64, hash [32]byte
const (
	tableMagic  = "glimpse files 1\n"
	tableHeader = len(tableMagic) + 16
	recordSize  = 8 + 4 + 4 + 8 + 8 + 32
	maxText     = 1 << 16
)

// appendTable encodes a table: entries with rows first.
func appendTable(out []byte, rows, bad []Entry) []byte {
	out = append(out, tableMagic...)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(rows)))
	out = binary.LittleEndian.AppendUint64(out, uint64(len(bad)))
	var texts []byte
	for _, list := range [][]Entry{rows, bad} {
		for _, e := range list {
			e.Problem = e.Problem[:min(len(e.Problem), maxText)]
			out = binary.LittleEndian.AppendUint64(out, uint64(len(texts)))
			out = binary.LittleEndian.AppendUint32(out, uint32(len(e.Path)))
			out = binary.LittleEndian.AppendUint32(out, uint32(len(e.Problem)))
			out = binary.LittleEndian.AppendUint64(out, uint64(e.Size))
			out = binary.LittleEndian.AppendUint64(out, uint64(e.ModTime))
			out = append(out, e.Hash[:]...)
			texts = append(append(texts, e.Path...), e.Problem...)
		}
	}
	return append(out, texts...)
}

// table reads a table, without holding it in memory.
type table struct {
	r         io.ReaderAt
	rows, bad int
	texts     int64 // where they begin
	size      int64
}

// newTable reads the header of a table of size bytes.
func newTable(r io.ReaderAt, size int64) (*table, error) {
	if size < int64(tableHeader) {
		return nil, damaged("the list of its files ends in the header, after %d bytes", size)
	}
	head := make([]byte, tableHeader)
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("cannot read the list of files: %w", err)
	}
	if string(head[:len(tableMagic)]) != tableMagic {
		return nil, damaged("the list of its files begins with %q", head[:len(tableMagic)])
	}
	rows, bad := binary.LittleEndian.Uint64(head[len(tableMagic):]), binary.LittleEndian.Uint64(head[len(tableMagic)+8:])
	room := uint64(size-int64(tableHeader)) / recordSize
	if rows > room || bad > room-rows {
		return nil, damaged("the list of its files has %d bytes, too few for %d rows and %d bad files", size, rows, bad)
	}
	return &table{r: r, rows: int(rows), bad: int(bad), texts: int64(tableHeader) + int64(rows+bad)*recordSize, size: size}, nil
}

// entry reads the entry of row i, or, from i = rows on, of a bad file.
func (t *table) entry(i int) (Entry, error) {
	if i < 0 || i >= t.rows+t.bad {
		return Entry{}, fmt.Errorf("expected a file below %d, found %d", t.rows+t.bad, i)
	}
	record := make([]byte, recordSize)
	if _, err := t.r.ReadAt(record, int64(tableHeader)+int64(i)*recordSize); err != nil && !errors.Is(err, io.EOF) {
		return Entry{}, fmt.Errorf("cannot read the list of files: %w", err)
	}
	from := binary.LittleEndian.Uint64(record)
	path, problem := binary.LittleEndian.Uint32(record[8:]), binary.LittleEndian.Uint32(record[12:])
	room := uint64(t.size - t.texts)
	if path == 0 || path > maxText || problem > maxText || from > room || uint64(path)+uint64(problem) > room-from {
		return Entry{}, damaged("the name of file %d lies at %d, %d and %d bytes long", i, from, path, problem)
	}
	text := make([]byte, path+problem)
	if _, err := t.r.ReadAt(text, t.texts+int64(from)); err != nil && !errors.Is(err, io.EOF) {
		return Entry{}, fmt.Errorf("cannot read the list of files: %w", err)
	}
	e := Entry{Path: string(text[:path]), Problem: string(text[path:]),
		Size: int64(binary.LittleEndian.Uint64(record[16:])), ModTime: int64(binary.LittleEndian.Uint64(record[24:]))}
	copy(e.Hash[:], record[32:])
	if !e.valid() || (e.Problem == "") != (i < t.rows) {
		return Entry{}, damaged("file %d is called %q, with the problem %q", i, e.Path, e.Problem)
	}
	return e, nil
}

// parseTable reads all entries of a table in memory.
func parseTable(data []byte) (rows, bad []Entry, err error) {
	if int64(len(data)) > math.MaxInt32*recordSize {
		return nil, nil, damaged("the list of its files has %d bytes", len(data))
	}
	t, err := newTable(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, nil, err
	}
	for i := range t.rows + t.bad {
		e, err := t.entry(i)
		if err != nil {
			return nil, nil, err
		}
		if i < t.rows {
			rows = append(rows, e)
		} else {
			bad = append(bad, e)
		}
	}
	return rows, bad, nil
}
