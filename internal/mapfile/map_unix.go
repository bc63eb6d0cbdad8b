//go:build unix

// Package mapfile maps files into memory to be read.
package mapfile

import (
	"os"
	"syscall"
)

// Map lets the system page in the first size bytes of a file as they are read, and out when memory is short. The file may
// be closed afterwards. A file that is cut while it is mapped ends the process when what is gone is read.
func Map(file *os.File, size int) (data []byte, unmap func() error, err error) {
	if size == 0 {
		return nil, func() error { return nil }, nil // the system refuses to map nothing
	}
	data, err = syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, os.NewSyscallError("mmap", err)
	}
	return data, func() error { return syscall.Munmap(data) }, nil
}
