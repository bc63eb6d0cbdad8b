// Package float16 rounds numbers to IEEE 754 half precision and widens them again, in rows of little-endian bytes.
package float16

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Encode rounds to float16, the nearest number and of two equally near ones the even one.
func Encode(values []float32) ([]byte, error) {
	row := make([]byte, 2*len(values))
	for i, v := range values {
		bits := math.Float32bits(v)
		sign, magnitude := bits>>16&0x8000, math.Abs(float64(v))
		var h uint32
		switch {
		case !(magnitude < tooLarge):
			return nil, fmt.Errorf("expected numbers that float16 can hold, less than %d in size, found %g at position %d",
				int(tooLarge), v, i)
		case magnitude < 0x1p-14: // the float16 is subnormal: a whole number of 2^-24
			h = uint32(math.RoundToEven(magnitude * 0x1p24))
		default:
			bits &= 0x7fffffff
			h = (bits - (127-15)<<23 + 0xfff + bits>>13&1) >> 13
		}
		binary.LittleEndian.PutUint16(row[2*i:], uint16(sign|h))
	}
	return row, nil
}

// tooLarge is the smallest number that float16 rounds to infinity.
const tooLarge = 65520.0

// Decode widens the len(dst) numbers at the beginning of row. Shifted into place, the bits of one are those of a float32 whose exponent is too small by 127-15,
// subnormal numbers included. Infinities and NaN, which [Encode] never writes, come out as large numbers.
func Decode(dst []float32, row []byte) {
	row = row[:2*len(dst)]
	for i := range dst {
		h := uint32(binary.LittleEndian.Uint16(row[2*i:]))
		magnitude := math.Float32frombits(h&0x7fff<<13) * 0x1p112
		dst[i] = math.Float32frombits(math.Float32bits(magnitude) | h&0x8000<<16)
	}
}
