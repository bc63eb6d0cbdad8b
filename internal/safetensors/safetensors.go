// Package safetensors reads and writes tensors by name in the safetensors format: 8 bytes of little-endian header
// length, a JSON header {name: {dtype, shape, data_offsets}}, then the raw little-endian row-major data.
//
// The reader trusts nothing: lengths, offsets, overlaps, gaps, duplicate names and shapes are checked before any
// of them is used, and a file is never larger in memory than it is on disk. [Load] reads a file whole; [Open] maps it,
// or all shards of an index, so that only what is looked at takes memory.
package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/glimpse-ml/glimpse/internal/mmap"
)

// DType is the type of a tensor's elements, as the format names it.
type DType string

// The types that the format knows and this package reads.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	U64  DType = "U64"
	I64  DType = "I64"
	U32  DType = "U32"
	I32  DType = "I32"
	U16  DType = "U16"
	I16  DType = "I16"
	I8   DType = "I8"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

// Size is the number of bytes of one element, or 0 for a type this package does not know.
func (d DType) Size() int {
	switch d {
	case F64, I64, U64:
		return 8
	case F32, I32, U32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case I8, U8, Bool:
		return 1
	}
	return 0
}

// Tensor is one named array. Data holds its elements, little-endian and row-major; Shape is empty for a scalar.
type Tensor struct {
	DType DType
	Shape []int
	Data  []byte
}

// Len is the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// FromFloat32s makes an F32 tensor.
func FromFloat32s(values []float32, shape ...int) Tensor {
	data := make([]byte, 4*len(values))
	putFloat32s(data, values)
	return Tensor{DType: F32, Shape: slices.Clone(shape), Data: data}
}

// FromInt32s makes an I32 tensor.
func FromInt32s(values []int32, shape ...int) Tensor {
	data := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(data[4*i:], uint32(v))
	}
	return Tensor{DType: I32, Shape: slices.Clone(shape), Data: data}
}

// Float32s returns the elements of an F32 tensor. See [Tensor.AsFloat32s] for the other types.
func (t Tensor) Float32s() ([]float32, error) {
	if t.DType != F32 {
		return nil, fmt.Errorf("expected a tensor of type F32, found %s", t.DType)
	}
	return t.AsFloat32s()
}

// Int32s returns the elements of an I32 tensor, or of an I64 tensor whose values fit.
func (t Tensor) Int32s() (values []int32, err error) {
	if t.DType != I32 && t.DType != I64 {
		return nil, fmt.Errorf("expected a tensor of type I32 or I64, found %s", t.DType)
	}
	err = mmap.Guard(func() error {
		values = make([]int32, len(t.Data)/t.DType.Size())
		for i := range values {
			if t.DType == I32 {
				values[i] = int32(binary.LittleEndian.Uint32(t.Data[4*i:]))
				continue
			}
			v := int64(binary.LittleEndian.Uint64(t.Data[8*i:]))
			if v < math.MinInt32 || v > math.MaxInt32 {
				return fmt.Errorf("expected whole numbers of 32 bits, found %d", v)
			}
			values[i] = int32(v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}

// FromUint64s makes a U64 tensor.
func FromUint64s(values []uint64, shape ...int) Tensor {
	data := make([]byte, 8*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint64(data[8*i:], v)
	}
	return Tensor{DType: U64, Shape: slices.Clone(shape), Data: data}
}

// Uint64s returns the elements of a U64 tensor.
func (t Tensor) Uint64s() ([]uint64, error) {
	if t.DType != U64 {
		return nil, fmt.Errorf("expected a tensor of type U64, found %s", t.DType)
	}
	values := make([]uint64, len(t.Data)/8)
	err := mmap.Guard(func() error {
		for i := range values {
			values[i] = binary.LittleEndian.Uint64(t.Data[8*i:])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}
