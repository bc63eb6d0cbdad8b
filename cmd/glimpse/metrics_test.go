package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// metricsOn runs a command of metrics in this process.
func metricsOn(kind, path string, more ...string) (code int, stdout, stderr string) {
	var out, messages bytes.Buffer
	code = run(append([]string{"metrics", kind, "--input", path}, more...), nil, &out, &messages)
	return code, out.String(), messages.String()
}

// metricsJSON is the first list of cases in its output.
func metricsJSON(t *testing.T, kind, path string, more ...string) []any {
	t.Helper()
	code, stdout, stderr := metricsOn(kind, path, append(more, "--json")...)
	if code != exitOK || stderr != "" {
		t.Fatalf("metrics %s: exit code %d: %s", kind, code, stderr)
	}
	var result struct{ Cases []any }
	if err := json.Unmarshal([]byte(stdout), &result); err != nil {
		t.Fatal(err)
	}
	return result.Cases
}

// holds compares everything that a golden value has with what was found, fractions to 1e-9.
func holds(t *testing.T, where string, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		found, _ := got.(map[string]any)
		for name, value := range want {
			if _, ok := found[name]; !ok {
				t.Errorf("%s.%s: missing", where, name)
				continue
			}
			holds(t, where+"."+name, value, found[name])
		}
	case []any:
		found, _ := got.([]any)
		if len(found) != len(want) {
			t.Errorf("%s: expected %d values, found %d", where, len(want), len(found))
			return
		}
		for i := range want {
			holds(t, fmt.Sprintf("%s[%d]", where, i), want[i], found[i])
		}
	case float64:
		if found, ok := got.(float64); !ok || math.Abs(found-want) > 1e-9 {
			t.Errorf("%s: expected %v, found %v", where, want, got)
		}
	default:
		if got != want {
			t.Errorf("%s: expected %v, found %v", where, want, got)
		}
	}
}

// Every figure of every case of golden/zero-shot/metrics (plain numpy, recomputed by brute force and torch), under its
// name, and every count and rank of its tensors. The commands see the inputs alone, not the answers beside them.
func TestMetricsGolden(t *testing.T) {
	for kind, inputs := range map[string][]string{
		"classification": {"scores", "labels"},
		"retrieval":      {"similarity", "caption_owner"},
		"calibration":    {"probabilities", "labels"},
	} {
		t.Run(kind, func(t *testing.T) {
			golden := load(t, testdata.Golden(t, "zero-shot/metrics/"+kind+".safetensors"))
			data, err := os.ReadFile(testdata.Golden(t, "zero-shot/metrics/"+kind+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var want struct{ Cases []map[string]any }
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			answers := map[string]safetensors.Tensor{}
			questions := map[string]safetensors.Tensor{}
			for name, tensor := range golden.Tensors {
				if _, base, _ := strings.Cut(name, "."); slices.Contains(inputs, base) {
					questions[name] = tensor
				} else {
					answers[name] = tensor
				}
			}
			path := filepath.Join(t.TempDir(), "in.safetensors")
			var layout []map[string]any // the number of bins is in no tensor
			for i, c := range want.Cases {
				layout = append(layout, map[string]any{"case": i, "bins": c["bins"]})
			}
			beside, err := json.Marshal(map[string]any{"cases": layout})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(strings.TrimSuffix(path, ".safetensors")+".json", beside, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := safetensors.Write(path, questions, nil); err != nil {
				t.Fatal(err)
			}
			got := metricsJSON(t, kind, path)
			if len(want.Cases) != 4 || len(got) != 4 {
				t.Fatalf("expected 4 cases, found %d in the golden file and %d by the command", len(want.Cases), len(got))
			}
			for i, c := range want.Cases {
				holds(t, fmt.Sprintf("case%d", i), map[string]any(c), got[i])
			}
			for name, tensor := range answers {
				i := int(name[len("case")] - '0')
				_, base, _ := strings.Cut(name, ".")
				values, err := tensor.Int32s()
				if err != nil {
					t.Fatal(err)
				}
				holds(t, name, nested(values, tensor.Shape), got[i].(map[string]any)[base])
			}
		})
	}
}

// nested is a tensor as JSON has it.
func nested(values []int32, shape []int) []any {
	var out []any
	if len(shape) == 1 {
		for _, v := range values {
			out = append(out, float64(v))
		}
		return out
	}
	for row := range slices.Chunk(values, shape[1]) {
		out = append(out, nested(row, shape[1:]))
	}
	return out
}

// writeTensors writes float32 matrices and int32 vectors into a file.
func writeTensors(t *testing.T, tensors map[string]safetensors.Tensor) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.safetensors")
	if err := safetensors.Write(path, tensors, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func floats32(shape []int, values ...float32) safetensors.Tensor {
	return safetensors.FromFloat32s(values, shape...)
}

func ints32(values ...int32) safetensors.Tensor { return safetensors.FromInt32s(values, len(values)) }

// The smallest inputs, and one case whose tensors have no prefix.
func TestMetricsSmall(t *testing.T) {
	one := writeTensors(t, map[string]safetensors.Tensor{"scores": floats32([]int{1, 1}, -3), "labels": ints32(0)})
	holds(t, "N=1, C=1", map[string]any{"case": 0.0, "N": 1.0, "C": 1.0, "ties": false, "mean_per_class_accuracy": 1.0,
		"summary": map[string]any{"pessimistic": map[string]any{"at_1": 1.0, "at_5": 1.0, "mrr": 1.0, "median_rank": 1.0}},
		"ranks":   []any{[]any{1.0, 1.0, 1.0}}, "predicted": []any{0.0}, "confusion": []any{[]any{1.0}}}, metricsJSON(t, "classification", one)[0])

	// All scores equal: label 2 of 3 is first, third, third.
	equal := writeTensors(t, map[string]safetensors.Tensor{"case7.scores": floats32([]int{1, 3}, 1, 1, 1), "case7.labels": ints32(2)})
	holds(t, "equal", map[string]any{"case": 7.0, "ties": true, "ranks": []any{[]any{1.0, 3.0, 3.0}}, "predicted": []any{0.0},
		"per_class_accuracy": []any{nil, nil, 0.0}, "mean_per_class_accuracy": 0.0}, metricsJSON(t, "classification", equal)[0])

	// The picture's own two texts are equal and do not count against each other; the wrong one is equal too.
	retrieval := writeTensors(t, map[string]safetensors.Tensor{
		"similarity": floats32([]int{2, 4}, 1, 1, 1, 0 /**/, 0, 0, 0, 0), "caption_owner": ints32(1, 0, 0, 1)})
	holds(t, "two texts", map[string]any{"images": 2.0, "texts": 4.0, "ranks_image_to_text": []any{[]any{1.0, 2.0, 2.0}, []any{1.0, 3.0, 1.0}},
		"fraction_of_captions_found_index_rule": map[string]any{"at_1": 0.25, "at_5": 1.0}}, metricsJSON(t, "retrieval", retrieval)[0])

	// A right prediction with 0.5, which lies on the edge of two bins and belongs to the lower one, and a wrong one with 1.
	calibration := writeTensors(t, map[string]safetensors.Tensor{"probabilities": floats32([]int{2, 2}, 0.5, 0.5, 1, 0), "labels": ints32(0, 1)})
	for _, bins := range []string{"2", "10"} {
		holds(t, bins+" bins", map[string]any{"ece": 0.75, "mce": 1.0, "accuracy": 0.5, "brier": 1.25, "nll": nil},
			metricsJSON(t, "calibration", calibration, "--bins", bins)[0])
	}
	holds(t, "10 bins", map[string]any{"bins": 10.0}, metricsJSON(t, "calibration", calibration)[0])
}

func TestMetricsErrors(t *testing.T) {
	nan := float32(math.NaN())
	scores, labels := floats32([]int{2, 2}, 1, 2, 3, 4), ints32(0, 1)
	for name, c := range map[string]struct {
		kind    string
		tensors map[string]safetensors.Tensor
		want    []string
	}{
		"NaN":              {"classification", map[string]safetensors.Tensor{"scores": floats32([]int{2, 2}, 1, 2, nan, 4), "labels": labels}, []string{"NaN in row 1, column 0"}},
		"label too large":  {"classification", map[string]safetensors.Tensor{"scores": scores, "labels": ints32(0, 2)}, []string{"labels of 0 to 1, found 2 for example 1"}},
		"label below 0":    {"classification", map[string]safetensors.Tensor{"scores": scores, "labels": ints32(-1, 0)}, []string{"found -1 for example 0"}},
		"few labels":       {"classification", map[string]safetensors.Tensor{"scores": scores, "labels": ints32(1)}, []string{"labels to have the shape [2]", "found [1]"}},
		"no labels":        {"classification", map[string]safetensors.Tensor{"case3.scores": scores}, []string{"case3", `a tensor called "case3.labels"`}},
		"none":             {"classification", map[string]safetensors.Tensor{"logits": scores}, []string{"scores and labels", "logits"}},
		"one-dimensional":  {"classification", map[string]safetensors.Tensor{"scores": floats32([]int{2}, 1, 2), "labels": labels}, []string{"[N, C]", "found [2]"}},
		"empty":            {"classification", map[string]safetensors.Tensor{"scores": floats32([]int{0, 2}), "labels": ints32()}, []string{"at least one", "[0 2]"}},
		"floats as labels": {"classification", map[string]safetensors.Tensor{"scores": scores, "labels": floats32([]int{2}, 0, 1)}, []string{"labels", "I32"}},
		"owner":            {"retrieval", map[string]safetensors.Tensor{"similarity": scores, "caption_owner": ints32(0, 5)}, []string{"caption_owner of 0 to 1, found 5 for text 1"}},
		"no text":          {"retrieval", map[string]safetensors.Tensor{"similarity": scores, "caption_owner": ints32(0, 0)}, []string{"every picture to have a text", "1"}},
		"above 1":          {"calibration", map[string]safetensors.Tensor{"probabilities": scores, "labels": labels}, []string{"probabilities of 0 to 1, found 2"}},
		"bins":             {"calibration", map[string]safetensors.Tensor{"probabilities": floats32([]int{1, 1}, 1), "labels": ints32(0), "bins": ints32(0)}, []string{"bins of 1 to"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := metricsOn(c.kind, writeTensors(t, c.tensors), "--json")
			if code != exitFailed || stdout != "" || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, %q on standard output, %q on standard error", code, stdout, stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("expected %q in %q", want, stderr)
				}
			}
		})
	}
	whole := writeTensors(t, map[string]safetensors.Tensor{"probabilities": floats32([]int{1, 1}, 1), "labels": ints32(0)})
	if code, _, stderr := metricsOn("calibration", whole, "--bins", "0"); code != exitUsage || !strings.Contains(stderr, "--bins") {
		t.Errorf("0 bins: exit code %d, %q", code, stderr)
	}
	if code, _, stderr := metricsOn("calibration", whole, "--bins", "1"); code != exitOK {
		t.Errorf("1 bin: exit code %d, %q", code, stderr)
	}
}
