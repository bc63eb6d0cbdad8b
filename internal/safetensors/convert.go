package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/glimpse-ml/glimpse/internal/mmap"
)

// AsFloat32s returns the elements of a tensor of any type as float32, in memory of their own. F16, BF16, BOOL and whole
// numbers of 8 and 16 bits have an equal float32 each; of F64 and wider whole numbers it is the nearest, half to even.
func (t Tensor) AsFloat32s() ([]float32, error) {
	size := t.DType.Size()
	if size == 0 {
		return nil, fmt.Errorf("expected a tensor of a known type, found %q", t.DType)
	}
	values := make([]float32, len(t.Data)/size)
	if err := t.ReadFloat32s(values); err != nil {
		return nil, err
	}
	return values, nil
}

// ReadFloat32s is [Tensor.AsFloat32s] into memory that is there already, as long as the tensor.
func (t Tensor) ReadFloat32s(into []float32) error {
	size := t.DType.Size()
	if size == 0 || len(t.Data) != size*len(into) {
		return fmt.Errorf("expected %d numbers of a known type, found %d bytes of type %q", len(into), len(t.Data), t.DType)
	}
	return mmap.Guard(func() error {
		t.readFloat32s(into)
		return nil
	})
}

func (t Tensor) readFloat32s(into []float32) {
	data, le := t.Data[:t.DType.Size()*len(into)], binary.LittleEndian
	switch t.DType {
	case F32:
		if littleEndian {
			copy(bytesOf(into), data)
			return
		}
		for i := range into {
			into[i] = math.Float32frombits(le.Uint32(data[4*i:]))
		}
	case F16:
		for ; len(into) >= 4 && len(data) >= 8; into, data = into[4:], data[8:] {
			w := le.Uint64(data)
			if allNormal16(w) {
				into[0], into[1], into[2], into[3] = normal16(w), normal16(w>>16), normal16(w>>32), normal16(w>>48)
				continue
			}
			for i := range 4 {
				into[i] = math.Float32frombits(widen16(uint16(w >> (16 * i))))
			}
		}
		for i := range into {
			into[i] = math.Float32frombits(widen16(le.Uint16(data[2*i:])))
		}
	case BF16:
		for ; len(into) >= 4 && len(data) >= 8; into, data = into[4:], data[8:] {
			w := le.Uint64(data)
			into[0], into[1] = math.Float32frombits(uint32(w)<<16), math.Float32frombits(uint32(w)&0xffff0000)
			into[2], into[3] = math.Float32frombits(uint32(w>>32)<<16), math.Float32frombits(uint32(w>>32)&0xffff0000)
		}
		for i := range into {
			into[i] = math.Float32frombits(uint32(le.Uint16(data[2*i:])) << 16)
		}
	case F64:
		for i := range into {
			into[i] = float32(math.Float64frombits(le.Uint64(data[8*i:])))
		}
	default:
		for i := range into {
			into[i] = t.integer(i)
		}
	}
}

// integer is element i of a tensor of whole numbers or truth values.
func (t Tensor) integer(i int) float32 {
	data, le := t.Data[i*t.DType.Size():], binary.LittleEndian
	switch t.DType {
	case U64:
		return float32(le.Uint64(data))
	case I64:
		return float32(int64(le.Uint64(data)))
	case U32:
		return float32(le.Uint32(data))
	case I32:
		return float32(int32(le.Uint32(data)))
	case U16:
		return float32(le.Uint16(data))
	case I16:
		return float32(int16(le.Uint16(data)))
	case I8:
		return float32(int8(data[0]))
	case Bool:
		return float32(min(data[0], 1))
	}
	return float32(data[0]) // U8
}

// FromFloat32sAs makes a tensor of any type. F16 and BF16 are rounded to the nearest, half to even; a finite number that
// they would make infinite, and one that a type of whole numbers does not hold exactly, is an error.
func FromFloat32sAs(dtype DType, values []float32, shape ...int) (Tensor, error) {
	t := Tensor{DType: dtype, Shape: slices.Clone(shape), Data: make([]byte, dtype.Size()*len(values))}
	if size, ok := sizeOf(dtype, shape); dtype.Size() == 0 || !ok || size != int64(len(t.Data)) {
		return Tensor{}, fmt.Errorf("expected a known type and as many numbers as the shape says, found type %q, shape %v and %d numbers", dtype, shape, len(values))
	}
	le := binary.LittleEndian
	switch dtype {
	case F32:
		putFloat32s(t.Data, values)
	case F64:
		for i, v := range values {
			le.PutUint64(t.Data[8*i:], math.Float64bits(float64(v)))
		}
	case F16, BF16:
		narrow, infinite := narrow16, uint16(0x7c00)
		if dtype == BF16 {
			narrow, infinite = narrowB16, 0x7f80
		}
		for i, v := range values {
			h := narrow(math.Float32bits(v))
			if h&0x7fff == infinite && isFinite(v) {
				return Tensor{}, fmt.Errorf("expected numbers that %s can hold, found %g at position %d", dtype, v, i)
			}
			le.PutUint16(t.Data[2*i:], h)
		}
	default:
		for i, v := range values {
			if !t.putInteger(i, v) {
				return Tensor{}, fmt.Errorf("expected whole numbers that %s can hold, found %g at position %d", dtype, v, i)
			}
		}
	}
	return t, nil
}

// putInteger sets element i of a tensor of whole numbers or truth values; ok is false when the type does not hold v.
func (t Tensor) putInteger(i int, v float32) (ok bool) {
	low, high := t.DType.bounds()
	if f := float64(v); !(f >= low && f < high) || f != math.Trunc(f) {
		return false
	}
	size := t.DType.Size()
	n := uint64(int64(v))
	if v >= 1<<63 {
		n = uint64(v)
	}
	for b := range size {
		t.Data[i*size+b] = byte(n >> (8 * b))
	}
	return true
}

// bounds gives the whole numbers of a type, from low to the one before high.
func (d DType) bounds() (low, high float64) {
	switch d {
	case Bool:
		return 0, 2
	case U8, U16, U32, U64:
		return 0, math.Ldexp(1, 8*d.Size())
	}
	return -math.Ldexp(1, 8*d.Size()-1), math.Ldexp(1, 8*d.Size()-1)
}

// littleEndian says whether numbers lie in memory as they lie in files.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

func putFloat32s(data []byte, values []float32) {
	if littleEndian {
		copy(data, bytesOf(values))
		return
	}
	for i, v := range values {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
	}
}

// bytesOf is the memory of values.
func bytesOf(values []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), 4*len(values))
}
