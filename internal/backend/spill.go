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
//
// The file has a name only while ONNX Runtime reads it, where the system knows files without one (spill_linux.go): a graph that is given up leaves nothing
// behind. Where it cannot be made or written, constants stay in the model. A folder for temporary files that lies in memory holds the weights there
// as long as the graph is compiled.
type spill struct {
	file *os.File
	path string // that it has while the graph is compiled
	size int64
	err  error // the first one: from then on constants stay in the model
}

// spillFrom is the size in bytes from which a constant is kept outside the model.
const spillFrom = 64 << 10

// spillMuch is the size in bytes of the constants of a graph from which it is worth while to give memory back.
const spillMuch = 64 << 20

// spillPart is the size in bytes from which a constant is written in two halves at a time: a copy into the system's memory, by two cores.
const spillPart = 1 << 20

// markerMagic begins a marker; the numbers of no weight do.
var markerMagic = []byte("glimpse:constant\x00\xff\xfe\xfd")

// put writes a constant to the file and returns its marker, or the constant itself where that cannot be done.
func (s *spill) put(flat []float32) []float32 {
	if s.file == nil && s.err == nil {
		s.file, s.path, s.err = unnamedFile(os.TempDir())
	}
	if s.err == nil {
		s.err = writeAt(s.file, bytesOf(flat), s.size)
	}
	if s.err != nil {
		return flat
	}
	at := s.size
	s.size += int64(4 * len(flat))
	return marker(s.path, at, int64(4*len(flat)))
}

func writeAt(file *os.File, data []byte, at int64) error {
	if len(data) < spillPart {
		_, err := file.WriteAt(data, at)
		return err
	}
	var halves errgroup.Group
	for _, part := range [][2]int{{0, len(data) / 2}, {len(data) / 2, len(data)}} {
		halves.Go(func() error {
			_, err := file.WriteAt(data[part[0]:part[1]], at+int64(part[0]))
			return err
		})
	}
	return halves.Wait()
}

// compile calls f, which hands the model with the markers to ONNX Runtime, while the file has its name. Memory that nothing holds any more goes back to the
// system before ONNX Runtime takes as much.
func (s *spill) compile(f func() error) error {
	if s.file == nil {
		return f()
	}
	defer s.file.Close()
	if s.size == 0 { // nothing could be written
		return f()
	}
	if err := nameFile(s.file, s.path); err != nil {
		return fmt.Errorf("cannot hand %d MB of weights to ONNX Runtime: %w; set TMPDIR to another folder", s.size/1e6, err)
	}
	defer os.Remove(s.path)
	if s.size >= spillMuch {
		debug.FreeOSMemory()
	}
	return f()
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
