//go:build goexperiment.simd && amd64

package search

import "simd/archsimd"

// The kernels of dot_simd.go for sixteen numbers at a time. AVX-512 has the fused product and sum whatever GODEBUG says.

func widenWide(h *[16]int16, mask archsimd.Int32x16) archsimd.Float32x16 {
	return archsimd.LoadInt16x16(h).ExtendToInt32().ShiftAllLeft(13).And(mask).AsFloat32x16()
}

func loadWide(x *[16]float32) archsimd.Float32x16 { return archsimd.LoadFloat32x16(x) }

func sumWide(x archsimd.Float32x16) float32 { return sum(x.GetLo().Add(x.GetHi())) }

func one16Wide(dst []float32, rows []int16, query []float32) {
	d := len(query)
	mask := archsimd.BroadcastInt32x16(keep)
	for i := range dst {
		row := rows[i*d : (i+1)*d]
		var a, b, c, e archsimd.Float32x16
		j := 0
		for ; j+64 <= d; j += 64 {
			r, q := (*[64]int16)(row[j:]), (*[64]float32)(query[j:])
			a = widenWide((*[16]int16)(r[0:16]), mask).MulAdd(loadWide((*[16]float32)(q[0:16])), a)
			b = widenWide((*[16]int16)(r[16:32]), mask).MulAdd(loadWide((*[16]float32)(q[16:32])), b)
			c = widenWide((*[16]int16)(r[32:48]), mask).MulAdd(loadWide((*[16]float32)(q[32:48])), c)
			e = widenWide((*[16]int16)(r[48:64]), mask).MulAdd(loadWide((*[16]float32)(q[48:64])), e)
		}
		for ; j+16 <= d; j += 16 {
			a = widenWide((*[16]int16)(row[j:]), mask).MulAdd(loadWide((*[16]float32)(query[j:])), a)
		}
		s := sumWide(a.Add(b).Add(c.Add(e)))
		for ; j < d; j++ {
			s += halfTail(row[j]) * query[j]
		}
		dst[i] = s
	}
}

func four16Wide(dst [][]float32, rows []int16, queries [][]float32) {
	q0, q1, q2, q3 := queries[0], queries[1], queries[2], queries[3]
	d := len(q0)
	mask := archsimd.BroadcastInt32x16(keep)
	for i := range dst[0] {
		row := rows[i*d : (i+1)*d]
		var a0, a1, a2, a3 archsimd.Float32x16
		j := 0
		for ; j+16 <= d; j += 16 {
			x := widenWide((*[16]int16)(row[j:]), mask)
			a0 = x.MulAdd(loadWide((*[16]float32)(q0[j:])), a0)
			a1 = x.MulAdd(loadWide((*[16]float32)(q1[j:])), a1)
			a2 = x.MulAdd(loadWide((*[16]float32)(q2[j:])), a2)
			a3 = x.MulAdd(loadWide((*[16]float32)(q3[j:])), a3)
		}
		s0, s1, s2, s3 := sumWide(a0), sumWide(a1), sumWide(a2), sumWide(a3)
		for ; j < d; j++ {
			h := halfTail(row[j])
			s0, s1, s2, s3 = s0+h*q0[j], s1+h*q1[j], s2+h*q2[j], s3+h*q3[j]
		}
		dst[0][i], dst[1][i], dst[2][i], dst[3][i] = s0, s1, s2, s3
	}
}
