//go:build goexperiment.simd && amd64

package search

import (
	"math"
	"simd/archsimd"
	"unsafe"
)

// simdKernels are the kernels for this processor's vector instructions. Those for AVX2 do without FMA, which the setting
// GODEBUG=cpu.fma=off, with which the command runs (docs/upstream.md), hides.
func simdKernels(dtype DType) []kernel {
	var found []kernel
	if archsimd.X86.AVX2() {
		if dtype == Float16 {
			found = append(found, kernel{"AVX2", inGroups(one16, four16)})
		} else {
			found = append(found, kernel{"AVX2", inGroups(one32, four32)})
		}
	}
	if archsimd.X86.AVX512() && dtype == Float16 {
		found = append(found, kernel{"AVX-512", inGroups(one16Wide, four16Wide)})
	}
	return found
}

// inGroups computes the scores of four queries in one pass over the rows, and those of the queries that are left one by one.
func inGroups[T any](one func(dst []float32, rows []T, query []float32), four func(dst [][]float32, rows []T, queries [][]float32)) func(dst [][]float32, rows []byte, queries [][]float32) {
	return func(dst [][]float32, rows []byte, queries [][]float32) {
		if len(rows) == 0 {
			return
		}
		var t T
		// The rows of a file that is mapped, or of one that was read, are aligned; amd64 is little-endian.
		numbers := unsafe.Slice((*T)(unsafe.Pointer(&rows[0])), len(rows)/int(unsafe.Sizeof(t)))
		for len(queries) >= 4 {
			four(dst[:4], numbers, queries[:4])
			dst, queries = dst[4:], queries[4:]
		}
		for q, query := range queries {
			one(dst[q], numbers, query)
		}
		// The compiler leaves the upper halves of the registers dirty, which slows all later SSE code down.
		archsimd.ClearAVXUpperBits()
	}
}

// keep are the bits of a float32 that [widen] takes from a float16.
const keep = -0x7000_2000 // 0x8fffe000: sign, and what lies in the low 28 bits

// widen makes eight float32 numbers of float16 ones: sign and magnitude in their places, the value times 2^-112 (see halfScale).
func widen(h *[8]int16, mask archsimd.Int32x8) archsimd.Float32x8 {
	return archsimd.LoadInt16x8(h).ExtendToInt32().ShiftAllLeft(13).And(mask).AsFloat32x8()
}

func load(x *[8]float32) archsimd.Float32x8 { return archsimd.LoadFloat32x8(x) }

func sum(x archsimd.Float32x8) float32 {
	var s [4]float32
	x.GetLo().Add(x.GetHi()).Store(&s)
	return s[0] + s[1] + (s[2] + s[3])
}

func one16(dst []float32, rows []int16, query []float32) {
	d := len(query)
	mask := archsimd.BroadcastInt32x8(keep)
	for i := range dst {
		row := rows[i*d : (i+1)*d]
		var a, b, c, e archsimd.Float32x8
		j := 0
		for ; j+32 <= d; j += 32 {
			r, q := (*[32]int16)(row[j:]), (*[32]float32)(query[j:])
			a = a.Add(widen((*[8]int16)(r[0:8]), mask).Mul(load((*[8]float32)(q[0:8]))))
			b = b.Add(widen((*[8]int16)(r[8:16]), mask).Mul(load((*[8]float32)(q[8:16]))))
			c = c.Add(widen((*[8]int16)(r[16:24]), mask).Mul(load((*[8]float32)(q[16:24]))))
			e = e.Add(widen((*[8]int16)(r[24:32]), mask).Mul(load((*[8]float32)(q[24:32]))))
		}
		for ; j+8 <= d; j += 8 {
			a = a.Add(widen((*[8]int16)(row[j:]), mask).Mul(load((*[8]float32)(query[j:]))))
		}
		s := sum(a.Add(b).Add(c.Add(e)))
		for ; j < d; j++ {
			s += halfTail(row[j]) * query[j]
		}
		dst[i] = s
	}
}

func four16(dst [][]float32, rows []int16, queries [][]float32) {
	q0, q1, q2, q3 := queries[0], queries[1], queries[2], queries[3]
	d := len(q0)
	mask := archsimd.BroadcastInt32x8(keep)
	for i := range dst[0] {
		row := rows[i*d : (i+1)*d]
		var a0, a1, a2, a3, b0, b1, b2, b3 archsimd.Float32x8
		j := 0
		for ; j+16 <= d; j += 16 {
			r := (*[16]int16)(row[j:])
			x, y := widen((*[8]int16)(r[0:8]), mask), widen((*[8]int16)(r[8:16]), mask)
			p0, p1, p2, p3 := (*[16]float32)(q0[j:]), (*[16]float32)(q1[j:]), (*[16]float32)(q2[j:]), (*[16]float32)(q3[j:])
			a0, b0 = a0.Add(x.Mul(load((*[8]float32)(p0[0:8])))), b0.Add(y.Mul(load((*[8]float32)(p0[8:16]))))
			a1, b1 = a1.Add(x.Mul(load((*[8]float32)(p1[0:8])))), b1.Add(y.Mul(load((*[8]float32)(p1[8:16]))))
			a2, b2 = a2.Add(x.Mul(load((*[8]float32)(p2[0:8])))), b2.Add(y.Mul(load((*[8]float32)(p2[8:16]))))
			a3, b3 = a3.Add(x.Mul(load((*[8]float32)(p3[0:8])))), b3.Add(y.Mul(load((*[8]float32)(p3[8:16]))))
		}
		s0, s1, s2, s3 := sum(a0.Add(b0)), sum(a1.Add(b1)), sum(a2.Add(b2)), sum(a3.Add(b3))
		for ; j < d; j++ {
			h := halfTail(row[j])
			s0, s1, s2, s3 = s0+h*q0[j], s1+h*q1[j], s2+h*q2[j], s3+h*q3[j]
		}
		dst[0][i], dst[1][i], dst[2][i], dst[3][i] = s0, s1, s2, s3
	}
}

func one32(dst []float32, rows []float32, query []float32) {
	d := len(query)
	for i := range dst {
		row := rows[i*d : (i+1)*d]
		var a, b, c, e archsimd.Float32x8
		j := 0
		for ; j+32 <= d; j += 32 {
			r, q := (*[32]float32)(row[j:]), (*[32]float32)(query[j:])
			a = a.Add(load((*[8]float32)(r[0:8])).Mul(load((*[8]float32)(q[0:8]))))
			b = b.Add(load((*[8]float32)(r[8:16])).Mul(load((*[8]float32)(q[8:16]))))
			c = c.Add(load((*[8]float32)(r[16:24])).Mul(load((*[8]float32)(q[16:24]))))
			e = e.Add(load((*[8]float32)(r[24:32])).Mul(load((*[8]float32)(q[24:32]))))
		}
		for ; j+8 <= d; j += 8 {
			a = a.Add(load((*[8]float32)(row[j:])).Mul(load((*[8]float32)(query[j:]))))
		}
		s := sum(a.Add(b).Add(c.Add(e)))
		for ; j < d; j++ {
			s += row[j] * query[j]
		}
		dst[i] = s
	}
}

func four32(dst [][]float32, rows []float32, queries [][]float32) {
	q0, q1, q2, q3 := queries[0], queries[1], queries[2], queries[3]
	d := len(q0)
	for i := range dst[0] {
		row := rows[i*d : (i+1)*d]
		var a0, a1, a2, a3 archsimd.Float32x8
		j := 0
		for ; j+8 <= d; j += 8 {
			x := load((*[8]float32)(row[j:]))
			a0 = a0.Add(x.Mul(load((*[8]float32)(q0[j:]))))
			a1 = a1.Add(x.Mul(load((*[8]float32)(q1[j:]))))
			a2 = a2.Add(x.Mul(load((*[8]float32)(q2[j:]))))
			a3 = a3.Add(x.Mul(load((*[8]float32)(q3[j:]))))
		}
		s0, s1, s2, s3 := sum(a0), sum(a1), sum(a2), sum(a3)
		for ; j < d; j++ {
			s0, s1, s2, s3 = s0+row[j]*q0[j], s1+row[j]*q1[j], s2+row[j]*q2[j], s3+row[j]*q3[j]
		}
		dst[0][i], dst[1][i], dst[2][i], dst[3][i] = s0, s1, s2, s3
	}
}

// halfTail is [widen] for one number.
func halfTail(h int16) float32 {
	bits := uint32(int32(h)<<13) & 0x8fffe000
	return math.Float32frombits(bits)
}
