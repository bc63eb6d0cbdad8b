//go:build cgo && onnx && linux

package backend

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	onnxbackend "github.com/gomlx/compute-onnx"
)

// HasONNX says whether this program was built with ONNX Runtime support (build tag onnx, with cgo).
const HasONNX = true

func openONNX() (*Backend, error) {
	b, err := openONNXWith("", "ONNX Runtime is here and no PJRT plugin is")
	if err != nil && os.Getenv(LibraryPathEnv) != "" {
		err = &namedError{err}
	}
	return b, err
}

// openONNXWith opens ONNX Runtime with comma-separated options, such as "cpu", "cuda" or the path of a library.
func openONNXWith(options, reason string) (*Backend, error) {
	// The library is ours to find: compute-onnx would otherwise download one on its own.
	onnxbackend.EnableAutoInstall(false)
	setThreads(runtime.GOMAXPROCS(0))
	parts := slices.DeleteFunc(strings.Split(options, ","), func(part string) bool { return part == "" })
	named := slices.IndexFunc(parts, isLibraryName)
	path := FindONNXRuntime()
	if named >= 0 {
		path = parts[named]
		parts = slices.Delete(parts, named, named+1)
	}
	if path == "" {
		return nil, &absentError{text: "no ONNX Runtime library (libonnxruntime.so) was found; " +
			"`glimpse backend install` brings it, " + LibraryPathEnv + " points to your own"}
	}
	// The linker looks for a bare name in the system's folders, not in this one.
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := checkLibrary(path, ortSymbol); err != nil {
		return nil, fmt.Errorf("expected an ONNX Runtime library at %s: %s; %s", path, oneLine(err), libraryAdvice())
	}
	if len(parts) == 0 {
		parts = []string{"cpu"}
	}
	config := strings.Join(append(parts, path), ",")
	b, err := guard(func() (compute.Backend, error) { return onnxbackend.New(config) })
	if err != nil {
		return nil, fmt.Errorf("cannot open ONNX Runtime with the options %q and the library %s: %s; %s",
			strings.Join(parts, ","), path, oneLine(err), libraryAdvice())
	}
	version := ""
	if v, ok := b.(interface{ Version() string }); ok {
		version = v.Version()
	}
	return &Backend{Backend: mended(b), Kind: ONNX, Config: "onnx:" + config, Reason: reason, Library: path, Version: version}, nil
}

// libraryAdvice says what to do about a library that does not work.
func libraryAdvice() string {
	if os.Getenv(LibraryPathEnv) != "" {
		return fmt.Sprintf("correct %s (version %s is known to work), or unset it and run `glimpse backend install`",
			LibraryPathEnv, ONNXRuntimeVersion)
	}
	return fmt.Sprintf("`glimpse backend install` brings version %s, %s points to another", ONNXRuntimeVersion, LibraryPathEnv)
}

// isLibraryName tells a library among a configuration's options.
func isLibraryName(option string) bool {
	return !strings.Contains(option, "=") &&
		(strings.Contains(option, "/") || strings.HasSuffix(option, ".so") || strings.Contains(option, ".so."))
}
