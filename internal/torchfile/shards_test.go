package torchfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/torchfile/torchtest"
)

const (
	firstShard  = "pytorch_model-00001-of-00002.bin"
	secondShard = "pytorch_model-00002-of-00002.bin"
)

// sharded writes two shards, with a and b in the first and c in the second, and an index.
func sharded(t *testing.T, index string) (path string) {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	one := func(v float32) safetensors.Tensor { return safetensors.FromFloat32s([]float32{v}, 1) }
	put(firstShard, torchtest.StateDict(t, map[string]safetensors.Tensor{"a": one(1), "b": one(2)}))
	put(secondShard, torchtest.StateDict(t, map[string]safetensors.Tensor{"c": one(3)}))
	path = filepath.Join(dir, "pytorch_model.bin.index.json")
	put(filepath.Base(path), []byte(index))
	return path
}

// indexOf puts each tensor into a shard: indexOf("a", firstShard, "b", ...).
func indexOf(pairs ...string) string {
	var entries []string
	for i := 0; i < len(pairs); i += 2 {
		entries = append(entries, `"`+pairs[i]+`": "`+pairs[i+1]+`"`)
	}
	return `{"metadata": {"total_size": 12}, "weight_map": {` + strings.Join(entries, ", ") + "}}"
}

func TestOpenShards(t *testing.T) {
	s, err := OpenShards(sharded(t, indexOf("a", firstShard, "b", firstShard, "c", secondShard)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float32{"a": 1, "b": 2, "c": 3} {
		wantTensor(t, &File{File: s.File}, name, []int{1}, want)
		tensor, _ := s.Get(name)
		s.Release(tensor)
	}
	if err := s.Close(); err != nil || len(s.Names()) > 0 {
		t.Error(err)
	}
}

func TestOpenShardsRefuses(t *testing.T) {
	outside := indexOf("a", "../"+firstShard)
	for name, c := range map[string]struct {
		index string
		want  []string
	}{
		"missing shard":     {indexOf("a", firstShard, "b", firstShard, "c", "pytorch_model-00003-of-00003.bin"), []string{"pytorch_model-00003-of-00003.bin", "no such file", "fetch pytorch_model.bin.index.json and its shards again"}},
		"outside":           {outside, []string{"expected shards NAME.bin in the folder of the index", "../"}},
		"absolute":          {indexOf("a", "/etc/x.bin"), []string{"expected shards NAME.bin in the folder of the index"}},
		"another kind":      {indexOf("a", "model.safetensors"), []string{"expected shards NAME.bin"}},
		"in no shard":       {indexOf("a", firstShard, "b", firstShard, "c", secondShard, "d", secondShard), []string{"expected the tensor", "d", "in " + secondShard, "found none"}},
		"in two":            {indexOf("a", firstShard, "b", secondShard, "c", secondShard), []string{firstShard + " holds the tensor", "which the index says is in " + secondShard}},
		"of which nothing":  {indexOf("a", firstShard, "c", secondShard), []string{firstShard + " holds the tensor", "of which the index knows nothing"}},
		"no index":          {"[]", []string{"is no index of a checkpoint"}},
		"nothing in it":     {"{}", []string{"expected a weight_map"}},
		"a damaged archive": {strings.ReplaceAll(indexOf("a", firstShard, "c", "pytorch_model.bin"), "pytorch_model.bin\"", "damaged.bin\""), []string{"damaged.bin cannot be read as a PyTorch archive"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := sharded(t, c.index)
			if err := os.WriteFile(filepath.Join(filepath.Dir(path), "damaged.bin"), []byte("PK"), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := OpenShards(path)
			if err == nil {
				t.Fatal("opened")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error %q does not say %q", err, part)
				}
			}
		})
	}
	// Two shards with the same tensor, whichever the index says.
	path := sharded(t, indexOf("a", firstShard, "b", firstShard, "c", secondShard))
	data := torchtest.StateDict(t, map[string]safetensors.Tensor{"a": safetensors.FromFloat32s([]float32{9}, 1), "c": safetensors.FromFloat32s([]float32{3}, 1)})
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), secondShard), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenShards(path); err == nil || !strings.Contains(err.Error(), secondShard+" holds the tensor") || !strings.Contains(err.Error(), "the index says is in "+firstShard) {
		t.Errorf("found %v", err)
	}
}
