package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
)

// MaxHeader is the longest header that is read: 100 MB, the limit of the format's reference reader.
const MaxHeader = 100_000_000

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
		f.Tensors[e.name] = Tensor{DType: e.DType, Shape: e.shape, Data: body[e.Offsets[0]:e.Offsets[1]:e.Offsets[1]]}
	}
	return f, nil
}

// entry is one tensor of the header.
type entry struct {
	name    string
	shape   []int
	DType   DType    `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// parseHeader reads the JSON object by its tokens, so that a name that occurs twice is seen.
func parseHeader(header []byte) (entries []entry, metadata map[string]string, err error) {
	dec := json.NewDecoder(bytes.NewReader(header))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, nil, errors.New("expected a JSON object as header, found something else")
	}
	seen := map[string]bool{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, nil, fmt.Errorf("broken JSON in the header: %w", err)
		}
		name, ok := tok.(string)
		if !ok || seen[name] {
			return nil, nil, fmt.Errorf("expected every name once in the header, found %q again", name)
		}
		seen[name] = true
		if name == "__metadata__" {
			if err := dec.Decode(&metadata); err != nil {
				return nil, nil, fmt.Errorf("broken __metadata__ in the header: %w", err)
			}
			continue
		}
		e := entry{name: name}
		strict := struct {
			DType   *DType  `json:"dtype"`
			Shape   []int64 `json:"shape"`
			Offsets []int64 `json:"data_offsets"`
		}{}
		if err := dec.Decode(&strict); err != nil {
			return nil, nil, fmt.Errorf("broken entry for tensor %q in the header: %w", name, err)
		}
		if strict.DType == nil || strict.Shape == nil || len(strict.Offsets) != 2 {
			return nil, nil, fmt.Errorf("expected dtype, shape and two data_offsets for tensor %q, found others", name)
		}
		e.DType, e.Shape, e.Offsets = *strict.DType, strict.Shape, [2]int64(strict.Offsets)
		if err := e.check(); err != nil {
			return nil, nil, err
		}
		entries = append(entries, e)
	}
	if _, err := dec.Token(); err != nil {
		return nil, nil, fmt.Errorf("broken JSON in the header: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, nil, errors.New("expected nothing but blanks after the header's JSON object, found more")
	}
	return entries, metadata, nil
}

// check tests one entry by itself: known type, shape without overflow, as many bytes as the shape says.
func (e *entry) check() error {
	size := int64(e.DType.Size())
	if size == 0 {
		return fmt.Errorf("expected a known dtype for tensor %q, found %q", e.name, e.DType)
	}
	bytes := size
	e.shape = make([]int, len(e.Shape))
	for i, d := range e.Shape {
		if d < 0 || d > math.MaxInt32 || (d > 0 && bytes > math.MaxInt64/d) {
			return fmt.Errorf("expected a shape that fits in memory for tensor %q, found %v", e.name, e.Shape)
		}
		bytes *= d
		e.shape[i] = int(d)
	}
	if from, to := e.Offsets[0], e.Offsets[1]; from < 0 || to < from || to-from != bytes {
		return fmt.Errorf("expected %d bytes for tensor %q of shape %v, found data_offsets %v", bytes, e.name, e.Shape, e.Offsets)
	}
	return nil
}

// checkLayout tests that the tensors cover the body exactly: no gap, no overlap, nothing left over.
func checkLayout(entries []entry, size int64) error {
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b entry) int {
		if a.Offsets[0] != b.Offsets[0] {
			return int(min(max(a.Offsets[0]-b.Offsets[0], -1), 1))
		}
		return int(min(max(a.Offsets[1]-b.Offsets[1], -1), 1))
	})
	end := int64(0)
	for _, e := range sorted {
		if e.Offsets[0] != end {
			return fmt.Errorf("expected tensor %q to begin at byte %d, found data_offsets %v (a gap or an overlap)", e.name, end, e.Offsets)
		}
		end = e.Offsets[1]
	}
	if end != size {
		return fmt.Errorf("expected %d bytes of data, found %d (cut short, or more than the header says)", end, size)
	}
	return nil
}
