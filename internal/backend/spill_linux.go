package backend

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// unnamedFile makes a file in a folder that is gone when it is closed, unless [nameFile] has given it the name path. Where the file system knows no such
// files it has that name from the beginning.
func unnamedFile(dir string) (file *os.File, path string, err error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		file, err = os.CreateTemp(dir, "glimpse-constants-*")
		if err != nil {
			return nil, "", err
		}
		return file, file.Name(), nil
	}
	name := filepath.Join(dir, fmt.Sprintf("glimpse-constants-%016x", rand.Uint64()))
	return os.NewFile(uintptr(fd), name), name, nil
}

// nameFile gives a file the name path, unless it has it.
func nameFile(file *os.File, path string) error {
	if !unnamed(file) {
		return nil
	}
	return unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", file.Fd()), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
}

// unnamed says whether no folder has the file.
func unnamed(file *os.File) bool {
	var s unix.Stat_t
	return unix.Fstat(int(file.Fd()), &s) == nil && s.Nlink == 0
}
