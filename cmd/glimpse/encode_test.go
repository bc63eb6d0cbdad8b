package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// fails runs a command that has to fail with a sentence, exit code 1 and no output.
func fails(t *testing.T, parts []string, args ...string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(args, nil, &stdout, &stderr); code != exitFailed {
		t.Errorf("glimpse %s: exit code %d", strings.Join(args, " "), code)
	}
	for _, part := range parts {
		if !strings.Contains(stderr.String(), part) {
			t.Errorf("%q does not say %q", stderr.String(), part)
		}
	}
}

func referenceFolder(t *testing.T, name string) string {
	t.Helper()
	return filepath.Dir(testdata.Golden(t, "clip/models/"+name+"/meta.json"))
}

// The numbers of golden/clip/models through the command, with the tolerances of its README: features, layers, logits, loss,
// and the gradient of every parameter in the file's own naming.
func TestEncodeGolden(t *testing.T) {
	for _, c := range []struct{ model, naming, file string }{
		{"vit_a", "openai", "openai"}, {"vit_a", "huggingface", "hf"}, {"vit_b", "huggingface", "hf"}, {"rn_a", "openai", "openai"}} {
		t.Run(c.model+"_"+c.naming, func(t *testing.T) {
			dir := referenceFolder(t, c.model)
			out := filepath.Join(t.TempDir(), "out.safetensors")
			glimpse(t, "encode", "--model", dir, "--naming", c.naming, "--inputs", filepath.Join(dir, "inputs.safetensors"), "--out", out, "--grads", "--intermediates")
			result := load(t, out)
			for _, name := range []string{"outputs", "intermediates"} {
				golden := load(t, filepath.Join(dir, name+".safetensors"))
				for _, name := range golden.Names() {
					if name != "logits_per_text" {
						near(t, name, result.Tensors[name], golden.Tensors[name], 2e-4, 1e-4)
					}
				}
			}
			if c.naming == "openai" {
				golden := load(t, filepath.Join(dir, "grads.safetensors"))
				for _, name := range golden.Names() {
					near(t, "grad."+name, result.Tensors["grad."+name], golden.Tensors[name], 1e-7, 1e-3)
				}
			}
			parameters := load(t, filepath.Join(dir, c.file+".safetensors"))
			for _, name := range parameters.Names() {
				w := parameters.Tensors[name]
				g, has := result.Get("grad." + name)
				if isParameter := w.DType == safetensors.F32 && !strings.Contains(name, "running_"); has != isParameter || has && !slices.Equal(g.Shape, w.Shape) {
					t.Errorf("grad.%s: there is %v, of shape %v for %v", name, has, g.Shape, w.Shape)
				}
			}
		})
	}
}

// Pictures alone, texts alone, more texts than pictures, ids of 64 and 8 bits, half a context.
func TestEncodeParts(t *testing.T) {
	dir := referenceFolder(t, "vit_b")
	inputs, outputs := load(t, filepath.Join(dir, "inputs.safetensors")), load(t, filepath.Join(dir, "outputs.safetensors"))
	images, ids := inputs.Tensors["images"], inputs.Tensors["text_ids"]
	first := safetensors.Tensor{DType: images.DType, Shape: append([]int{1}, images.Shape[1:]...), Data: images.Data[:len(images.Data)/images.Shape[0]]}
	values, err := ids.Int32s()
	if err != nil {
		t.Fatal(err)
	}
	wide := safetensors.Tensor{DType: safetensors.I64, Shape: ids.Shape}
	narrow := safetensors.Tensor{DType: safetensors.U8, Shape: ids.Shape}
	for _, v := range values {
		wide.Data = binary.LittleEndian.AppendUint64(wide.Data, uint64(v))
		narrow.Data = append(narrow.Data, byte(v))
	}
	encode := func(in map[string]safetensors.Tensor, flags ...string) (*safetensors.File, string) {
		folder := t.TempDir()
		path, out := filepath.Join(folder, "in.safetensors"), filepath.Join(folder, "out.safetensors")
		if err := safetensors.Write(path, in, nil); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		args := append([]string{"encode", "--model", dir, "--inputs", path, "--out", out}, flags...)
		if code := run(args, nil, &stdout, &stderr); code != exitOK || stdout.Len() > 0 {
			t.Fatalf("exit code %d: %s", code, stderr.String())
		}
		return load(t, out), stderr.String()
	}
	only := func(f *safetensors.File, names ...string) {
		t.Helper()
		if !slices.Equal(f.Names(), names) {
			t.Errorf("expected %q, found %q", names, f.Names())
		}
	}
	got, _ := encode(map[string]safetensors.Tensor{"images": first})
	only(got, "image_features")
	for _, in := range []safetensors.Tensor{ids, wide, narrow} {
		got, _ = encode(map[string]safetensors.Tensor{"text_ids": in})
		only(got, "text_features")
		near(t, "text_features", got.Tensors["text_features"], outputs.Tensors["text_features"], 2e-4, 1e-4)
	}
	got, said := encode(map[string]safetensors.Tensor{"images": first, "text_ids": ids}, "--grads")
	only(got, "image_features", "logits_per_image", "text_features")
	if shape := got.Tensors["logits_per_image"].Shape; !slices.Equal(shape, []int{1, 3}) || !strings.Contains(said, "1 pictures and 3 texts") {
		t.Errorf("logits %v, and it says %q", shape, said)
	}
	one := safetensors.FromInt32s(values[:ids.Shape[1]], 1, ids.Shape[1])
	got, _ = encode(map[string]safetensors.Tensor{"images": first, "text_ids": one}, "--grads")
	near(t, "the loss of one pair", got.Tensors["loss"], safetensors.FromFloat32s([]float32{0}), 1e-6, 0)
}

func TestEncodeRefuses(t *testing.T) {
	dir := referenceFolder(t, "vit_b")
	folder := t.TempDir()
	out := filepath.Join(folder, "out.safetensors")
	ids := make([]int32, 16)
	ids[11] = 128
	for name, c := range map[string]struct {
		tensors map[string]safetensors.Tensor
		parts   []string
	}{
		"id":      {map[string]safetensors.Tensor{"text_ids": safetensors.FromInt32s(ids, 2, 8)}, []string{"0 to 127", "found 128", "text 1 at position 3"}},
		"context": {map[string]safetensors.Tensor{"text_ids": safetensors.FromInt32s(ids, 1, 16)}, []string{"text_ids [N, L]", "1 to 8", "[1 16]"}},
		"type":    {map[string]safetensors.Tensor{"text_ids": safetensors.FromFloat32s(make([]float32, 8), 1, 8)}, []string{"whole numbers", "F32"}},
		"size":    {map[string]safetensors.Tensor{"images": safetensors.FromFloat32s(make([]float32, 3*8*8), 1, 3, 8, 8)}, []string{"[N, 3, 16, 16]", "[1 3 8 8]"}},
		"nothing": {map[string]safetensors.Tensor{"pictures": safetensors.FromFloat32s(nil, 0)}, []string{"images or text_ids", "pictures"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := filepath.Join(folder, name+".safetensors")
			if err := safetensors.Write(in, c.tensors, nil); err != nil {
				t.Fatal(err)
			}
			fails(t, append(c.parts, in), "encode", "--model", dir, "--inputs", in, "--out", out)
		})
	}
	fails(t, []string{"expected a CLIP model", folder, "openai.safetensors"}, "encode", "--model", folder, "--inputs", out, "--out", out)
	fails(t, []string{"naming huggingface", "rn_a"}, "encode", "--model", referenceFolder(t, "rn_a"), "--naming", "huggingface", "--inputs", out, "--out", out)
}

// A model exported into the other naming is the same model, of which the card says nothing wrong; what was changed is refused.
func TestModelExportAndCheck(t *testing.T) {
	dir := referenceFolder(t, "vit_a")
	check := func(change func(config, preprocessor map[string]any), flags ...string) (card map[string]any, code int, said string) {
		t.Helper()
		out := filepath.Join(t.TempDir(), "hf")
		glimpse(t, "model", "export", dir, "--to", out, "--naming", "huggingface")
		config, preprocessor := editable(t, out, "config.json"), editable(t, out, "preprocessor_config.json")
		change(config.content, preprocessor.content)
		config.save(t)
		preprocessor.save(t)
		var stdout, stderr bytes.Buffer
		code = run(append([]string{"model", "check", out, "--json"}, flags...), nil, &stdout, &stderr)
		if stdout.Len() > 0 {
			if err := json.Unmarshal(stdout.Bytes(), &card); err != nil {
				t.Fatal(err)
			}
		}
		return card, code, stderr.String()
	}
	act := func(config map[string]any, towers ...string) {
		for _, tower := range towers {
			config[tower].(map[string]any)["hidden_act"] = "gelu"
		}
	}
	reference := []string{"--reference", dir}
	for name, c := range map[string]struct {
		change func(config, preprocessor map[string]any)
		flags  []string
		parts  []string // none: nothing is wrong
	}{
		"unchanged":      {func(_, _ map[string]any) {}, reference, nil},
		"gelu":           {func(c, _ map[string]any) { act(c, "text_config", "vision_config") }, reference, []string{"visual.after_block.0", "quick_gelu in the place of gelu"}},
		"gelu of OpenAI": {func(c, _ map[string]any) { act(c, "text_config", "vision_config"); c["_name_or_path"] = "openai/x" }, nil, []string{"expected the activation quick_gelu", "found gelu"}},
		"one gelu":       {func(c, _ map[string]any) { act(c, "text_config") }, nil, []string{"one activation in both towers"}},
		"mean":           {func(_, p map[string]any) { p["image_mean"] = []float64{0.485, 0.456, 0.406} }, nil, []string{"preprocessing constants", "0.485"}},
		"halves": {func(_, p map[string]any) {
			p["image_mean"], p["image_std"] = []float64{0.5, 0.5, 0.5}, []float64{0.5, 0.5, 0.5}
		}, nil, nil},
		"crop": {func(_, p map[string]any) { p["crop_size"] = 64 }, nil, []string{"positional embedding", "32x32"}},
		"resolution": {func(c, p map[string]any) {
			c["vision_config"].(map[string]any)["image_size"] = 64
			delete(p, "crop_size")
			delete(p, "size")
		}, nil, []string{"vision_model.embeddings.position_embedding.weight", "[65 128]", "[17 128]"}},
	} {
		t.Run(name, func(t *testing.T) {
			card, code, said := check(c.change, c.flags...)
			if want := len(c.parts) > 0; (code == exitFailed) != want || code != exitOK && !want {
				t.Errorf("exit code %d: %s", code, said)
			}
			for _, part := range c.parts {
				if !strings.Contains(said, part) {
					t.Errorf("%q does not say %q", said, part)
				}
			}
			if code == exitOK && (card["naming"] != "huggingface" || card["missing"] != nil || c.flags != nil && card["comparisons"] == nil) {
				t.Errorf("found the card %v", card)
			}
		})
	}
}

// settings is a JSON file that a test changes.
type settings struct {
	path    string
	content map[string]any
}

func editable(t *testing.T, dir, name string) settings {
	t.Helper()
	s := settings{path: filepath.Join(dir, name)}
	data, err := os.ReadFile(s.path)
	if err == nil {
		err = json.Unmarshal(data, &s.content)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s settings) save(t *testing.T) {
	t.Helper()
	data, err := json.Marshal(s.content)
	if err == nil {
		err = os.WriteFile(s.path, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The table of the published models, with the exact counts.
func TestModelList(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run([]string{"model", "list"}, nil, &stdout, &stderr); code != exitOK {
		t.Fatal(stderr.String())
	}
	for _, part := range []string{"ViT-L/14@336px", "427,944,193", "395.22", "RN50x64", "3-15-36-10"} {
		if !strings.Contains(stdout.String(), part) {
			t.Errorf("%s lacks %q", stdout.String(), part)
		}
	}
	stdout.Reset()
	if code := run([]string{"model", "list", "rn50", "ViT-B/32", "--json"}, nil, &stdout, &stderr); code != exitOK {
		t.Fatal(stderr.String())
	}
	var entries []modelEntry
	if err := json.Unmarshal(stdout.Bytes(), &entries); err != nil || len(entries) != 2 || entries[0].Parameters.Total != 102_007_137 || entries[1].Resolution != 224 {
		t.Errorf("found %s (%v)", stdout.String(), err)
	}
	if code := run([]string{"model", "list", "RN51"}, nil, &stdout, &stderr); code != exitUsage || !strings.Contains(stderr.String(), "did you mean RN50") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}
