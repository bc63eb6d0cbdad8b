package search

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/glimpse-ml/glimpse/internal/mmap"
)

// Index is an open index. It may be used from several goroutines. It stays as it was when it was opened, also while another
// process brings the folder up to date.
type Index struct {
	Meta Meta

	dir    string
	data   []byte // [rows][dims] of DType, mapped
	mapped *mmap.File
	files  *os.File
	table  *table
	kernel kernel
}

// Open opens the index in the folder dir and checks every byte of it.
func Open(dir string) (*Index, error) {
	for attempt := 0; ; attempt++ {
		meta, err := readMeta(dir)
		if err != nil {
			return nil, err
		}
		x, err := open(dir, meta)
		if errors.Is(err, fs.ErrNotExist) && attempt < 5 {
			if now, nowErr := readMeta(dir); nowErr == nil && now.Generation != meta.Generation {
				continue // it was brought up to date between the two looks
			}
		}
		return x, err
	}
}

func open(dir string, meta Meta) (x *Index, err error) {
	x = &Index{Meta: meta, dir: dir}
	defer func() {
		if err != nil {
			x.Close()
			x = nil
		}
	}()
	if x.files, err = x.openPart(meta.Files); err != nil {
		return x, err
	}
	if err := verify(x.files, meta.Files); err != nil {
		return x, err
	}
	if x.table, err = newTable(x.files, meta.Files.Bytes); err != nil {
		return x, err
	}
	if x.table.rows != meta.Rows || x.table.bad != meta.Bad {
		return x, damaged("%s lists %d pictures and %d bad files, %s says %d and %d", meta.Files.File, x.table.rows, x.table.bad, MetaFile, meta.Rows, meta.Bad)
	}
	path := filepath.Join(dir, meta.Vectors.File)
	if x.mapped, err = mmap.Open(path); err != nil {
		return x, fmt.Errorf("cannot open a file of the index: %w", err)
	}
	if x.data = x.mapped.Data; int64(len(x.data)) != meta.Vectors.Bytes {
		return x, wrongSize(path, int64(len(x.data)), meta.Vectors)
	}
	if err := verifyMapped(x.data, meta.Vectors, path); err != nil {
		return x, err
	}
	all := kernels(meta.DType)
	x.kernel = all[len(all)-1]
	return x, nil
}

// openPart opens a file of the index and checks its size.
func (x *Index) openPart(p part) (*os.File, error) {
	path := filepath.Join(x.dir, p.File)
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open a file of the index: %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.Size() != p.Bytes {
		err = wrongSize(path, info.Size(), p)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func wrongSize(path string, size int64, p part) error {
	return fmt.Errorf("%s: %w", path, damaged("it has %d bytes and not %d", size, p.Bytes))
}

// verify reads a file and compares its checksums.
func verify(file *os.File, p part) error {
	for i, want := range p.Chunks {
		hash := crc32.New(castagnoli)
		if _, err := io.Copy(hash, io.NewSectionReader(file, int64(i)*chunkSize, chunkSize)); err != nil {
			return fmt.Errorf("cannot read a file of the index: %w", err)
		}
		if got := fmt.Sprintf("%08x", hash.Sum32()); got != want {
			return badChunk(file.Name(), i, got, want)
		}
	}
	return nil
}

// verifyMapped is [verify] for a file in memory, on all cores.
func verifyMapped(data []byte, p part, name string) error {
	var next atomic.Int64
	errs := make([]error, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for worker := range errs {
		wg.Go(func() {
			errs[worker] = mmap.Guard(func() error {
				for i := int(next.Add(1)) - 1; i < len(p.Chunks); i = int(next.Add(1)) - 1 {
					if got := checksum(data[i*chunkSize : min((i+1)*chunkSize, len(data))]); got != p.Chunks[i] {
						return badChunk(name, i, got, p.Chunks[i])
					}
				}
				return nil
			})
		})
	}
	wg.Wait()
	return cmp.Or(errs...)
}

func badChunk(name string, i int, got, want string) error {
	return fmt.Errorf("%s: %w", name, damaged("the checksum of the bytes from %d on is %s and not %s", i*chunkSize, got, want))
}

// Len is the number of pictures.
func (x *Index) Len() int { return x.Meta.Rows }

// Entry is the picture of row i.
func (x *Index) Entry(i int) (Entry, error) {
	if i >= x.Meta.Rows {
		return Entry{}, fmt.Errorf("expected a row below %d, found %d", x.Meta.Rows, i)
	}
	e, err := x.table.entry(i)
	if err != nil {
		return Entry{}, fmt.Errorf("%s: %w", filepath.Join(x.dir, x.Meta.Files.File), err)
	}
	return e, nil
}

// Bad is the i-th of Meta.Bad files that could not be read as pictures.
func (x *Index) Bad(i int) (Entry, error) { return x.table.entry(x.Meta.Rows + i) }

// File is the path of a picture, below the folder that was indexed.
func (x *Index) File(e Entry) string {
	return filepath.Join(x.Meta.Pictures, filepath.FromSlash(e.Path))
}

// Row is a copy of row i, in float32.
func (x *Index) Row(i int) ([]float32, error) {
	stored, err := x.stored(i)
	if err != nil {
		return nil, err
	}
	row := make([]float32, x.Meta.Dims)
	decode(row, stored, x.Meta.DType)
	return row, nil
}

// stored is a copy of row i as it is stored.
func (x *Index) stored(i int) (row []byte, err error) {
	if i < 0 || i >= x.Meta.Rows {
		return nil, fmt.Errorf("expected a row below %d, found %d", x.Meta.Rows, i)
	}
	err = mmap.Guard(func() error {
		row = bytes.Clone(x.bytes(i))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(x.dir, x.Meta.Vectors.File), err)
	}
	return row, nil
}

// bytes is row i in the map: to be read under [mmap.Guard].
func (x *Index) bytes(i int) []byte {
	size := x.Meta.Dims * x.Meta.DType.Size()
	return x.data[i*size : (i+1)*size : (i+1)*size]
}

// Close gives memory and files back.
func (x *Index) Close() error {
	var errs []error
	if x.files != nil {
		errs = append(errs, x.files.Close())
	}
	if x.mapped != nil {
		errs = append(errs, x.mapped.Close())
	}
	x.files, x.mapped, x.data = nil, nil, nil
	return errors.Join(errs...)
}
