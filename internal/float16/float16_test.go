package float16

import (
	"encoding/binary"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// value is what a finite float16 means, by the definition of IEEE 754.
func value(h uint16) float64 {
	exponent, fraction := int(h>>10&31), float64(h&1023)
	v := math.Ldexp(1024+fraction, exponent-25)
	if exponent == 0 {
		v = math.Ldexp(fraction, -24)
	}
	if h>>15 == 1 {
		return math.Copysign(v, -1)
	}
	return v
}

// TestFloat16 goes through all finite float16 numbers, there and back.
func TestFloat16(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		if h&0x7c00 == 0x7c00 {
			continue
		}
		got := make([]float32, 1)
		Decode(got, binary.LittleEndian.AppendUint16(nil, h))
		if want := float32(value(h)); math.Float32bits(got[0]) != math.Float32bits(want) {
			t.Fatalf("%#04x: expected %g, found %g", h, want, got[0])
		}
		back, err := Encode(got)
		if err != nil || binary.LittleEndian.Uint16(back) != h {
			t.Fatalf("%g: expected %#04x, found %x (%v)", got[0], h, back, err)
		}
	}
}

// TestFloat16IsNearest checks the rounding of any number against its neighbours.
func TestFloat16IsNearest(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		v := rapid.OneOf(
			rapid.Float32Range(-65519, 65519),
			rapid.Float32Range(-1e-4, 1e-4),
			rapid.Map(rapid.Uint16Range(0, 0x7bfe), func(h uint16) float32 { return float32((value(h) + value(h+1)) / 2) }), // ties
		).Draw(r, "v")
		row, err := Encode([]float32{v})
		if err != nil {
			r.Fatal(err)
		}
		h := binary.LittleEndian.Uint16(row)
		distance := math.Abs(value(h) - float64(v))
		for _, other := range []uint16{h - 1, h + 1} {
			if other&0x7c00 == 0x7c00 || (h^other)>>15 == 1 {
				continue
			}
			d := math.Abs(value(other) - float64(v))
			if d < distance || d == distance && h&1 == 1 {
				r.Fatalf("%g: found %#04x (%g), but %#04x (%g) is nearer, or as near and even", v, h, value(h), other, value(other))
			}
		}
	})
}
