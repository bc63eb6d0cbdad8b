package safetensors

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/mmap"
)

// Write writes the tensors to path, whole or not at all. Wide types come first, then names in order, so that every
// tensor is aligned and the same tensors give the same bytes.
func Write(path string, tensors map[string]Tensor, metadata map[string]string) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		buffered := bufio.NewWriterSize(w, 1<<20)
		if err := Encode(buffered, tensors, metadata); err != nil {
			return err
		}
		return buffered.Flush()
	})
}

// Encode writes the tensors in the safetensors format. What the reader would refuse is not written.
func Encode(w io.Writer, tensors map[string]Tensor, metadata map[string]string) error {
	return mmap.Guard(func() error { return encode(w, tensors, metadata) }) // the tensors may be views
}

func encode(w io.Writer, tensors map[string]Tensor, metadata map[string]string) error {
	names := slices.SortedFunc(maps.Keys(tensors), func(a, b string) int {
		if d := tensors[b].DType.Size() - tensors[a].DType.Size(); d != 0 {
			return d
		}
		return bytes.Compare([]byte(a), []byte(b))
	})
	header, err := encodeHeader(names, tensors, metadata)
	if err != nil {
		return err
	}
	if len(header) > MaxHeader || len(tensors) > MaxTensors || len(metadata) > MaxTensors {
		return fmt.Errorf("%d tensors and %d values of metadata cannot be written: expected at most %d of each and a header of %d bytes, found %d bytes",
			len(tensors), len(metadata), MaxTensors, MaxHeader, len(header))
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(len(header))); err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, name := range names {
		if _, err := w.Write(tensors[name].Data); err != nil {
			return err
		}
	}
	return nil
}

func encodeHeader(names []string, tensors map[string]Tensor, metadata map[string]string) ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteByte('{')
	if len(metadata) > 0 {
		for key, value := range metadata {
			if !utf8.ValidString(key) || !utf8.ValidString(value) {
				return nil, fmt.Errorf("metadata %s: expected text in UTF-8, found %s", shown(key), shown(value))
			}
		}
		text, err := json.Marshal(metadata)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&buf, `"__metadata__":%s`, text)
	}
	offset := 0
	for _, name := range names {
		t := tensors[name]
		size, ok := sizeOf(t.DType, t.Shape)
		if name == "__metadata__" || !utf8.ValidString(name) || t.DType.Size() == 0 || !ok || size != int64(len(t.Data)) {
			return nil, fmt.Errorf("tensor %q cannot be written: type %s, shape %v, %d bytes", name, t.DType, t.Shape, len(t.Data))
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		shape, err := json.Marshal(append([]int{}, t.Shape...))
		if err != nil {
			return nil, err
		}
		if buf.Len() > 1 {
			buf.WriteByte(',')
		}
		fmt.Fprintf(&buf, `%s:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, key, t.DType, shape, offset, offset+len(t.Data))
		offset += len(t.Data)
	}
	buf.WriteByte('}')
	for buf.Len()%8 != 0 {
		buf.WriteByte(' ')
	}
	return buf.Bytes(), nil
}
