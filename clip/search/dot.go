package search

import (
	"encoding/binary"
	"math"

	"github.com/glimpse-ml/glimpse/internal/float16"
)

// kernel computes scores in float32: dst[q][i] is the dot product of row i and query q, summed in any order. rows holds
// len(dst[q]) rows of as many numbers as a query has, little-endian, in the kernel's type.
type kernel struct {
	name   string
	scores func(dst [][]float32, rows []byte, queries [][]float32)
}

// kernels are the ways to compute scores on this machine, the fastest last. All of them find the same nearest rows, because
// what comes near is computed again by [exact].
func kernels(dtype DType) []kernel {
	plain := kernel{"pure Go", each(dot32)}
	if dtype == Float16 {
		plain = kernel{"pure Go", each(dot16)}
	}
	return append([]kernel{plain}, simdKernels(dtype)...)
}

// each computes the scores of one row and one query after the other.
func each(dot func(row []byte, query []float32) float32) func(dst [][]float32, rows []byte, queries [][]float32) {
	return func(dst [][]float32, rows []byte, queries [][]float32) {
		for q, query := range queries {
			size := len(rows) / len(dst[q])
			for i := range dst[q] {
				dst[q][i] = dot(rows[i*size:(i+1)*size], query)
			}
		}
	}
}

// halfScale is the factor on the queries of float16 rows. The bits of a float16, shifted into the place of a float32's, are
// the number times 2^-112 (its exponent is biased by 15 and not by 127), for subnormal numbers too. The query makes up for
// it, without rounding: its numbers are far below 2^15.
const halfScale = 0x1p112

// scaled is the query in the form that a kernel for dtype takes.
func scaled(query []float32, dtype DType) []float32 {
	if dtype != Float16 {
		return query
	}
	out := make([]float32, len(query))
	for i, v := range query {
		out[i] = v * halfScale
	}
	return out
}

// dot16 is the product of a float16 row and a query scaled by [halfScale]. Four sums let the processor overlap the additions.
func dot16(row []byte, query []float32) float32 {
	row = row[:2*len(query)]
	at := func(j int) float32 {
		h := uint32(binary.LittleEndian.Uint16(row[2*j:]))
		return math.Float32frombits(h&0x7fff<<13|h&0x8000<<16) * query[j]
	}
	var a, b, c, d float32
	j := 0
	for ; j+4 <= len(query); j += 4 {
		a += at(j)
		b += at(j + 1)
		c += at(j + 2)
		d += at(j + 3)
	}
	for ; j < len(query); j++ {
		a += at(j)
	}
	return a + b + (c + d)
}

// dot32 is the product of a float32 row and a query.
func dot32(row []byte, query []float32) float32 {
	row = row[:4*len(query)]
	at := func(j int) float32 {
		return math.Float32frombits(binary.LittleEndian.Uint32(row[4*j:])) * query[j]
	}
	var a, b, c, d float32
	j := 0
	for ; j+4 <= len(query); j += 4 {
		a += at(j)
		b += at(j + 1)
		c += at(j + 2)
		d += at(j + 3)
	}
	for ; j < len(query); j++ {
		a += at(j)
	}
	return a + b + (c + d)
}

// errorBound is how far a kernel's score may be from the exact one, for rows and queries of d numbers whose norms are at
// most maxNorm. In any order of summation |fl(x.y) - x.y| <= n u / (1 - n u) * sum |x_i y_i| (Higham 2002, Accuracy and
// Stability of Numerical Algorithms, section 3.1), with u = 2^-24 and n = d, and the sum is at most the product of the norms.
// Four more roundings leave room for what is lost when products are too small for float32.
func errorBound(d int) float64 {
	n := float64(d + 4)
	const u = 0x1p-24
	return n * u / (1 - n*u) * maxNorm * maxNorm
}

// exact is the score that counts: the sum, from the first number to the last, of the products in float64. The products are
// exact (11 or 24 bits times 24 bits), so the score is the same on every machine. buf has the length of a row.
func exact(row []byte, dtype DType, query, buf []float32) float64 {
	decode(buf, row, dtype)
	s := 0.0
	for j, v := range query {
		s += float64(buf[j]) * float64(v)
	}
	return s
}

// decode widens one row.
func decode(dst []float32, row []byte, dtype DType) {
	if dtype == Float16 {
		float16.Decode(dst, row)
		return
	}
	for j := range dst {
		dst[j] = math.Float32frombits(binary.LittleEndian.Uint32(row[4*j:]))
	}
}

// encode rounds one row to dtype.
func encode(row []float32, dtype DType) ([]byte, error) {
	if dtype == Float16 {
		return float16.Encode(row)
	}
	out := make([]byte, 0, 4*len(row))
	for _, v := range row {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out, nil
}
