//go:build !unix

package features

import (
	"io"
	"os"
)

// mapFile reads the whole file where it cannot be mapped.
func mapFile(file *os.File, size int) (data []byte, unmap func() error, err error) {
	data = make([]byte, size)
	_, err = io.ReadFull(file, data)
	return data, nil, err
}
