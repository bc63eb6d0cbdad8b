package search

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// segment is a batch that was finished: a file in the work folder, whole or absent. It is a header, the table of its files,
// their rows, and the CRC-32C of all that:
//
//	magic [16]byte, dims uint32, bytes of a number uint32, bytes of the table uint64
type segment struct {
	path      string
	rows, bad []Entry
	vectors   []byte
}

const (
	segmentMagic  = "glimpse batch 1\n"
	segmentHeader = len(segmentMagic) + 16
)

func (s segment) encode(dims int, dtype DType) []byte {
	out := append([]byte(nil), segmentMagic...)
	out = binary.LittleEndian.AppendUint32(out, uint32(dims))
	out = binary.LittleEndian.AppendUint32(out, uint32(dtype.Size()))
	table := appendTable(nil, s.rows, s.bad)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(table)))
	out = append(append(out, table...), s.vectors...)
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

// parseSegment reads a segment of rows of the given kind.
func parseSegment(data []byte, dims int, dtype DType) (s segment, err error) {
	if len(data) < segmentHeader+4 || string(data[:len(segmentMagic)]) != segmentMagic {
		return s, fmt.Errorf("expected a batch of an index, found %d bytes of something else", len(data))
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	if got := crc32.Checksum(body, castagnoli); got != sum {
		return s, fmt.Errorf("expected a batch with the checksum %08x, found %08x", sum, got)
	}
	head, rest := body[len(segmentMagic):segmentHeader], body[segmentHeader:]
	tableSize := binary.LittleEndian.Uint64(head[8:])
	if int(binary.LittleEndian.Uint32(head)) != dims || int(binary.LittleEndian.Uint32(head[4:])) != dtype.Size() || tableSize > uint64(len(rest)) {
		return s, fmt.Errorf("expected a batch of %d numbers of %d bytes a row, found another", dims, dtype.Size())
	}
	if s.rows, s.bad, err = parseTable(rest[:tableSize]); err != nil {
		return s, err
	}
	if s.vectors = rest[tableSize:]; len(s.vectors) != len(s.rows)*dims*dtype.Size() {
		return s, fmt.Errorf("expected the rows of %d files, found %d bytes", len(s.rows), len(s.vectors))
	}
	return s, nil
}

// addSegment writes a batch to disk and remembers what is in it.
func (u *update) addSegment(s segment) error {
	if len(s.rows)+len(s.bad) == 0 {
		return nil
	}
	number := 0
	if n := len(u.segments); n > 0 {
		fmt.Sscanf(filepath.Base(u.segments[n-1]), "batch-%d", &number)
	}
	s.path = filepath.Join(u.work, fmt.Sprintf("batch-%08d", number+1))
	if err := atomicfile.WriteFile(s.path, s.encode(u.enc.Dims, u.dtype)); err != nil {
		return fmt.Errorf("%w; the same command goes on here once there is room", err)
	}
	u.enter(s)
	return nil
}

// enter remembers what a batch on disk holds.
func (u *update) enter(s segment) {
	u.segments = append(u.segments, s.path)
	number := len(u.segments) - 1
	u.last = s
	for i, e := range s.rows {
		u.byPath[e.Path] = source{e, number, i}
		u.count(u.byPath[e.Path])
	}
	for _, e := range s.bad {
		u.byPath[e.Path] = source{e, number, -1}
		u.count(u.byPath[e.Path])
	}
}

// readSegments reads the batches that an earlier call has finished. A damaged one is said, and done again.
func (u *update) readSegments() error {
	names, err := filepath.Glob(filepath.Join(escapeGlob(u.work), "batch-*"))
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		s, err := u.readSegment(name)
		if err != nil {
			if u.opts.Messages != nil {
				fmt.Fprintf(u.opts.Messages, "index: %s: %v; it is done again\n", name, err)
			}
			if err := os.Remove(name); err != nil {
				return err
			}
			continue
		}
		u.enter(s)
		for _, e := range append(s.rows, s.bad...) {
			u.byHash[e.Hash] = u.byPath[e.Path]
		}
	}
	u.report = Report{} // plan counts them, as far as the files are still as they were
	return nil
}

func (u *update) readSegment(path string) (segment, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return segment{}, err
	}
	s, err := parseSegment(data, u.enc.Dims, u.dtype)
	s.path = path
	return s, err
}

// rowOf is the row of a file, as it is stored.
func (u *update) rowOf(s source) ([]byte, error) {
	if s.segment == inOld {
		return u.old.stored(s.row)
	}
	if path := u.segments[s.segment]; u.last.path != path { // mostly they are asked for in the order they were written
		var err error
		if u.last, err = u.readSegment(path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	size := u.enc.Dims * u.dtype.Size()
	return u.last.vectors[s.row*size : (s.row+1)*size], nil
}

// escapeGlob makes a path a pattern for itself.
func escapeGlob(path string) string {
	var out []byte
	for _, c := range []byte(path) {
		if c == '*' || c == '?' || c == '[' || c == '\\' {
			out = append(out, '\\')
		}
		out = append(out, c)
	}
	return string(out)
}
