package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
		{"duplicate, escaped", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, `once in the header, found "a" again`},
		{"field twice", `{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}`, "every field once"},
		{"field in capitals", `{"a":{"dtype":"F32","Shape":[1],"data_offsets":[0,4]}}`, "found \"Shape\""},
		{"another field", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":[[[[1]]]]}}`, "found \"x\""},
		{"metadata twice", `{"__metadata__":{},"__metadata__":{},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "again"},
		{"metadata with one name twice", `{"__metadata__":{"a":"","\u0061":""}}`, "again"},
		{"metadata that is no text", `{"__metadata__":{"a":null}}`, "text"},
		{"not UTF-8", "{\"a\xff\":{}}", "UTF-8"},
		{"half a surrogate", `{"\ud800":{}}`, "surrogate"},
		{"halves that do not fit", `{"\ud800\u0041":{}}`, "surrogate"},
		{"control character", "{\"a\nb\":{}}", "escaped"},
		{"blank before", ` {}`, "JSON object"},
		{"deep", `{"a":` + strings.Repeat("[", 1<<20), "expected an object"},
		{"deep shape", `{"a":{"dtype":"F32","shape":` + strings.Repeat("[", 1<<20), "whole number"},
		{"fraction", `{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}`, "whole number"},
		{"leading zero", `{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}`, "whole number"},
		{"large number", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,99999999999999999999]}}`, "at most"},
		{"offsets the wrong way", `{"a":{"dtype":"F32","shape":[0],"data_offsets":[4,0]}}`, "0 bytes"},
		{"three offsets", `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}}`, "at most 2"},
		{"too many dimensions", `{"a":{"dtype":"U8","shape":[1` + strings.Repeat(",1", 64) + `],"data_offsets":[0,1]}}`, "at most 64"},
		{"cut text", `{"a`, "end"},
		{"cut object", `{"a":{"dtype":"F32"`, "end"},
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

func TestRefusesHostileLengths(t *testing.T) {
	for _, n := range []uint64{1, 3, MaxHeader, MaxHeader + 1, 1 << 31, 1 << 63, 1<<64 - 1} {
		data := append(binary.LittleEndian.AppendUint64(nil, n), '{')
		if _, err := Parse(data); err == nil {
			t.Errorf("a header of %d bytes in a file of %d was accepted", n, len(data))
		}
	}
}

// A million names end in a sentence, in bounded memory and time.
func TestRefusesAMillionNames(t *testing.T) {
	var header bytes.Buffer
	header.WriteByte('{')
	for i := range 1_000_000 {
		if i > 0 {
			header.WriteByte(',')
		}
		header.WriteString(`"` + strconv.Itoa(i) + `":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`)
	}
	header.WriteByte('}')
	_, err := Parse(file(header.String(), 0))
	if err == nil || !strings.Contains(err.Error(), "expected at most 262144 tensors") {
		t.Errorf("a million names: %v", err)
	}
}

func TestRefusesToWrite(t *testing.T) {
	one := FromFloat32s([]float32{1}, 1)
	for name, tensors := range map[string]map[string]Tensor{
		"the name of the metadata": {"__metadata__": one},
		"a name that is no text":   {"\xff": one},
		"an unknown type":          {"a": {DType: "X", Data: []byte{1}}},
		"too few bytes":            {"a": {DType: F32, Shape: []int{2}, Data: make([]byte, 4)}},
		"negative dimensions":      {"a": {DType: F32, Shape: []int{-1, -1}, Data: make([]byte, 4)}},
		"too many dimensions":      {"a": {DType: U8, Shape: slices.Repeat([]int{1}, 65), Data: make([]byte, 1)}},
	} {
		if err := Encode(io.Discard, tensors, nil); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	if err := Encode(io.Discard, nil, map[string]string{"a": "\xff"}); err == nil {
		t.Error("metadata that are no text: written")
	}
}

// What is accepted is what encoding/json reads of the header, covers the file, and written again reads the same.
func FuzzParse(f *testing.F) {
	f.Add(file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4))
	f.Add(file(`{"__metadata__":{"k":"v"}}`, 0))
	f.Add(file(`{"\u00e9\ud83d\ude00":{"shape":[2,1],"data_offsets":[2,4],"dtype":"U8"},"b":{"dtype":"F16","shape":[],"data_offsets":[0,2]}}  `, 4))
	f.Add(file(`{"a":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},"b":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}}`, 3))
	f.Fuzz(func(t *testing.T, data []byte) {
		var parsed *File
		var err error
		testdata.Bounded(t, len(data), 4, 0, func() { parsed, err = Parse(data) })
		if err != nil {
			return
		}
		total := 0
		for name, tensor := range parsed.Tensors {
			total += len(tensor.Data)
			if tensor.Len()*tensor.DType.Size() != len(tensor.Data) {
				t.Errorf("tensor %q of shape %v has %d bytes", name, tensor.Shape, len(tensor.Data))
			}
		}
		n := int(binary.LittleEndian.Uint64(data))
		if total != len(data)-8-n {
			t.Errorf("%d bytes of tensors from a body of %d", total, len(data)-8-n)
		}
		var header map[string]json.RawMessage
		if err := json.Unmarshal(data[8:8+n], &header); err != nil {
			t.Fatalf("encoding/json refuses a header that was accepted: %v", err)
		}
		delete(header, "__metadata__")
		if len(header) != len(parsed.Tensors) {
			t.Errorf("encoding/json finds %d tensors, not %d", len(header), len(parsed.Tensors))
		}
		for name := range parsed.Tensors {
			if _, ok := header[name]; !ok {
				t.Errorf("encoding/json finds no %q", name)
			}
		}
		var again bytes.Buffer
		if err := Encode(&again, parsed.Tensors, parsed.Metadata); err != nil {
			t.Fatal(err)
		}
		back, err := Parse(again.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(parsed, back, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":12},"weight_map":{"a":"model-00001-of-00001.safetensors"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var index *Index
		var err error
		testdata.Bounded(t, len(text), 4, 0, func() { index, err = ParseIndex(text, ".safetensors") })
		if err != nil {
			return
		}
		for _, shard := range index.Shards() {
			if filepath.Base(shard) != shard || !filepath.IsLocal(shard) {
				t.Errorf("the shard %q leads out of the folder", shard)
			}
		}
	})
}

// What is written can be read: more metadata than the reader takes is refused.
func TestMostMetadata(t *testing.T) {
	metadata := make(map[string]string, MaxTensors+1)
	for i := range MaxTensors {
		metadata[fmt.Sprint(i)] = ""
	}
	var file bytes.Buffer
	if err := Encode(&file, nil, metadata); err != nil {
		t.Fatal(err)
	}
	if f, err := Parse(file.Bytes()); err != nil || len(f.Metadata) != MaxTensors {
		t.Errorf("%d values of metadata: %v", MaxTensors, err)
	}
	metadata["one more"] = ""
	if err := Encode(io.Discard, nil, metadata); err == nil || !strings.Contains(err.Error(), "262145 values of metadata") {
		t.Errorf("one value more: %v", err)
	}
}
