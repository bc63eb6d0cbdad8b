//go:build cgo && !noxla && linux

package backend

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestPluginName(t *testing.T) {
	for path, want := range map[string]string{
		"/a/pjrt_c_api_cuda_plugin.so": "cuda", "pjrt-plugin-tpu.so": "tpu", "/cuda/pjrt_plugin_cpu_v0.83.1.so": "cpu_v0.83.1", "/a/libm.so.6": "",
	} {
		if got := pluginName(path); got != want {
			t.Errorf("pluginName(%q) = %q, want %q", path, got, want)
		}
	}
}

// The folders of the dynamic linker are read with their includes, without following a circle for ever.
func TestLinkerFolders(t *testing.T) {
	dir := t.TempDir()
	main, part := filepath.Join(dir, "ld.so.conf"), filepath.Join(dir, "part.conf")
	text("# comment\n/first\ninclude "+dir+"/part*.conf\n\n/last\n")(t, main)
	text("/inner\n")(t, part)
	if got, want := linkerFolders(main, 8), []string{"/first", "/inner", "/last"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	text("include "+main+"\n")(t, part)
	if got := linkerFolders(main, 4); len(got) == 0 {
		t.Error("a circle of includes gave nothing")
	}
	if got := linkerFolders(filepath.Join(dir, "none"), 8); got != nil {
		t.Errorf("a file that is not there gave %q", got)
	}
}

// The first folder with a whole plugin of a name wins, and broken ones are told apart.
func TestScanPlugins(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	text("garbage")(t, filepath.Join(first, "pjrt_c_api_cpu_plugin.so"))
	compiled("void* GetPjrtApi(void) { return 0; }")(t, filepath.Join(second, "pjrt_c_api_cpu_plugin.so"))
	compiled("void* GetPjrtApi(void) { return 0; }")(t, filepath.Join(second, "pjrt-plugin-tpu.so"))
	if err := os.WriteFile(filepath.Join(second, "libother.so"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	working, broken := scanPlugins([]string{first, second, filepath.Join(second, "none")})
	if len(working) != 2 || working["cpu"] != filepath.Join(second, "pjrt_c_api_cpu_plugin.so") || working["tpu"] == "" {
		t.Errorf("working plugins: %v", working)
	}
	if len(broken) != 1 || broken[filepath.Join(first, "pjrt_c_api_cpu_plugin.so")] == nil {
		t.Errorf("broken plugins: %v", broken)
	}
}
