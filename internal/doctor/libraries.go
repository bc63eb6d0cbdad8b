package doctor

import (
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// examineLibraries notes the versions of what computes: the modules in this program, ONNX Runtime, PJRT plugins.
func (r *Report) examineLibraries() {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if name, found := strings.CutPrefix(module.Path, "github.com/gomlx/"); found {
				r.Libraries[name] = module.Version
			}
		}
	}
	if path := backend.FindONNXRuntime(); path != "" {
		r.Libraries["onnxruntime_path"] = path
		version := backend.LibraryVersion(path)
		if version == "" {
			version = "unknown"
		}
		r.Libraries["onnxruntime"] = version
	} else if backend.HasONNX {
		r.miss("ONNX Runtime (trains several times faster than pure Go)", "glimpse backend install")
	}
	for name, path := range backend.Plugins() {
		r.Libraries["pjrt_"+name] = path
	}
	broken := backend.BrokenPlugins()
	for _, path := range slices.Sorted(maps.Keys(broken)) {
		r.note("the PJRT plugin %s cannot be used: %s", path, broken[path])
	}
	r.GPU = hasNVIDIA()
	if r.GPU && backend.HasXLA && !slices.ContainsFunc(slices.Collect(maps.Keys(r.Libraries)), isCUDA) {
		r.miss("PJRT plugin for CUDA (computes on the NVIDIA GPU of this machine)", "go run github.com/gomlx/go-xla/cmd/pjrt_installer@latest")
	}
	if !backend.HasONNX || !backend.HasXLA {
		r.miss("support for ONNX Runtime and XLA in this program (it was built without cgo or without their tags)", "make build")
	}
	if !simdBuild {
		r.miss("SIMD in this program (pure Go multiplies matrices five times faster with it)", "make build")
	}
}

func isCUDA(library string) bool {
	return strings.HasPrefix(library, "pjrt_") && strings.Contains(strings.ToLower(library), "cuda")
}
