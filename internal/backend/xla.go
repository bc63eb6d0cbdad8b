//go:build cgo && !noxla && linux

package backend

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
	"k8s.io/klog/v2"
)

// HasXLA says whether this program was built with XLA support (cgo, without the build tag noxla).
const HasXLA = true

// openBestXLA opens the first plugin that works: CUDA, then other accelerators, then the processor's.
func openBestXLA() (*Backend, error) {
	working, broken := scanPlugins(pluginFolders())
	names := slices.Sorted(maps.Keys(working))
	slices.SortStableFunc(names, func(a, b string) int { return pluginRank(a) - pluginRank(b) })
	var failures []string
	for _, path := range slices.Sorted(maps.Keys(broken)) {
		failures = append(failures, fmt.Sprintf("%s: %s", path, oneLine(broken[path])))
	}
	for _, name := range names {
		b, err := openXLAWith(name, fmt.Sprintf("the PJRT plugin %s is here", name))
		if err == nil {
			return b, nil
		}
		failures = append(failures, oneLine(err))
	}
	if len(failures) == 0 {
		return nil, &absentError{text: "no PJRT plugin was found", quiet: true}
	}
	return nil, fmt.Errorf("no PJRT plugin of this machine works: %s", strings.Join(failures, "; "))
}

func pluginRank(name string) int {
	switch {
	case pjrt.IsCUDAName(name):
		return 0
	case strings.HasPrefix(name, "cpu"):
		return 2
	}
	return 1
}

// openXLAWith opens a PJRT plugin by a configuration "[plugin][,options]", in which the plugin is a name, the
// beginning of a versioned name, or a path.
func openXLAWith(config, reason string) (*Backend, error) {
	xla.EnableAutoInstall(false)
	plugin, options, _ := strings.Cut(config, ",")
	name, path, exact, err := findPlugin(plugin)
	if err != nil {
		return nil, err
	}
	if options != "" {
		options = "," + options
	}
	// By name, go-xla loads every plugin in reach, and one that does not load brings it down (docs/upstream.md). Then
	// the plugin is named by its path, from which go-xla guesses less well what kind it is.
	target := name
	var broke *breakdown
	var b compute.Backend
	if exact {
		b, err = openQuietly(target + options)
	}
	if !exact || errors.As(err, &broke) {
		target = path
		b, err = openQuietly(target + options)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open the PJRT plugin %s: %s; correct or remove it, or choose another backend with %s=onnx or %s=go",
			path, oneLine(err), Env, Env)
	}
	version := ""
	if found, err := pjrt.GetPlugin(target); err == nil {
		major, minor := found.Version()
		version = fmt.Sprintf("PJRT %d.%d", major, minor)
	}
	return &Backend{Backend: b, Kind: XLA, Config: "xla:" + config, Reason: reason, Library: path, Version: version}, nil
}

// openQuietly opens a plugin without go-xla's own log lines: what goes wrong is in the error as well.
func openQuietly(config string) (compute.Backend, error) {
	defer klog.CaptureState().Restore()
	klog.SetLogger(logr.Discard())
	return guard(func() (compute.Backend, error) { return xla.New(config) })
}

// findPlugin resolves what a configuration calls a plugin. Exact says that go-xla can be given the name.
func findPlugin(plugin string) (name, path string, exact bool, err error) {
	if filepath.IsAbs(plugin) {
		if err := checkLibrary(plugin, pjrtSymbol); err != nil {
			return "", "", false, fmt.Errorf("expected a PJRT plugin at %s: %s; correct %s", plugin, oneLine(err), Env)
		}
		return plugin, plugin, false, nil
	}
	working, broken := scanPlugins(pluginFolders())
	names := slices.Sorted(maps.Keys(working))
	slices.SortStableFunc(names, func(a, b string) int { return pluginRank(a) - pluginRank(b) })
	for _, name := range names {
		if plugin == "" || name == plugin || strings.HasPrefix(name, plugin+"_v") {
			return name, working[name], len(broken) == 0, nil
		}
	}
	for _, path := range slices.Sorted(maps.Keys(broken)) {
		if plugin == "" || pluginName(path) == plugin {
			return "", "", false, fmt.Errorf("cannot use the PJRT plugin %s: %s; replace it, or choose another backend with %s=onnx or %s=go",
				path, oneLine(broken[path]), Env, Env)
		}
	}
	return "", "", false, fmt.Errorf("no PJRT plugin %q was found, only %q; expected a file such as pjrt_c_api_cuda_plugin.so in a "+
		"folder of PJRT_PLUGIN_LIBRARY_PATH or in ~/.local/lib/go-xla; `%s=onnx` or `%s=go` needs none", plugin, names, Env, Env)
}
