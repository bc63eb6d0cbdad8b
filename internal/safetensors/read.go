package safetensors

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
)

// Limits of what is read and written. The length of the header is the format's reference reader's; the others are well
// above every published model, so that a hostile header costs little memory.
const (
	MaxHeader  = 100_000_000 // bytes
	MaxTensors = 1 << 18     // in one file, or in all shards of one index
	MaxRank    = 64          // dimensions of one tensor
)

// File is the content of one safetensors file.
type File struct {
	Tensors  map[string]Tensor
	Metadata map[string]string // the header's __metadata__ entry; nil when there is none
}

// Names returns the names of the tensors, sorted.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.Tensors)) }

// Get returns a tensor by name.
func (f *File) Get(name string) (Tensor, bool) {
	t, ok := f.Tensors[name]
	return t, ok
}

// Float32s returns the elements of the F32 tensor called name, with its shape.
func (f *File) Float32s(name string) (values []float32, shape []int, err error) {
	t, ok := f.Tensors[name]
	if !ok {
		return nil, nil, f.missing(name)
	}
	values, err = t.Float32s()
	if err != nil {
		return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
	}
	return values, t.Shape, nil
}

// Int32s returns the elements of the I32 (or fitting I64) tensor called name, with its shape.
func (f *File) Int32s(name string) (values []int32, shape []int, err error) {
	t, ok := f.Tensors[name]
	if !ok {
		return nil, nil, f.missing(name)
	}
	values, err = t.Int32s()
	if err != nil {
		return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
	}
	return values, t.Shape, nil
}

func (f *File) missing(name string) error {
	names := f.Names()
	if len(names) > 12 {
		names = append(names[:12], "...")
	}
	return fmt.Errorf("expected a tensor called %q, found %d others: %q", name, len(f.Tensors), names)
}

// Load reads a whole file.
func Load(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the tensors of %s: %w", path, err)
	}
	f, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s is not a whole safetensors file: %w; fetch or make it again", path, err)
	}
	return f, nil
}

// Parse reads a file's bytes. The tensors share data with it.
func Parse(data []byte) (*File, error) {
	if len(data) < 8 {
		return nil, fmt.Errorf("expected at least 8 bytes, found %d", len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n > MaxHeader || n > uint64(len(data)-8) {
		return nil, fmt.Errorf("expected a header of at most %d bytes, found a length of %d", min(MaxHeader, len(data)-8), n)
	}
	entries, metadata, err := parseHeader(data[8 : 8+n])
	if err != nil {
		return nil, err
	}
	body := data[8+n:]
	if err := checkLayout(entries, int64(len(body))); err != nil {
		return nil, err
	}
	f := &File{Tensors: make(map[string]Tensor, len(entries)), Metadata: metadata}
	for _, e := range entries {
		f.Tensors[e.name] = Tensor{DType: e.dtype, Shape: e.shape, Data: body[e.from:e.to:e.to]}
	}
	return f, nil
}

// checkLayout tests that the tensors cover the body exactly: no gap, no overlap, nothing left over.
func checkLayout(entries []entry, size int64) error {
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	end := int64(0)
	for _, e := range sorted {
		if e.from != end {
			return fmt.Errorf("expected tensor %s to begin at byte %d, found data_offsets [%d %d] (a gap or an overlap)", shown(e.name), end, e.from, e.to)
		}
		end = e.to
	}
	if end != size {
		return fmt.Errorf("expected %d bytes of data, found %d (cut short, or more than the header says)", end, size)
	}
	return nil
}
