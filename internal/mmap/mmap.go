// Package mmap reads large files through the system's memory maps: pages come in as they are touched and can be given
// back. Where there are no maps the whole file is read instead.
package mmap

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
)

// File is a file whose bytes lie in memory. Data may be read, never written to, and not at all after Close.
type File struct {
	Data   []byte
	mapped bool
}

// Open maps the file of that name.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // a map outlives its descriptor
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		return nil, fmt.Errorf("expected a file at %s, found a folder", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("expected a file at %s, found a device or a pipe", path)
	case info.Size() > math.MaxInt:
		return nil, fmt.Errorf("expected a file that fits in this machine's addresses at %s, found %d bytes", path, info.Size())
	}
	if info.Size() == 0 {
		return &File{}, nil
	}
	if data, err := mapFile(f, int(info.Size())); err == nil {
		return &File{Data: data, mapped: true}, nil
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("expected %d bytes in %s, found: %w", len(data), path, err)
	}
	return &File{Data: data}, nil
}

// Close gives the memory back. Nothing that shares it may be read after.
func (f *File) Close() error {
	data, mapped := f.Data, f.mapped
	f.Data, f.mapped = nil, false
	if !mapped {
		return nil
	}
	return unmap(data)
}

// Release says that part, some bytes of Data, will not be read soon, so that its pages need not stay in memory. They
// come back from the file when they are read all the same.
func (f *File) Release(part []byte) {
	if f.mapped && len(part) > 0 {
		release(f.Data, part)
	}
}

// Guard runs read, which reads bytes of a map, and makes an error of what is otherwise the end of the program: a page
// that the system cannot bring, because the file was cut after it was mapped or its disk fails. The guard does not
// reach into goroutines that read starts.
func Guard(read func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(before)
	defer func() {
		switch r := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }: // what the runtime makes of a fault
			err = fmt.Errorf("expected the file to stay as it was opened, found bytes that cannot be read any more (%v): it was cut, or its disk fails", r)
		default:
			panic(r)
		}
	}()
	return read()
}
