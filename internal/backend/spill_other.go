//go:build !linux

package backend

import "os"

// unnamedFile makes a temporary file. ONNX Runtime, for which it is, is used on Linux alone.
func unnamedFile(dir string) (file *os.File, path string, err error) {
	if file, err = os.CreateTemp(dir, "glimpse-constants-*"); err == nil {
		path = file.Name()
	}
	return file, path, err
}

func nameFile(*os.File, string) error { return nil }
