package safetensors

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/glimpse-ml/glimpse/internal/testdata"
)

func TestWriteThenLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	want := map[string]Tensor{
		"b":          FromFloat32s([]float32{1, -2.5, 3}, 3),
		"a":          FromInt32s([]int32{7, 8, 9, 10}, 2, 2),
		"scalar":     FromFloat32s([]float32{4}),
		"empty":      FromFloat32s(nil, 0, 5),
		"odd":        {DType: U8, Shape: []int{3}, Data: []byte{1, 2, 3}},
		"é \"name\"": FromFloat32s([]float32{1}, 1),
	}
	if err := Write(path, want, map[string]string{"format": "glimpse"}); err != nil {
		t.Fatal(err)
	}
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range want {
		got, ok := f.Get(name)
		if !ok || got.DType != w.DType || !bytes.Equal(got.Data, w.Data) || got.Len() != w.Len() {
			t.Errorf("tensor %q: got %v, want %v", name, got, w)
		}
	}
	if diff := cmp.Diff(map[string]string{"format": "glimpse"}, f.Metadata); diff != "" {
		t.Error(diff)
	}
}

// The goldens were written by the reference implementation; encoding them again gives the same tensors.
func TestReadsReferenceFiles(t *testing.T) {
	f, err := Load(testdata.Golden(t, "clip/loss/infonce.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Tensors) != 240 {
		t.Errorf("got %d tensors, the README counts 240", len(f.Tensors))
	}
	original, err := os.ReadFile(testdata.Golden(t, "clip/loss/infonce.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := Encode(&again, f.Tensors, f.Metadata); err != nil {
		t.Fatal(err)
	}
	back, err := Parse(again.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, back); diff != "" {
		t.Errorf("a file written again differs: %s", diff)
	}
	for _, cut := range []int{0, 7, 8, 100, len(original) / 2, len(original) - 1} {
		if _, err := Parse(original[:cut]); err == nil {
			t.Errorf("a file cut to %d bytes was accepted", cut)
		}
	}
}

func TestRefusesHostileHeaders(t *testing.T) {
	for _, c := range []struct{ name, header, want string }{
		{"not an object", `[]`, "JSON object"},
		{"duplicate", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "once"},
		{"overlap", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "overlap"},
		{"gap", `{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}`, "gap"},
		{"negative", `{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, "shape"},
		{"overflow", `{"a":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,4]}}`, "fits"},
		{"wrong size", `{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,4]}}`, "12 bytes"},
		{"unknown type", `{"a":{"dtype":"X","shape":[1],"data_offsets":[0,4]}}`, "dtype"},
		{"beyond the end", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, "8 bytes of data"},
		{"left over", `{}`, "0 bytes of data"},
		{"trailing", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} x`, "after"},
		{"no shape", `{"a":{"dtype":"F32","data_offsets":[0,4]}}`, "shape"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(file(c.header, 4))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func file(header string, body int) []byte {
	data := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(data, header...), make([]byte, body)...)
}

func FuzzParse(f *testing.F) {
	f.Add(file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4))
	f.Add(file(`{"__metadata__":{"k":"v"}}`, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := Parse(data)
		if err != nil {
			return
		}
		total := 0
		for _, tensor := range parsed.Tensors {
			total += len(tensor.Data)
		}
		if total > len(data) {
			t.Errorf("%d bytes of tensors from %d bytes of file", total, len(data))
		}
	})
}
