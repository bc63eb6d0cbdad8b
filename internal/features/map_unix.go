//go:build unix

package features

import (
	"os"
	"syscall"
)

// mapFile lets the system page a file in as it is read, and out when memory is short.
func mapFile(file *os.File, size int) (data []byte, unmap func() error, err error) {
	data, err = syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, os.NewSyscallError("mmap", err)
	}
	return data, func() error { return syscall.Munmap(data) }, nil
}
