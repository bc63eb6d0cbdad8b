package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteOnce writes a file that did not exist, whole or not at all: under another name first, which is then linked to its own with link(2). It
// returns false where the file exists, which is then left as it is. Of several callers, on any machines that share the folder, one is told true.
// The folder has to be on a file system with hard links.
func WriteOnce(path string, data []byte) (mine bool, err error) {
	f, err := Create(path)
	if err != nil {
		return false, err
	}
	defer f.Abort()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return false, f.failed(err)
	}
	if err = Fault(Renaming, path); err == nil {
		err = os.Link(f.Name(), f.target)
	}
	return linked(f.Name(), f.target, err)
}

// linked says what has come of a link from path to part that returned err.
func linked(part, path string, err error) (mine bool, _ error) {
	if err == nil || sameFile(part, path) { // over NFS an error may stand for a link that was made
		syncDir(filepath.Dir(path))
		return true, nil
	}
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return false, fmt.Errorf("cannot write %s: %w; its folder has to be on a file system with hard links", path, reason(err))
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
