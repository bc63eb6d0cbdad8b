package safetensors

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// entry is one tensor of the header; its data are the bytes [from, to) of the body.
type entry struct {
	name     string
	dtype    DType
	shape    []int
	from, to int64
}

// parseHeader reads the header's JSON. It is stricter than JSON readers are, so that no two readers see two different
// files: a name may occur once however it is spelled, in an entry too; the three fields of an entry are spelled as the
// format spells them, and there are no others; text is UTF-8 and numbers are whole.
func parseHeader(header []byte) (entries []entry, metadata map[string]string, err error) {
	if len(header) == 0 || header[0] != '{' {
		return nil, nil, errors.New("expected a JSON object as header, found something else")
	}
	s := &scanner{text: header}
	seen := map[string]bool{}
	err = s.object(func(name string) error {
		switch {
		case seen[name]:
			return fmt.Errorf("expected every name once in the header, found %s again", shown(name))
		case len(seen) > MaxTensors:
			return fmt.Errorf("expected at most %d tensors, found more", MaxTensors)
		}
		seen[name] = true
		if name == "__metadata__" {
			metadata, err = s.metadata()
			return err
		}
		e := entry{name: name}
		if err := e.read(s); err != nil {
			return fmt.Errorf("broken entry for tensor %s in the header: %w", shown(name), err)
		}
		entries = append(entries, e)
		return e.check()
	})
	if err != nil {
		return nil, nil, err
	}
	if s.blanks(); s.at < len(s.text) {
		return nil, nil, errors.New("expected nothing but blanks after the header's JSON object, found more")
	}
	return entries, metadata, nil
}

func (s *scanner) metadata() (map[string]string, error) {
	values := map[string]string{}
	err := s.object(func(key string) error {
		if _, twice := values[key]; twice {
			return fmt.Errorf("found %s again", shown(key))
		}
		if len(values) >= MaxTensors {
			return fmt.Errorf("found more than %d values", MaxTensors)
		}
		value, err := s.string()
		values[key] = value
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("broken __metadata__ in the header, expected one text for each name: %w", err)
	}
	return values, nil
}

// read takes up {"dtype": ..., "shape": [...], "data_offsets": [from, to]}, in any order.
func (e *entry) read(s *scanner) error {
	var offsets []int64
	var seen []string // at most three: a map would cost more than the rest of the entry
	err := s.object(func(field string) (err error) {
		if slices.Contains(seen, field) {
			return fmt.Errorf("expected every field once, found %s again", shown(field))
		}
		seen = append(seen, field)
		switch field {
		case "dtype":
			var text string
			text, err = s.string()
			e.dtype = DType(text)
		case "shape":
			var dims []int64
			if dims, err = s.integers(MaxRank); err != nil {
				return fmt.Errorf("shape: %w", err)
			}
			e.shape = make([]int, len(dims))
			for i, d := range dims {
				if d > math.MaxInt32 {
					return fmt.Errorf("expected a shape that fits in memory, found %v", dims)
				}
				e.shape[i] = int(d)
			}
		case "data_offsets":
			offsets, err = s.integers(2)
		default:
			err = fmt.Errorf("expected the fields dtype, shape and data_offsets, found %s", shown(field))
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(seen) != 3 || len(offsets) != 2 {
		return errors.New("expected dtype, shape and two data_offsets, found fewer")
	}
	e.from, e.to = offsets[0], offsets[1]
	return nil
}

// check tests one entry by itself: known type, shape without overflow, as many bytes as the shape says.
func (e *entry) check() error {
	if e.dtype.Size() == 0 {
		return fmt.Errorf("expected a known dtype for tensor %s, found %s", shown(e.name), shown(string(e.dtype)))
	}
	bytes, ok := sizeOf(e.dtype, e.shape)
	if !ok {
		return fmt.Errorf("expected a shape that fits in memory for tensor %s, found %v", shown(e.name), e.shape)
	}
	if e.to < e.from || e.to-e.from != bytes {
		return fmt.Errorf("expected %d bytes for tensor %s of shape %v, found data_offsets [%d %d]", bytes, shown(e.name), e.shape, e.from, e.to)
	}
	return nil
}

// sizeOf is the number of bytes of a tensor; ok is false when a dimension is negative, there are too many of them, or the
// number is too large.
func sizeOf(dtype DType, shape []int) (bytes int64, ok bool) {
	if len(shape) > MaxRank || slices.ContainsFunc(shape, func(d int) bool { return d < 0 || d > math.MaxInt32 }) {
		return 0, false
	}
	if slices.Contains(shape, 0) {
		return 0, true
	}
	bytes = int64(dtype.Size())
	for _, d := range shape {
		if bytes > math.MaxInt64/int64(d) {
			return 0, false
		}
		bytes *= int64(d)
	}
	return bytes, bytes <= math.MaxInt
}

// shown quotes a name from a file for an error, shortened when it is long.
func shown(name string) string {
	if len(name) > 200 {
		return strconv.Quote(name[:200]) + "..."
	}
	return strconv.Quote(name)
}
