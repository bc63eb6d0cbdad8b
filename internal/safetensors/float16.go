package safetensors

import (
	"math"
	"math/bits"
)

// widen16 is the float32 equal to a float16 (IEEE 754 binary16: 1 sign, 5 exponent and 10 mantissa bits). All 65536
// values have one; the payload of a NaN keeps its place.
func widen16(h uint16) uint32 {
	sign, exponent, mantissa := uint32(h&0x8000)<<16, uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch {
	case exponent == 0x1f: // infinity, NaN
		return sign | 0x7f800000 | mantissa<<13
	case exponent != 0:
		return sign | (exponent+127-15)<<23 | mantissa<<13
	case mantissa == 0:
		return sign
	}
	shift := uint32(bits.LeadingZeros32(mantissa)) - 21 // subnormal: a float32 has room to make it normal
	return sign | (127-15+1-shift)<<23 | mantissa<<shift&0x3ff<<13
}

// normal16 is widen16 of what is neither zero nor subnormal, infinite or NaN: only the exponent moves.
func normal16(h uint64) float32 {
	return math.Float32frombits(uint32(h)&0x8000<<16 | (uint32(h)&0x7fff<<13 + (127-15)<<23))
}

// allNormal16 says whether normal16 will do for each of the four float16 in w.
func allNormal16(w uint64) bool {
	const exponents, ones, tops = 0x7c00_7c00_7c00_7c00, 0x0400_0400_0400_0400, 0x8000_8000_8000_8000
	e := w & exponents
	return ((e+ones)|^((e|tops)-ones))&tops == 0 // no carry to the left: infinity alone sets the top bit, zero alone loses it
}

// narrow16 is the float16 nearest to a float32, and of two equally near ones the even one. What lies beyond becomes
// infinite, a NaN stays one.
func narrow16(f uint32) uint16 {
	sign, f := uint16(f>>16)&0x8000, f&0x7fffffff
	switch {
	case f > 0x7f800000: // NaN: as much of the payload as there is room for
		payload := uint16(f>>13) & 0x3ff
		if payload == 0 {
			payload = 0x200
		}
		return sign | 0x7c00 | payload
	case f >= 0x47800000: // 65536 and more
		return sign | 0x7c00
	case f < 0x33000000: // less than half of the smallest subnormal
		return sign
	case f < 0x38800000: // subnormal: a whole number of 2^-24
		mantissa, shift := f&0x7fffff|0x800000, 126-f>>23 // value = mantissa x 2^-(shift+24)
		return sign | uint16(roundShift(mantissa, shift))
	}
	return sign | uint16(roundShift(f-(127-15)<<23, 13)) // a carry out of the mantissa is the next exponent, up to infinity
}

// narrowB16 is the bfloat16 (the upper half of a float32) nearest to a float32, rounded as by narrow16.
func narrowB16(f uint32) uint16 {
	if f&0x7fffffff > 0x7f800000 {
		if f&0x7f0000 == 0 {
			f |= 0x400000 // the payload lay in the lower half
		}
		return uint16(f >> 16)
	}
	return uint16(roundShift(f, 16))
}

// roundShift is n / 2^shift, rounded to the nearest whole number, half to even.
func roundShift(n, shift uint32) uint32 {
	return uint32((uint64(n) + 1<<(shift-1) - 1 + uint64(n>>shift&1)) >> shift)
}

func isFinite(f float32) bool { return math.Float32bits(f)&0x7f800000 != 0x7f800000 }
