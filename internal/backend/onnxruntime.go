package backend

import (
	"os"
	"path/filepath"
)

// ONNXRuntimeVersion is the pinned version of the library that `glimpse backend install` brings.
const ONNXRuntimeVersion = "1.30.0"

// LibraryPathEnv names the environment variable with the path of the user's own ONNX Runtime library.
const LibraryPathEnv = "ONNXRUNTIME_SHARED_LIBRARY_PATH"

// FindONNXRuntime returns the path of an ONNX Runtime library: the one that ONNXRUNTIME_SHARED_LIBRARY_PATH names
// (whether or not it exists, so that a wrong path is an error and not a fallback), the one in the user's cache,
// or one in the folders where distributions and compute-onnx's installer put it. It returns "" when there is none.
func FindONNXRuntime() string {
	if path := os.Getenv(LibraryPathEnv); path != "" {
		return path
	}
	var candidates []string
	if path, err := InstalledLibrary(); err == nil {
		candidates = append(candidates, path)
	}
	if home, err := os.UserHomeDir(); err == nil {
		candidates = append(candidates, filepath.Join(home, ".local", "lib", "onnxruntime", "libonnxruntime.so"))
	}
	candidates = append(candidates,
		"/usr/local/lib/libonnxruntime.so", "/usr/lib/libonnxruntime.so",
		"/usr/lib/x86_64-linux-gnu/libonnxruntime.so", "/usr/lib/aarch64-linux-gnu/libonnxruntime.so")
	for _, path := range candidates {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// InstalledLibrary is where `glimpse backend install` puts the library: in the user's cache folder.
func InstalledLibrary() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "glimpse", "lib", "onnxruntime-"+ONNXRuntimeVersion, "libonnxruntime.so.1"), nil
}
