package backend

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"unsafe"

	"golang.org/x/sync/errgroup"
)

// spill is a file with the large constants of one graph, for ONNX Runtime, which maps the file, lays weights out as its kernels want them, and
// lets go of what it has laid out. compute-onnx v0.1.5 knows constants inside the model alone, and copies each four times on the way: into the key
// of a map, into the model, into its bytes, and into what ONNX Runtime reads of them (ViT-B/32's pictures: 1,937 MB at the most, and 854 with the
// weights as inputs, which are laid out anew at every call). So the graph gets a marker in the place of the numbers, and a function of ours
// that stands between compute-onnx and ONNX Runtime (session_onnx.go) makes of the marker what ONNX calls external data. It can go when
// compute-onnx has a way to keep constants outside the model.
type spill struct {
	file    *os.File
	size    int64
	none    bool // no file could be made: constants stay in the model
	writing errgroup.Group
}

// spillFrom is the size in bytes from which a constant is kept outside the model.
const spillFrom = 64 << 10

// spillMuch is the size in bytes of the constants of a graph from which it is worth while to give memory back.
const spillMuch = 64 << 20

// spillWriters is how many constants are written at a time, while the graph goes on being built.
const spillWriters = 2

// markerMagic begins a marker; the numbers of no weight do.
var markerMagic = []byte("glimpse:constant\x00\xff\xfe\xfd")

// put has a constant written to the file and returns its marker, or the constant itself where there can be no file. The numbers must not change
// before [spill.wait].
func (s *spill) put(flat []float32) []float32 {
	if s.file == nil && !s.none {
		var err error
		s.file, err = os.CreateTemp("", "glimpse-constants-*")
		s.none = err != nil
		s.writing.SetLimit(spillWriters)
	}
	if s.none {
		return flat
	}
	data, at := bytesOf(flat), s.size
	s.size += int64(len(data))
	s.writing.Go(func() error {
		_, err := s.file.WriteAt(data, at)
		return err
	})
	return marker(s.file.Name(), at, int64(len(data)))
}

// wait returns when all is written, and gives memory that nothing holds any more back to the system before ONNX Runtime takes as much.
func (s *spill) wait() error {
	if err := s.writing.Wait(); err != nil {
		return fmt.Errorf("expected room for %d MB of weights beside the compiled model for a moment: %w; make room there, or set TMPDIR to another folder", s.size/1e6, err)
	}
	if s.size >= spillMuch {
		debug.FreeOSMemory()
	}
	return nil
}

// close removes the file: ONNX Runtime has what it needs of it.
func (s *spill) close() {
	if s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name())
	}
}

// bytesOf are the bytes of numbers as they lie in memory, not copied.
func bytesOf(numbers []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(numbers))), 4*len(numbers))
}

// marker is what stands in a model for size bytes of a file, as numbers.
func marker(path string, offset, size int64) []float32 {
	data := bytes.Clone(markerMagic)
	data = binary.LittleEndian.AppendUint64(data, uint64(offset))
	data = binary.LittleEndian.AppendUint64(data, uint64(size))
	data = append(data, path...)
	for len(data)%4 != 0 {
		data = append(data, 0)
	}
	numbers := make([]float32, len(data)/4)
	for i := range numbers {
		numbers[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return numbers
}

// readMarker is the inverse of marker; ok is false for what is none.
func readMarker(data []byte) (path string, offset, size int64, ok bool) {
	rest, ok := bytes.CutPrefix(data, markerMagic)
	if !ok || len(rest) < 16 {
		return "", 0, 0, false
	}
	offset, size = int64(binary.LittleEndian.Uint64(rest)), int64(binary.LittleEndian.Uint64(rest[8:]))
	return string(bytes.TrimRight(rest[16:], "\x00")), offset, size, true
}
