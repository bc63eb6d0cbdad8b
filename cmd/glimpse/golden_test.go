package main

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

func load(t *testing.T, path string) *safetensors.File {
	t.Helper()
	file, err := safetensors.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// glimpse runs a command in this process and fails the test when it does not succeed.
func glimpse(t *testing.T, args ...string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(args, nil, &stdout, &stderr); code != exitOK || stdout.Len() != 0 {
		t.Fatalf("glimpse %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout.String(), stderr.String())
	}
}

// near compares two tensors: abs + rel times the largest golden entry.
func near(t *testing.T, what string, got, want safetensors.Tensor, abs, rel float64) {
	t.Helper()
	if !slices.Equal(got.Shape, want.Shape) {
		t.Errorf("%s: shape %v, expected %v", what, got.Shape, want.Shape)
		return
	}
	g, err := got.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	w, err := want.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	largest := 0.0
	for _, x := range w {
		largest = max(largest, math.Abs(float64(x)))
	}
	for i := range w {
		if d := math.Abs(float64(g[i] - w[i])); !(d <= abs+rel*largest) {
			t.Errorf("%s[%d] = %g, expected %g", what, i, g[i], w[i])
			return
		}
	}
}

// The numbers of golden/captioning/attention through the command, exactly as a script would use it.
func TestAttendGolden(t *testing.T) {
	golden := load(t, testdata.Golden(t, "captioning/attention/attention.safetensors"))
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.safetensors"), filepath.Join(dir, "out.safetensors")
	tensors := map[string]safetensors.Tensor{}
	for _, name := range []string{"a", "h", "W_a", "W_h", "b", "v"} {
		tensors[name] = golden.Tensors["case0."+name]
	}
	if err := safetensors.Write(in, tensors, nil); err != nil {
		t.Fatal(err)
	}
	glimpse(t, "attend", "--inputs", in, "--out", out)
	result := load(t, out)
	for _, name := range []string{"e", "alpha", "z"} {
		near(t, name, result.Tensors[name], golden.Tensors["case0."+name], 1e-5, 1e-5)
	}
}

// The numbers of golden/clip/loss, with the tolerances of its README.
func TestLossGolden(t *testing.T) {
	for _, kind := range []struct{ name, scale, bias, cases string }{
		{"infonce", "logit_scale", "", "infonce"},
		{"siglip", "log_t", "b", "siglip"},
	} {
		golden := load(t, testdata.Golden(t, "clip/loss/"+kind.cases+".safetensors"))
		for _, name := range golden.Names() {
			prefix, isCase := strings.CutSuffix(name, ".loss")
			size, _, _ := strings.Cut(prefix, ".")
			if !isCase || !slices.Contains([]string{"n1_d8", "n5_d8", "n5_d32"}, size) {
				continue
			}
			t.Run(kind.name+"/"+prefix, func(t *testing.T) {
				dir := t.TempDir()
				in, out := filepath.Join(dir, "in.safetensors"), filepath.Join(dir, "out.safetensors")
				tensors := map[string]safetensors.Tensor{
					"image_embeddings": golden.Tensors[size+".image"],
					"text_embeddings":  golden.Tensors[size+".text"],
					"logit_scale":      golden.Tensors[prefix+"."+kind.scale],
				}
				gradients := map[string]string{"image_embeddings": "image", "text_embeddings": "text", "logit_scale": kind.scale}
				if kind.bias != "" {
					tensors["logit_bias"] = golden.Tensors[prefix+"."+kind.bias]
					gradients["logit_bias"] = kind.bias
				} else {
					gradients["image_embeddings_unit"], gradients["text_embeddings_unit"] = "image_unit", "text_unit"
				}
				if err := safetensors.Write(in, tensors, nil); err != nil {
					t.Fatal(err)
				}
				glimpse(t, "loss", "--kind", kind.name, "--inputs", in, "--out", out)
				result := load(t, out)
				near(t, "loss", result.Tensors["loss"], golden.Tensors[name], 1e-5, 1e-5)
				for ours, theirs := range gradients {
					want, ok := golden.Tensors[prefix+".grad_"+theirs]
					if !ok {
						t.Fatalf("no golden gradient for %s among %s", theirs, fmt.Sprint(golden.Names()))
					}
					near(t, "grad."+ours, result.Tensors["grad."+ours], want, 1e-6, 1e-3)
				}
			})
		}
	}
}
