package torchfile

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/mmap"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// File is an archive that is open for reading. The Data of its tensors are views of the mapped file where their elements
// lie in order, as they do in published weights: they may not be written to and end with Close.
type File struct {
	safetensors.File
	Script bool // a TorchScript archive; names are then the attributes' paths, as state_dict() gives them
	mapped *mmap.File
}

// Open reads the archive's pickle and checks its tensors, bounds and checksums.
func Open(path string) (*File, error) {
	mapped, err := mmap.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the weights of %s: %w", path, err)
	}
	var f *File
	err = mmap.Guard(func() (err error) {
		f, err = parse(mapped.Data, mapped.Release)
		return err
	})
	if errors.Is(err, errLegacy) {
		err = fmt.Errorf("%w; convert it where PyTorch is installed, if you trust the file: "+
			"python3 -c 'import sys, torch; torch.save(torch.load(sys.argv[1], map_location=\"cpu\"), sys.argv[2])' %s NEW.pt", err, path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s cannot be read as a PyTorch archive: %w", path, err), mapped.Close())
	}
	f.mapped = mapped
	return f, nil
}

// Release says that the data of a tensor of this file will not be read soon, so that they need not stay in memory.
func (f *File) Release(t safetensors.Tensor) {
	if f.mapped != nil {
		f.mapped.Release(t.Data)
	}
}

// Close ends the views. No tensor of the file may be read after.
func (f *File) Close() error {
	f.Tensors = nil
	if f.mapped == nil {
		return nil
	}
	return f.mapped.Close()
}

// errLegacy is wrapped by the refusal of what PyTorch wrote before version 1.6, and still writes when asked to.
var errLegacy = errors.New("expected PyTorch's zip archive (version 1.6 and later), found its older format, which is a sequence of pickles")

// legacyMagic begins the first of these pickles: the number 0x1950a86a20f9469cfc6c.
var legacyMagic = []byte("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.")

// Parse reads an archive's bytes. The tensors share data with it.
func Parse(data []byte) (*File, error) { return parse(data, func([]byte) {}) }

// parse calls release on what it has read and will not read again.
func parse(data []byte, release func([]byte)) (*File, error) {
	if bytes.Contains(data[:min(len(data), 32)], legacyMagic) {
		return nil, errLegacy
	}
	a, err := readArchive(data, release)
	if err != nil {
		return nil, err
	}
	code, err := a.text("data.pkl", maxPickle)
	if err != nil {
		return nil, err
	}
	m := &machine{code: code, persistent: storageOf}
	root, err := m.run()
	if err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	tensors, err := flatten(root, len(code))
	if err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	f := &File{File: safetensors.File{Tensors: make(map[string]safetensors.Tensor, len(tensors))}}
	_, f.Script = a.entries["constants.pkl"]
	copied := int64(0)
	for name, t := range tensors {
		stored, err := a.storage(t.storage)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		shape := make([]int, len(t.shape))
		n := int64(t.storage.dtype.Size())
		for i, d := range t.shape {
			shape[i] = int(d)
			n *= d
		}
		if !t.contiguous() {
			if copied += n; copied > int64(len(data)) {
				return nil, fmt.Errorf("tensor %q: expected tensors whose elements lie in order, or some that do not, found more of these than the file has bytes", name)
			}
		}
		f.Tensors[name] = safetensors.Tensor{DType: t.storage.dtype, Shape: shape, Data: t.bytes(stored)}
	}
	return f, nil
}

// archive is the zip file taken apart.
type archive struct {
	data    []byte
	entries map[string]*zip.File // without the name of the archive's folder
	checked map[string][]byte    // storages by key
	release func([]byte)
}

// readArchive finds the entries below the one folder that every such archive has.
func readArchive(data []byte, release func([]byte)) (*archive, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("expected a zip archive, found: %w; a file that was cut is fetched again", err)
	}
	a := &archive{data: data, entries: make(map[string]*zip.File, len(z.File)), checked: map[string][]byte{}, release: release}
	i := slices.IndexFunc(z.File, func(f *zip.File) bool {
		folder, name, ok := strings.Cut(f.Name, "/")
		return ok && folder != "" && name == "data.pkl"
	})
	if i < 0 {
		return nil, errors.New("expected an archive that PyTorch wrote, with a file NAME/data.pkl, found none")
	}
	folder := strings.TrimSuffix(z.File[i].Name, "data.pkl")
	for _, f := range z.File {
		name, ok := strings.CutPrefix(f.Name, folder)
		if !ok {
			return nil, fmt.Errorf("expected every file in the archive below %.100q, found %.100q", folder, f.Name)
		}
		if _, twice := a.entries[name]; twice {
			return nil, fmt.Errorf("expected every file in the archive once, found %.100q again", name)
		}
		a.entries[name] = f
	}
	if _, ok := a.entries["byteorder"]; ok {
		if order, err := a.text("byteorder", 16); err != nil || string(order) != "little" {
			return nil, fmt.Errorf("expected little-endian numbers, found the byte order %q (%v); save the file again on a little-endian machine", order, err)
		}
	}
	return a, nil
}

// text reads a small entry, packed or not.
func (a *archive) text(name string, most int64) ([]byte, error) {
	f, ok := a.entries[name]
	if !ok {
		return nil, fmt.Errorf("expected the file %s in the archive, found none", name)
	}
	if f.UncompressedSize64 > uint64(most) {
		return nil, fmt.Errorf("expected %s to have at most %d bytes, found %d", name, most, f.UncompressedSize64)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%s in the archive cannot be read: %w", name, err)
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, fmt.Errorf("%s in the archive cannot be read: %w", name, err)
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("expected %s to have at most %d bytes, found more; it may be a bomb", name, most)
	}
	return text, nil
}

// storage gives the bytes of an entry data/KEY, which PyTorch never packs.
func (a *archive) storage(s storage) ([]byte, error) {
	want := uint64(s.len) * uint64(s.dtype.Size())
	if bytes, ok := a.checked[s.record]; ok {
		if uint64(len(bytes)) != want {
			return nil, fmt.Errorf("expected %d numbers of type %s in data/%s, found %d bytes", s.len, s.dtype, s.record, len(bytes))
		}
		return bytes, nil
	}
	f, ok := a.entries["data/"+s.record]
	switch {
	case !ok:
		return nil, fmt.Errorf("expected the file data/%s in the archive, found none", s.record)
	case f.Method != zip.Store || f.Flags&1 != 0:
		return nil, fmt.Errorf("expected data/%s as it is, as PyTorch stores it, found it packed or encrypted; save the file with PyTorch again", s.record)
	case f.UncompressedSize64 != want || f.CompressedSize64 != want:
		return nil, fmt.Errorf("expected %d numbers of type %s in data/%s, found %d bytes", s.len, s.dtype, s.record, f.UncompressedSize64)
	}
	offset, err := f.DataOffset()
	if err != nil {
		return nil, fmt.Errorf("data/%s in the archive cannot be read: %w", s.record, err)
	}
	if offset < 0 || uint64(offset) > uint64(len(a.data)) || want > uint64(len(a.data))-uint64(offset) {
		return nil, fmt.Errorf("expected data/%s within the archive, found it beyond the end: the file is cut", s.record)
	}
	bytes := a.data[offset : uint64(offset)+want : uint64(offset)+want]
	if sum := a.checksum(bytes); sum != f.CRC32 {
		return nil, fmt.Errorf("expected data/%s with the checksum %08x, found %08x: the file has changed since it was written; fetch it again", s.record, f.CRC32, sum)
	}
	a.checked[s.record] = bytes
	return bytes, nil
}

// checksum reads a storage from end to end, with little of it in memory at a time.
func (a *archive) checksum(bytes []byte) (sum uint32) {
	for part := range slices.Chunk(bytes, 4<<20) {
		sum = crc32.Update(sum, crc32.IEEETable, part)
		a.release(part)
	}
	return sum
}
