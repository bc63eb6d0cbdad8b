//go:build linux || darwin || freebsd || netbsd || openbsd

package mmap

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

func mapFile(f *os.File, size int) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
}

func unmap(data []byte) error { return os.NewSyscallError("munmap", unix.Munmap(data)) }

// release works on whole pages: those that part shares with its neighbours go too and come back when they are read.
func release(data, part []byte) {
	offset := int(uintptr(unsafe.Pointer(unsafe.SliceData(part))) - uintptr(unsafe.Pointer(unsafe.SliceData(data))))
	if offset < 0 || offset+len(part) > len(data) {
		return // no part of data
	}
	from := offset - offset%os.Getpagesize()
	_ = unix.Madvise(data[from:offset+len(part)], unix.MADV_DONTNEED) // advice: the bytes are the same without
}
