package safetensors

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/glimpse-ml/glimpse/internal/testdata"
)

func TestOpenIsLoad(t *testing.T) {
	path := testdata.Golden(t, "clip/loss/infonce.safetensors")
	want, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &got.File); diff != "" {
		t.Error(diff)
	}
	for _, tensor := range got.Tensors {
		got.Release(tensor)
	}
	if diff := cmp.Diff(want, &got.File); diff != "" {
		t.Errorf("after Release: %s", diff)
	}
	if err := got.Close(); err != nil || got.Tensors != nil {
		t.Errorf("close: %v, %d tensors left", err, len(got.Tensors))
	}
}

// shards writes a checkpoint of two files with its index and returns the index's path. change may spoil the index.
func shards(t *testing.T, change func(index string) string) string {
	t.Helper()
	dir := t.TempDir()
	for file, tensors := range map[string]map[string]Tensor{
		"model-00001-of-00002.safetensors": {"a": FromFloat32s([]float32{1, 2}, 2), "b": FromFloat32s([]float32{3}, 1)},
		"model-00002-of-00002.safetensors": {"c": FromFloat32s([]float32{4}, 1)},
	} {
		if err := Write(filepath.Join(dir, file), tensors, nil); err != nil {
			t.Fatal(err)
		}
	}
	index := `{"metadata": {"total_size": 16, "who": "me"}, "weight_map": {"a": "model-00001-of-00002.safetensors",
		"b": "model-00001-of-00002.safetensors", "c": "model-00002-of-00002.safetensors"}}`
	path := filepath.Join(dir, "model.safetensors.index.json")
	if err := os.WriteFile(path, []byte(change(index)), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenShards(t *testing.T) {
	c, err := Open(shards(t, func(s string) string { return s }))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if names := c.Names(); strings.Join(names, " ") != "a b c" || c.Metadata["total_size"] != "16" || c.Metadata["who"] != "me" {
		t.Errorf("names %q, metadata %q", names, c.Metadata)
	}
	if values, shape, err := c.Float32s("a"); err != nil || values[1] != 2 || len(shape) != 1 {
		t.Errorf("a is %v, %v, %v", values, shape, err)
	}
}

func TestOpenRefusals(t *testing.T) {
	replace := func(old, new string) func(string) string {
		return func(s string) string { return strings.ReplaceAll(s, old, new) }
	}
	for _, c := range []struct {
		name   string
		change func(string) string
		want   string
	}{
		{"a shard that is missing", replace("00002-of", "00003-of"), "no such file"},
		{"a name that only the index has", replace(`"c":`, `"d": "model-00002-of-00002.safetensors", "c":`), `expected the tensor "d" in model-00002-of-00002.safetensors`},
		{"a name that only the shard has", replace(`"b": "model-00001-of-00002.safetensors",`, ``), `holds the tensor "b", of which the index knows nothing`},
		{"a name in another shard", replace(`"b": "model-00001`, `"b": "model-00002`), `which the index says is in model-00002`},
		{"out of the folder", replace("model-00002", "../model-00002"), "in the folder of the index"},
		{"an absolute path", replace("model-00002", "/model-00002"), "in the folder of the index"},
		{"a folder below", replace("model-00002", `x\\model-00002`), "in the folder of the index"},
		{"a NUL", replace("model-00002", `\u0000model-00002`), "in the folder of the index"},
		{"another kind of file", replace("00002.safetensors", "00002.bin"), "NAME.safetensors"},
		{"a name twice", replace(`"c":`, `"\u0061": "model-00002-of-00002.safetensors", "c":`), `every tensor once, found "a" again`},
		{"no weights", func(string) string { return `{"metadata":{}}` }, "expected a weight_map"},
		{"a list", func(string) string { return `[]` }, "expected an object"},
		{"a map twice", func(string) string { return `{"weight_map":{},"weight_map":{}}` }, "again"},
		{"deep", func(string) string { return `{"metadata":` + strings.Repeat("[", 1<<20) }, "expected an object"},
		{"trailing", func(s string) string { return s + "{}" }, "found more"},
	} {
		_, err := Open(shards(t, c.change))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.safetensors")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("no file: %v", err)
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "found a folder") {
		t.Errorf("a folder: %v", err)
	}
}

// A file that is cut after it was opened is an error where it is read.
func TestCutWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := Write(path, map[string]Tensor{"a": FromFloat32s(make([]float32, 1<<20), 1<<20)}, nil); err != nil {
		t.Fatal(err)
	}
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := os.Truncate(path, 5000); err != nil {
		t.Skipf("the system does not cut a file that is mapped: %v", err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("whether a cut file faults is the system's choice")
	}
	if _, _, err := c.Float32s("a"); err == nil || !strings.Contains(err.Error(), "it was cut") {
		t.Errorf("reading: %v", err)
	}
	if err := Write(filepath.Join(t.TempDir(), "y.safetensors"), c.Tensors, nil); err == nil {
		t.Error("a cut tensor was written")
	}
}

// Converting tensor by tensor with Release keeps little more in memory than one tensor.
func TestMemoryOfOpen(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the resident set is read from /proc")
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	tensors := map[string]Tensor{}
	for i := range 16 {
		tensors[fmt.Sprint("w", i)] = Tensor{DType: F16, Shape: []int{1 << 20}, Data: make([]byte, 1<<21)}
	}
	if err := Write(path, tensors, nil); err != nil {
		t.Fatal(err)
	}
	tensors = nil
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	into := make([]float32, 1<<20)
	most := 0
	for i, name := range c.Names() {
		if err := c.Tensors[name].ReadFloat32s(into); err != nil {
			t.Fatal(err)
		}
		c.Release(c.Tensors[name])
		runtime.GC()
		if i > 0 {
			most = max(most, mapped(t, path))
		}
	}
	if most > 1<<20 {
		t.Errorf("%d bytes of a file of 32 MiB stay in memory", most)
	}
}

// mapped is how much of a file the process holds in memory through its map.
func mapped(t *testing.T, path string) int {
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Skipf("no smaps: %v", err)
	}
	_, after, found := strings.Cut(string(text), path)
	_, after, _ = strings.Cut(after, "Rss:")
	var kB int
	if _, err := fmt.Sscan(after, &kB); err != nil || !found {
		t.Fatalf("the map of %s is not among those of the process: %v", path, err)
	}
	return kB << 10
}
