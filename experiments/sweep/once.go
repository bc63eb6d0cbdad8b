package sweep

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// createOnce writes a file that did not exist, whole or not at all. It returns false where the file exists, which is then left
// as it is. Of several callers, on any machines that share the folder, one is told true.
func createOnce(path string, v any) (mine bool, err error) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return false, fmt.Errorf("cannot write %s: %w", path, err)
	}
	dir, base := filepath.Split(path)
	part := filepath.Join(dir, fmt.Sprintf(".%s.%016x.part", base, rand.Uint64()))
	defer os.Remove(part)
	if err := writeSynced(part, append(data, '\n')); err != nil {
		return false, fmt.Errorf("cannot write %s: %w", path, err)
	}
	return linked(part, path, os.Link(part, path))
}

// linked says what has come of a link from path to part that returned err.
func linked(part, path string, err error) (mine bool, _ error) {
	if err == nil || sameFile(part, path) { // over NFS an error may stand for a link that was made
		return true, syncDir(filepath.Dir(path))
	}
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return false, fmt.Errorf("cannot write %s: %w; a sweep's folder has to be on a file system with hard links", path, err)
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// syncDir makes names durable. Not every system can flush a folder; where it cannot, the names are as safe as it makes them.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("cannot open the folder %s: %w", dir, err)
	}
	_ = f.Sync()
	return f.Close()
}

// readJSON reads a file that was written once. ok is false where there is none.
func readJSON(path string, v any) (ok bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot read %s: %w", path, err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return false, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return true, nil
}
