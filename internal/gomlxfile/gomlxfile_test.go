package gomlxfile

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// written are checkpoints by GoMLX's own package, of a store with weights, an integer and random numbers; the second has other weights.
func written(t *testing.T, format checkpoint.BinFormat) (dir string, want [2]float32) {
	t.Helper()
	dir = t.TempDir()
	store := model.NewStore()
	handler, err := checkpoint.Build(store).Dir(dir).Keep(-1).WithCompression(format).Done()
	if err != nil {
		t.Fatal(err)
	}
	if err := store.SetRNGStateFromSeed(1); err != nil {
		t.Fatal(err)
	}
	for path, value := range map[string]any{"/layer/w": [][]float32{{1, 2, 3}, {4, 5, 6}}, "/layer/b": []float32{7}, "/steps": int64(9)} {
		tensor, err := tensors.FromAnyValue(value)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.CreateVariable(path, tensor); err != nil {
			t.Fatal(err)
		}
	}
	if err := handler.Save(); err != nil {
		t.Fatal(err)
	}
	store.GetVariable("/layer/b").MustSetValue(tensors.FromValue([]float32{8}))
	if err := handler.Save(); err != nil {
		t.Fatal(err)
	}
	return dir, [2]float32{7, 8}
}

func TestReadsWhatGoMLXWrites(t *testing.T) {
	for _, format := range []checkpoint.BinFormat{checkpoint.BinGZIP, checkpoint.BinUncompressed} {
		dir, want := written(t, format)
		for i := 1; i >= 0; i-- {
			found, name, err := Read(dir)
			if err != nil {
				t.Fatal(err)
			}
			if names := slices.Sorted(maps.Keys(found)); !slices.Contains(names, "layer.w") || !slices.Contains(names, "layer.b") || !slices.Contains(names, "steps") {
				t.Errorf("found the tensors %q", names)
			}
			w, err := found["layer.w"].Float32s()
			if err != nil || !slices.Equal(w, []float32{1, 2, 3, 4, 5, 6}) || !slices.Equal(found["layer.w"].Shape, []int{2, 3}) {
				t.Errorf("layer.w is %v %v (%v)", found["layer.w"].Shape, w, err)
			}
			if b, err := found["layer.b"].Float32s(); err != nil || b[0] != want[i] {
				t.Errorf("%s: layer.b is %v, expected %g (%v)", name, b, want[i], err)
			}
			if s := found["steps"]; s.DType != safetensors.I64 || s.Data[0] != 9 || len(s.Shape) != 0 {
				t.Errorf("steps is %v", s)
			}
			// The newest is damaged: the one before it is taken.
			if err := os.Truncate(filepath.Join(dir, name+".bin"), 30); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "none of the checkpoints") {
			t.Errorf("found the error %v", err)
		}
	}
}

func TestRefusals(t *testing.T) {
	_, _, err := Read(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "expected checkpoints of GoMLX") {
		t.Errorf("found the error %v", err)
	}
	const good = `{"Variables":[{"ParameterName":"var:/w","Dimensions":[2],"DType":"Float32","Pos":0,"Length":8}]}`
	if _, err := parse([]byte(good), bytes.NewReader(make([]byte, 8))); err != nil {
		t.Fatal(err)
	}
	for change, says := range map[[2]string]string{
		{"[2]", "[-2]"}:                       "dimensions that can be",
		{"[2]", "[4611686018427387904,9]"}:    "dimensions that can be",
		{"[2]", "[3]"}:                        "expected 12 bytes at 0, found 8",
		{`"Length":8`, `"Length":7`}:          "expected 8 bytes at 0, found 7",
		{`"Pos":0`, `"Pos":4`}:                "found 8 at 4",
		{"Float32", "Complex64"}:              "a type that safetensors files have",
		{"Float32", "Floaty"}:                 "a type that safetensors files have",
		{"var:/w", "w"}:                       `found "w"`,
		{"Variables", "variables\":3,\"x"}:    "as JSON",
		{`[2],"DType`, `[2000000000],"DType`}: "expected 8000000000 bytes at 0",
		{`"Length":8`, `"Length":8000000000`}: "expected 8 bytes at 0, found 8000000000",
		{`[2]`, `[1]`}:                        "expected 4 bytes",
		{`[2],"DType":"Float32","Pos":0,"Length":8`, `[1],"DType":"Float32","Pos":0,"Length":4`}:  "found 4 more",
		{`[2],"DType":"Float32","Pos":0,"Length":8`, `[3],"DType":"Float32","Pos":0,"Length":12`}: "expected 12 bytes, found 8",
	} {
		_, err := parse([]byte(strings.Replace(good, change[0], change[1], 1)), bytes.NewReader(make([]byte, 8)))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q for %q: expected an error with %q, found %v", change[1], change[0], says, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"Variables":[{"ParameterName":"var:/w","Dimensions":[2],"DType":"Float32","Pos":0,"Length":8}]}`), make([]byte, 8))
	f.Add([]byte(`{}`), []byte(binHeader))
	f.Fuzz(func(t *testing.T, text, bin []byte) {
		found, err := parse(text, bytes.NewReader(bin))
		if err != nil {
			return
		}
		for name, tensor := range found {
			size := tensor.DType.Size()
			for _, d := range tensor.Shape {
				size *= d
			}
			if size != len(tensor.Data) {
				t.Errorf("%s: shape %v, %d bytes", name, tensor.Shape, len(tensor.Data))
			}
		}
	})
}
