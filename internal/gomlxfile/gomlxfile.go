// Package gomlxfile reads the checkpoints that GoMLX's own package checkpoint writes. That package's reader is not used: a wrong
// dimension in a file makes it panic or take all memory (docs/upstream.md).
package gomlxfile

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// A checkpoint is two files, NAME.json with what variables there are and NAME.bin with their bytes one after the other, compressed behind
// binHeader or, in old ones, as they are.
const (
	binHeader = "gomlx_checkpointss\x04gzip"
	prefix    = "var:" // before a variable's path
	mostJSON  = 64 << 20
)

type header struct {
	Variables []variable
}

type variable struct {
	ParameterName string
	Dimensions    []int
	DType         string
	Pos, Length   int64
}

// Read reads the newest checkpoint of a folder that is whole, and says which it was. The tensors have the paths of their variables as names,
// dots standing for slashes.
func Read(dir string) (tensors map[string]safetensors.Tensor, name string, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "checkpoint-*.json"))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("expected checkpoints of GoMLX (checkpoint-*.json) in %s, found none", dir)
	}
	if err != nil {
		return nil, "", err
	}
	slices.Sort(paths)
	var problems []error
	for _, path := range slices.Backward(paths) {
		base := strings.TrimSuffix(path, ".json")
		tensors, err := readOne(base)
		if err == nil {
			return tensors, filepath.Base(base), nil
		}
		problems = append(problems, fmt.Errorf("%s: %w", filepath.Base(base), err))
	}
	return nil, "", fmt.Errorf("none of the checkpoints in %s can be read; the newest: %w", dir, problems[0])
}

func readOne(base string) (map[string]safetensors.Tensor, error) {
	info, err := os.Stat(base + ".json")
	if err != nil {
		return nil, err
	}
	if info.Size() > mostJSON {
		return nil, fmt.Errorf("expected at most %d bytes of JSON, found %d", mostJSON, info.Size())
	}
	text, err := os.ReadFile(base + ".json")
	if err != nil {
		return nil, err
	}
	f, err := os.Open(base + ".bin")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parse(text, f)
}

// parse reads a checkpoint. Memory is taken as bytes come in, whatever the header promises.
func parse(text []byte, bin io.Reader) (map[string]safetensors.Tensor, error) {
	var h header
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, fmt.Errorf("expected a list of variables as JSON: %w", err)
	}
	data, err := uncompressed(bin)
	if err != nil {
		return nil, err
	}
	tensors, at := map[string]safetensors.Tensor{}, int64(0)
	for _, v := range h.Variables {
		path, ok := strings.CutPrefix(v.ParameterName, prefix+"/")
		name := strings.ReplaceAll(path, "/", ".")
		if _, twice := tensors[name]; !ok || path == "" || twice {
			return nil, fmt.Errorf("expected different variables with paths, found %q", v.ParameterName)
		}
		dtype, size, err := v.size()
		if err != nil {
			return nil, err
		}
		if v.Pos != at || v.Length != size {
			return nil, fmt.Errorf("variable %s: expected %d bytes at %d, found %d at %d", path, size, at, v.Length, v.Pos)
		}
		values, err := io.ReadAll(io.LimitReader(data, size))
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", path, err)
		}
		if int64(len(values)) != size {
			return nil, fmt.Errorf("variable %s: expected %d bytes, found %d", path, size, len(values))
		}
		tensors[name] = safetensors.Tensor{DType: dtype, Shape: append([]int{}, v.Dimensions...), Data: values}
		at += size
	}
	if n, err := io.Copy(io.Discard, data); n > 0 || err != nil {
		return nil, errors.Join(fmt.Errorf("expected %d bytes of variables, found %d more", at, n), err)
	}
	return tensors, nil
}

// size is a variable's type and how many bytes it has.
func (v variable) size() (safetensors.DType, int64, error) {
	types := map[dtypes.DType]safetensors.DType{dtypes.Float64: safetensors.F64, dtypes.Float32: safetensors.F32, dtypes.Float16: safetensors.F16,
		dtypes.BFloat16: safetensors.BF16, dtypes.Uint64: safetensors.U64, dtypes.Int64: safetensors.I64, dtypes.Uint32: safetensors.U32,
		dtypes.Int32: safetensors.I32, dtypes.Uint16: safetensors.U16, dtypes.Int16: safetensors.I16, dtypes.Int8: safetensors.I8,
		dtypes.Uint8: safetensors.U8, dtypes.Bool: safetensors.Bool}
	var known dtypes.DType
	dtype, ok := safetensors.DType(""), false
	if known.UnmarshalText([]byte(v.DType)) == nil {
		dtype, ok = types[known]
	}
	if !ok {
		return "", 0, fmt.Errorf("variable %s: expected a type that safetensors files have, found %q", v.ParameterName, v.DType)
	}
	size := int64(dtype.Size())
	for _, d := range v.Dimensions {
		if d < 0 || d > 0 && size > math.MaxInt64/int64(d) {
			return "", 0, fmt.Errorf("variable %s: expected dimensions that can be, found %v", v.ParameterName, v.Dimensions)
		}
		size *= int64(d)
	}
	return dtype, size, nil
}

// uncompressed is what the variables are read from.
func uncompressed(bin io.Reader) (io.Reader, error) {
	start := make([]byte, len(binHeader))
	n, err := io.ReadFull(bin, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if string(start[:n]) != binHeader {
		return io.MultiReader(bytes.NewReader(start[:n]), bin), nil
	}
	unzipped, err := gzip.NewReader(bin)
	if err != nil {
		return nil, fmt.Errorf("expected variables compressed with gzip: %w", err)
	}
	return unzipped, nil
}
