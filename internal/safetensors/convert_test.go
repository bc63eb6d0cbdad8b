package safetensors

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// half is the number that a float16 stands for, from the definition of IEEE 754.
func half(h uint16) float64 {
	sign, exponent, mantissa := 1.0, int(h>>10)&0x1f, float64(h&0x3ff)
	if h&0x8000 != 0 {
		sign = -1
	}
	switch exponent {
	case 0:
		return sign * math.Ldexp(mantissa, -24)
	case 0x1f:
		if mantissa != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1+mantissa/1024, exponent-15)
}

func TestFloat16AllValues(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		wide, want := math.Float32frombits(widen16(h)), half(h)
		if math.IsNaN(want) != math.IsNaN(float64(wide)) || !math.IsNaN(want) && (float64(wide) != want || math.Signbit(float64(wide)) != math.Signbit(want)) {
			t.Fatalf("%#04x widens to %g, want %g", h, wide, want)
		}
		if back := narrow16(widen16(h)); back != h {
			t.Fatalf("%#04x comes back as %#04x", h, back)
		}
		if back := narrowB16(uint32(h) << 16); back != h {
			t.Fatalf("bfloat16 %#04x comes back as %#04x", h, back)
		}
	}
}

// Rounding is monotonic, so it is right everywhere when it is right halfway between neighbours and just beside.
func TestRoundsToNearestEven(t *testing.T) {
	for _, kind := range []struct {
		name   string
		widen  func(uint16) uint32
		narrow func(uint32) uint16
		last   uint16 // the largest finite one
		ulp    uint32 // of the last one, as float32 bits to its halfway point
	}{
		{"float16", widen16, narrow16, 0x7bff, 1 << 12},
		{"bfloat16", func(h uint16) uint32 { return uint32(h) << 16 }, narrowB16, 0x7f7f, 1 << 15},
	} {
		for h := uint16(0); h < kind.last; h++ {
			low, high := math.Float32frombits(kind.widen(h)), math.Float32frombits(kind.widen(h+1))
			middle := math.Float32bits(float32((float64(low) + float64(high)) / 2))
			even := h + h&1
			for bits, want := range map[uint32]uint16{middle - 1: h, middle: even, middle + 1: h + 1} {
				if got := kind.narrow(bits); got != want {
					t.Fatalf("%s: %g between %g and %g becomes %#04x, want %#04x", kind.name, math.Float32frombits(bits), low, high, got, want)
				}
				if got := kind.narrow(bits | 1<<31); got != want|0x8000 {
					t.Fatalf("%s: -%g becomes %#04x", kind.name, math.Float32frombits(bits), got)
				}
			}
		}
		end := kind.widen(kind.last) + kind.ulp
		for bits, want := range map[uint32]uint16{end - 1: kind.last, end: kind.last + 1, end + 1: kind.last + 1, 0x7f7fffff: kind.last + 1, 0x7f800000: kind.last + 1} {
			if kind.name == "bfloat16" && bits == end-1 {
				want = kind.last
			}
			if got := kind.narrow(bits); got != want {
				t.Errorf("%s: %g becomes %#04x, want %#04x", kind.name, math.Float32frombits(bits), got, want)
			}
		}
		for _, nan := range []uint32{0x7f800001, 0xff800001, 0x7fc00000, 0x7fffffff} {
			if got := math.Float32frombits(kind.widen(kind.narrow(nan))); !math.IsNaN(float64(got)) {
				t.Errorf("%s: the NaN %#08x becomes %g", kind.name, nan, got)
			}
		}
	}
}

func TestAsFloat32s(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, d := range []DType{F64, F32, F16, BF16, U64, I64, U32, I32, U16, I16, I8, U8, Bool} {
		data := make([]byte, 4096*d.Size())
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		tensor := Tensor{DType: d, Shape: []int{4096}, Data: data}
		got, err := tensor.AsFloat32s()
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			if want := nearest(d, data[i*d.Size():]); math.Float32bits(v) != math.Float32bits(want) && (v == v || want == want) {
				t.Errorf("%s: % x is %g, want %g", d, data[i*d.Size():(i+1)*d.Size()], v, want)
			}
		}
	}
	for _, bad := range []Tensor{{DType: "F8"}, {DType: F32, Data: []byte{1, 2, 3}}} {
		if err := bad.ReadFloat32s(make([]float32, 1)); err == nil {
			t.Errorf("%v was read", bad)
		}
	}
}

// nearest computes with big numbers, slowly.
func nearest(d DType, data []byte) float32 {
	le := binary.LittleEndian
	n := new(big.Float).SetPrec(80)
	switch d {
	case F64:
		return float32(math.Float64frombits(le.Uint64(data)))
	case F32:
		return math.Float32frombits(le.Uint32(data))
	case F16:
		return float32(half(le.Uint16(data)))
	case BF16:
		return math.Float32frombits(uint32(le.Uint16(data)) << 16)
	case U64:
		n.SetUint64(le.Uint64(data))
	case I64:
		n.SetInt64(int64(le.Uint64(data)))
	case U32:
		n.SetUint64(uint64(le.Uint32(data)))
	case I32:
		n.SetInt64(int64(int32(le.Uint32(data))))
	case U16:
		return float32(le.Uint16(data))
	case I16:
		return float32(int16(le.Uint16(data)))
	case I8:
		return float32(int8(data[0]))
	case U8:
		return float32(data[0])
	case Bool:
		if data[0] == 0 {
			return 0
		}
		return 1
	}
	f, _ := n.Float32()
	return f
}

func TestFromFloat32sAs(t *testing.T) {
	values := []float32{0, 1, 100, 127}
	for _, d := range []DType{F64, F32, F16, BF16, U64, I64, U32, I32, U16, I16, I8, U8} {
		tensor, err := FromFloat32sAs(d, values, 2, 2)
		if err != nil {
			t.Fatal(err)
		}
		back, err := tensor.AsFloat32s()
		if err != nil || len(back) != 4 || back[1] != 1 || back[2] != 100 || back[3] != 127 {
			t.Errorf("%s: %v comes back as %v (%v)", d, values, back, err)
		}
	}
	for _, c := range []struct {
		dtype DType
		value float32
		want  string // "" when the type holds it
	}{
		{F16, 65519, ""}, {F16, 65520, "F16 can hold, found 65520 at position 0"}, {F16, float32(math.Inf(-1)), ""}, {BF16, math.MaxFloat32, "BF16 can hold"},
		{U8, 255, ""}, {U8, 256, "U8 can hold"}, {U8, -1, "U8 can hold"}, {I8, -128, ""}, {I8, 128, "I8"}, {I32, 0.5, "whole numbers"},
		{I64, -1 << 63, ""}, {I64, 1 << 63, "I64"}, {U64, 1 << 63, ""}, {U64, 1 << 64, "U64"}, {I32, float32(math.NaN()), "NaN"}, {Bool, 1, ""}, {Bool, 2, "BOOL"},
	} {
		tensor, err := FromFloat32sAs(c.dtype, []float32{c.value})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%g as %s: %v, want %q", c.value, c.dtype, err, c.want)
		}
		if err != nil {
			continue
		}
		back, err := tensor.AsFloat32s()
		if err != nil || math.Abs(float64(back[0]-c.value)) > 32 {
			t.Errorf("%g as %s comes back as %v (%v)", c.value, c.dtype, back, err)
		}
	}
	for _, shape := range [][]int{{3}, {-1}, {1, 2}} {
		if _, err := FromFloat32sAs(F32, []float32{1}, shape...); err == nil {
			t.Errorf("one number was taken for shape %v", shape)
		}
	}
}

func BenchmarkAsFloat32s(b *testing.B) {
	for _, d := range []DType{F32, F16, BF16, F64, I64} {
		b.Run(string(d), func(b *testing.B) {
			values := make([]float32, 1<<22)
			for i := range values {
				values[i] = float32(i%1000 - 500)
			}
			t, err := FromFloat32sAs(d, values, len(values))
			if err != nil {
				b.Fatal(err)
			}
			into := make([]float32, 1<<22)
			b.SetBytes(int64(len(t.Data)))
			for b.Loop() {
				if err := t.ReadFloat32s(into); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
