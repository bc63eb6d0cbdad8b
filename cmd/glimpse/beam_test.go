package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// The searches of golden/captioning/attention/beam.json through the command, exactly as a script would use it.
func TestBeamGolden(t *testing.T) {
	base := testdata.Golden(t, "captioning/attention/beam.json")
	golden := strings.TrimSuffix(base, "json")
	var got, want beamResult
	readJSON(t, captured(t, exitOK, "beam", "--weights", golden+"weights.safetensors", "--inputs", golden+"io.safetensors", "--config", base, "--json"), &got)
	data, err := os.ReadFile(base)
	if err != nil {
		t.Fatal(err)
	}
	readJSON(t, data, &want)
	if got.beamConfig.agree(want.beamConfig) != nil || *got.K != *want.K || *got.MaxLen != *want.MaxLen || len(got.Images) != len(want.Images) {
		t.Fatalf("got %d pictures and another configuration than the golden one", len(got.Images))
	}
	for i, image := range want.Images {
		g := got.Images[i]
		mine := slices.Concat([]hypothesis{g.Greedy}, g.Shrink, g.Pool)
		theirs := slices.Concat([]hypothesis{image.Greedy}, image.Shrink, image.Pool)
		if g.Image != image.Image || len(mine) != len(theirs) {
			t.Fatalf("picture %d: got %d captions of picture %d, want %d", i, len(mine), g.Image, len(theirs))
		}
		for k, w := range theirs {
			if m := mine[k]; !slices.Equal(m.Tokens, w.Tokens) || m.Finished != w.Finished || !(math.Abs(m.Score-w.Score) < 1e-4) {
				t.Errorf("picture %d, caption %d: got %v, want %v", i, k, m, w)
			}
		}
	}
}

// captured is what a command prints, which must end with the given exit code.
func captured(t *testing.T, code int, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if got := run(args, nil, &stdout, &stderr); got != code {
		t.Fatalf("glimpse %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, stderr.String())
	}
	if code != exitOK {
		if stdout.Len() > 0 {
			t.Errorf("glimpse %s: failed and printed %q", strings.Join(args, " "), stdout.String())
		}
		return stderr.Bytes()
	}
	return stdout.Bytes()
}

func readJSON(t *testing.T, data []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(data, to); err != nil {
		t.Fatal(err)
	}
}

// What is wrong with a file is said in a sentence that names it.
func TestBeamRefuses(t *testing.T) {
	golden := strings.TrimSuffix(testdata.Golden(t, "captioning/attention/beam.json"), "json")
	weights, inputs := load(t, golden+"weights.safetensors").Tensors, load(t, golden+"io.safetensors").Tensors
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	without := func(name string) map[string]safetensors.Tensor {
		w := maps.Clone(weights)
		delete(w, name)
		return w
	}
	misfit := maps.Clone(weights)
	misfit["att.W_h"] = weights["att.W_a"]
	write := func(name string, tensors map[string]safetensors.Tensor) {
		if err := safetensors.Write(file(name), tensors, nil); err != nil {
			t.Fatal(err)
		}
	}
	write("w", weights)
	write("io", inputs)
	write("no-out", without("out.bias"))
	write("no-init", without("init_h.weight"))
	write("misfit", misfit)
	write("no-a", map[string]safetensors.Tensor{"b": inputs["a"]})
	write("wide", map[string]safetensors.Tensor{"a": safetensors.FromFloat32s(make([]float32, 66), 1, 6, 11)})
	write("flat", map[string]safetensors.Tensor{"a": safetensors.FromFloat32s(make([]float32, 60), 6, 10)})
	write("ints", map[string]safetensors.Tensor{"a": safetensors.FromInt32s(make([]int32, 60), 1, 6, 10)})
	write("nan", map[string]safetensors.Tensor{"a": safetensors.FromFloat32s(slices.Repeat([]float32{float32(math.NaN())}, 60), 1, 6, 10)})
	for name, text := range map[string]string{
		"good": `{"k":3,"max_len":4}`, "k0": `{"k":0,"max_len":4}`, "no-k": `{"max_len":4}`, "len0": `{"k":3,"max_len":0}`, "text": "k=3",
		"k-text": `{"k":"three","max_len":4}`, "V": `{"k":3,"max_len":4,"V":21}`, "gate": `{"k":3,"max_len":4,"gate":"scalar"}`,
		"deep": `{"k":3,"max_len":4,"deep_output":true}`, "end": `{"k":3,"max_len":4,"end":3}`,
	} {
		if err := os.WriteFile(file(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ weights, inputs, config, want string }{
		{"w", "io", "k0", "k to be 1 or more, found 0"},
		{"w", "io", "no-k", `expected the field "k"`},
		{"w", "io", "len0", "max_len to be 1 or more, found 0"},
		{"w", "io", "text", "as JSON"},
		{"w", "io", "k-text", "as JSON"},
		{"w", "io", "V", "expected V to be 20"},
		{"w", "io", "gate", `gate to be "vector"`},
		{"w", "io", "deep", "deep_output to be false"},
		{"w", "io", "end", "end to be 2"},
		{"w", "io", "none", "no such file"},
		{"none", "io", "good", "no such file"},
		{"w", "none", "good", "no such file"},
		{"no-out", "io", "good", `a weight "out.bias"`},
		{"no-init", "io", "good", `a weight "init_h.weight"`},
		{"misfit", "io", "good", `[8 16] for the weight "att.W_h", found [8 10]`},
		{"w", "no-a", "good", `a tensor called "a"`},
		{"w", "wide", "good", "D=10"},
		{"w", "flat", "good", "found the shape [6 10]"},
		{"w", "ints", "good", "I32"},
		{"w", "nan", "good", "word 1 of picture 0"},
	} {
		said := captured(t, exitFailed, "beam", "--weights", file(c.weights), "--inputs", file(c.inputs), "--config", file(c.config), "--json")
		if !strings.Contains(string(said), c.want) || strings.Count(string(said), "\n") != 1 {
			t.Errorf("%v: got %q, want a sentence with %q", c, said, c.want)
		}
	}
	captured(t, exitUsage, "beam", "--weights", file("w"), "--inputs", file("io"))
	captured(t, exitUsage, "beam", "--weights", file("w"), "--inputs", file("io"), "--config", file("good"), "more")
	text := string(captured(t, exitOK, "beam", "--weights", file("w"), "--inputs", file("io"), "--config", file("good")))
	if !strings.Contains(text, "picture 0, greedy 1: [13 2], log p -2.8945\n") {
		t.Errorf("got the text\n%s", text)
	}
}
