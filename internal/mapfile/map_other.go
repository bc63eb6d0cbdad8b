//go:build !unix

// Package mapfile maps files into memory to be read.
package mapfile

import (
	"io"
	"os"
)

// Map reads the first size bytes of a file where files cannot be mapped.
func Map(file *os.File, size int) (data []byte, unmap func() error, err error) {
	data = make([]byte, size)
	_, err = io.ReadFull(io.NewSectionReader(file, 0, int64(size)), data)
	return data, func() error { return nil }, err
}
