package clip

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/torchfile"
	"github.com/glimpse-ml/glimpse/internal/torchfile/torchtest"
)

// archived exports a model and turns its weights into a PyTorch archive, the only weights in the folder.
func archived(t *testing.T, cfg Config, naming Naming, archive string, write func(t testing.TB, tensors map[string]safetensors.Tensor) []byte) (dir string, m *Model) {
	t.Helper()
	dir, m = exported(t, cfg, naming, safetensors.F32)
	name, _ := m.exported(naming, safetensors.F32)
	file, err := safetensors.Load(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if naming == OpenAI { // whole numbers that OpenAI's archives carry
		file.Tensors["input_resolution"] = safetensors.Tensor{DType: safetensors.I64, Shape: []int{}, Data: []byte{byte(cfg.Vision.Height), 0, 0, 0, 0, 0, 0, 0}}
	}
	if err := os.WriteFile(filepath.Join(dir, archive), write(t, file.Tensors), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	return dir, m
}

// PyTorch's archives are read as they are: OpenAI's, OpenCLIP's with its configuration, Hugging Face's with its own.
func TestLoadArchives(t *testing.T) {
	gelu := tinyViT()
	gelu.Text.Activation, gelu.Vision.ViT.Activation = GELU, GELU
	for name, c := range map[string]struct {
		cfg    Config
		naming Naming
		file   string
		write  func(t testing.TB, tensors map[string]safetensors.Tensor) []byte
	}{
		"OpenAI's ViT":    {tinyViT(), OpenAI, "ViT-B-32.pt", torchtest.Script},
		"OpenAI's ResNet": {tinyResNet(), OpenAI, "RN50.pt", torchtest.Script},
		"OpenCLIP's":      {gelu, OpenAI, "open_clip_pytorch_model.bin", torchtest.StateDict},
		"OpenCLIP's .pt":  {gelu, OpenAI, "epoch_32.pt", torchtest.StateDict},
		"Hugging Face's":  {tinyViT(), HuggingFace, "pytorch_model.bin", torchtest.StateDict},
	} {
		t.Run(name, func(t *testing.T) {
			dir, m := archived(t, c.cfg, c.naming, c.file, c.write)
			back := load(t, dir)
			if back.Naming != c.naming || canonical(back.Config) != canonical(m.Config) {
				t.Errorf("found the naming %s and the configuration %s", back.Naming, canonical(back.Config))
			}
			sameWeights(t, everything(t, back.Store), everything(t, m.Store))
			sentence(t, m.Export(dir, c.naming, safetensors.F32), "choose another folder")
		})
	}
}

// PyTorch's archive in shards is one model, and one without all of them is none.
func TestLoadArchiveInShards(t *testing.T) {
	dir, m := archived(t, tinyViT(), HuggingFace, "pytorch_model.bin", torchtest.StateDict)
	whole, err := torchfile.Open(filepath.Join(dir, "pytorch_model.bin"))
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	shards, index := [3]map[string]safetensors.Tensor{{}, {}, {}}, map[string]string{}
	shard := func(i int) string { return fmt.Sprintf("pytorch_model-0000%d-of-00003.bin", i+1) }
	for i, name := range whole.Names() {
		shards[i%3][name], index[name] = whole.Tensors[name], shard(i%3)
	}
	for i, tensors := range shards {
		if err := os.WriteFile(filepath.Join(dir, shard(i)), torchtest.StateDict(t, tensors), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := json.Marshal(map[string]any{"metadata": map[string]int{"total_size": 1}, "weight_map": index})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pytorch_model.bin.index.json"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "pytorch_model.bin")); err != nil {
		t.Fatal(err)
	}
	sameWeights(t, everything(t, load(t, dir).Store), everything(t, m.Store))
	if err := os.Remove(filepath.Join(dir, shard(1))); err != nil {
		t.Fatal(err)
	}
	_, err = Load(dir)
	sentence(t, err, shard(1), "no such file", "fetch pytorch_model.bin.index.json and its shards again")
}

// What does not say what it is, what is two models, and what is damaged is refused.
func TestLoadRefusesOtherArchives(t *testing.T) {
	dir, _ := archived(t, tinyViT(), OpenAI, "weights.pt", torchtest.StateDict)
	_, err := Load(dir)
	sentence(t, err, "weights.pt", "expected OpenAI's archive", openCLIPConfigFile)

	dir, _ = archived(t, tinyViT(), OpenAI, "ViT-B-32.pt", torchtest.Script)
	data, err := os.ReadFile(filepath.Join(dir, "ViT-B-32.pt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "another.pt"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Load(dir)
	sentence(t, err, "one model", "ViT-B-32.pt, another.pt", "a folder of its own")

	if err := os.Remove(filepath.Join(dir, "another.pt")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ViT-B-32.pt"), data[:len(data)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Load(dir)
	sentence(t, err, "ViT-B-32.pt", "cannot be read as a PyTorch archive")
}
