package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// The strings of golden/clip/tokenizer through the command, those that do not fit as errors in their place.
func TestTokenizeGolden(t *testing.T) {
	data, err := os.ReadFile(testdata.Golden(t, "clip/tokenizer/strings.json"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Text      string  `json:"text"`
		IDs       []int32 `json:"ids"`
		Truncated bool    `json:"truncated"`
		Context   int     `json:"context"`
	}
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	var in, want bytes.Buffer
	for _, row := range rows {
		if row.Context != 0 {
			continue
		}
		if err := printJSON(&in, row.Text); err != nil {
			t.Fatal(err)
		}
		if err := printJSON(&want, tokenized{row.IDs, row.Truncated}); err != nil {
			t.Fatal(err)
		}
	}
	vocab := testdata.Golden(t, "clip/tokenizer/bpe_simple_vocab_16e6.txt.gz")
	var stdout, stderr bytes.Buffer
	if code := run([]string{"tokenize", "--truncate", "--vocab", vocab}, bytes.NewReader(in.Bytes()), &stdout, &stderr); code != exitOK || stderr.Len() > 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	got, lines := strings.Split(stdout.String(), "\n"), strings.Split(want.String(), "\n")
	if !slices.Equal(got, lines) {
		t.Errorf("%d lines differ from the %d wanted, or one of them does", len(got), len(lines))
	}
	stdout.Reset()
	if code := run([]string{"tokenize", "--vocab", vocab}, bytes.NewReader(in.Bytes()), &stdout, &stderr); code != exitFailed {
		t.Errorf("exit code %d with texts that are too long, want %d", code, exitFailed)
	}
	for i, line := range strings.Split(stdout.String(), "\n") {
		if cut := strings.Contains(lines[i], `"truncated":true`); cut != strings.HasPrefix(line, `{"error":"`) {
			t.Errorf("line %d without truncation: %.80s, with it %.80s", i, line, lines[i])
		}
	}
}

// The pictures of golden/clip/preprocess through the command, with the tolerances of its README: exact ones from PNG
// files, on average from JPEG files.
func TestPreprocessGolden(t *testing.T) {
	data, err := os.ReadFile(testdata.Golden(t, "clip/preprocess/cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Cases []struct {
			Image string
			File  string
			NPx   int `json:"n_px"`
		}
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all.Cases {
		out := filepath.Join(t.TempDir(), "out.safetensors")
		image := testdata.Golden(t, "clip/preprocess/"+c.Image)
		glimpse(t, "preprocess", "--size", jsonOf(t, c.NPx), "--out", out, image)
		name := strings.TrimSuffix(c.File, ".safetensors")
		got, err := load(t, out).Tensors[name].Float32s()
		if err != nil {
			t.Fatal(err)
		}
		want, err := load(t, testdata.Golden(t, "clip/preprocess/"+c.File)).Tensors["tensor"].Float32s()
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d numbers, want %d", name, len(got), len(want))
		}
		level, off, sum := 1/255.0/0.26130258, 0, 0.0
		for i := range want {
			d := float64(max(got[i]-want[i], want[i]-got[i]))
			sum += d
			if d > 1.01*level {
				off++
			}
		}
		jpeg := strings.HasSuffix(c.Image, ".jpg")
		if !jpeg && off > len(want)/1000 || sum/float64(len(want)) > 0.05 {
			t.Errorf("%s: %d of %d numbers are more than a level off, %.4f on average", name, off, len(want), sum/float64(len(want)))
		}
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
