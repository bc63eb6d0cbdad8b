//go:build cgo && !noxla && linux

package backend

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Plugins returns the PJRT plugins of this machine that look whole, name to path. They are searched for in the
// folders of PJRT_PLUGIN_LIBRARY_PATH, else where go-xla installs them and where the system keeps its libraries.
func Plugins() map[string]string {
	working, _ := scanPlugins(pluginFolders())
	return working
}

// BrokenPlugins returns the PJRT plugins that cannot be used, path to reason.
func BrokenPlugins() map[string]error {
	_, broken := scanPlugins(pluginFolders())
	return broken
}

// scanPlugins looks for plugins in folders, the first of a name winning, without loading any. go-xla's own search
// loads each one and panics on a file that is no library. CUDA plugins count only where there is an NVIDIA device.
func scanPlugins(folders []string) (working map[string]string, broken map[string]error) {
	working, broken = map[string]string{}, map[string]error{}
	for _, folder := range folders {
		for _, pattern := range []string{"pjrt-plugin-*.so", "pjrt_plugin_*.so", "pjrt_c_api_*_plugin.so"} {
			paths, _ := filepath.Glob(filepath.Join(folder, pattern))
			for _, path := range paths {
				name := pluginName(path)
				if _, found := working[name]; found || name == "" {
					continue
				}
				if err := checkPlugin(name, path); err != nil {
					broken[path] = err
					continue
				}
				working[name] = path
			}
		}
	}
	return working, broken
}

func checkPlugin(name, path string) error {
	if err := checkLibrary(path, pjrtSymbol); err != nil {
		return err
	}
	if upper := strings.ToUpper(name); strings.Contains(upper, "CUDA") || strings.Contains(upper, "NVIDIA") {
		if devices, _ := filepath.Glob("/dev/nvidia*"); len(devices) == 0 {
			return errors.New("it needs an NVIDIA GPU, and there is no /dev/nvidia*")
		}
	}
	return nil
}

var pluginFile = regexp.MustCompile(`^(?:pjrt_c_api_(.+)_plugin|pjrt[-_]plugin[-_](.+))\.so$`)

// pluginName is cuda for pjrt_c_api_cuda_plugin.so, or "" for a file that is named otherwise.
func pluginName(path string) string {
	match := pluginFile.FindStringSubmatch(filepath.Base(path))
	if match == nil {
		return ""
	}
	return match[1] + match[2]
}

// pluginFolders are the folders that go-xla searches, in its order.
func pluginFolders() []string {
	if paths, found := os.LookupEnv("PJRT_PLUGIN_LIBRARY_PATH"); found {
		return filepath.SplitList(paths)
	}
	var folders []string
	if home, err := os.UserHomeDir(); err == nil {
		local := filepath.Join(home, ".local", "lib")
		folders = append(folders, filepath.Join(local, "go-xla"), filepath.Join(local, "go-xla", "nvidia"), filepath.Join(local, "gomlx", "pjrt"))
	}
	folders = append(folders, "/usr/local/lib/go-xla", "/usr/local/lib/go-xla/nvidia", "/usr/local/lib/gomlx/pjrt")
	for _, folder := range filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")) {
		if filepath.IsAbs(folder) {
			folders = append(folders, folder)
		}
	}
	return append(folders, linkerFolders("/etc/ld.so.conf", 8)...)
}

// linkerFolders are the folders of a configuration file of the dynamic linker and of those it includes.
func linkerFolders(file string, depth int) []string {
	f, err := os.Open(file)
	if err != nil || depth == 0 {
		return nil
	}
	defer f.Close()
	var folders []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 0 || strings.HasPrefix(fields[0], "#"):
		case fields[0] == "include" && len(fields) > 1:
			files, _ := filepath.Glob(fields[1])
			for _, included := range files {
				folders = append(folders, linkerFolders(included, depth-1)...)
			}
		default:
			folders = append(folders, fields[0])
		}
	}
	return folders
}
