package search

import (
	"math"
	"math/rand/v2"
	"testing"
)

// unit is a random unit vector. Every eighth number is tiny, so that float16 has subnormal numbers to hold.
func unit(rng *rand.Rand, d int) []float32 {
	v := make([]float32, d)
	norm := 0.0
	for i := range v {
		x := rng.NormFloat64()
		if i%8 == 5 {
			x *= 1e-5
		}
		v[i] = float32(x)
		norm += x * x
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(norm))
	}
	return v
}

// All kernels are within the bound of the exact score, at every length of a row and every number of queries: what the
// search relies on.
func TestKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, dtype := range []DType{Float16, Float32} {
		all := kernels(dtype)
		t.Logf("%s: %d kernels, the fastest is %s", dtype, len(all), all[len(all)-1].name)
		for d := 1; d <= 600; d += 1 + d/40 {
			const n = 5
			var rows []byte
			for range n {
				row, err := encode(unit(rng, d), dtype)
				if err != nil {
					t.Fatal(err)
				}
				rows = append(rows, row...)
			}
			for count := 1; count <= 9; count += 4 { // 1, 5 and 9 queries
				checkKernels(t, all, dtype, d, n, rows, count, rng)
			}
		}
	}
}

func checkKernels(t *testing.T, all []kernel, dtype DType, d, n int, rows []byte, count int, rng *rand.Rand) {
	t.Helper()
	var queries, inForm, scores [][]float32
	for range count {
		q := unit(rng, d)
		queries, inForm, scores = append(queries, q), append(inForm, scaled(q, dtype)), append(scores, make([]float32, n))
	}
	buf, size := make([]float32, d), len(rows)/n
	for _, k := range all {
		k.scores(scores, rows, inForm)
		for q := range queries {
			for i := range n {
				want := exact(rows[i*size:(i+1)*size], dtype, queries[q], buf)
				if got := float64(scores[q][i]); !(math.Abs(got-want) <= errorBound(d)) {
					t.Fatalf("%s, %s, d = %d, query %d, row %d: expected %g within %g, found %g", k.name, dtype, d, q, i, want, errorBound(d), got)
				}
			}
		}
	}
}

func BenchmarkKernels(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	const d, n = 512, 128
	for _, dtype := range []DType{Float16, Float32} {
		var rows []byte
		for range n {
			row, err := encode(unit(rng, d), dtype)
			if err != nil {
				b.Fatal(err)
			}
			rows = append(rows, row...)
		}
		for _, k := range kernels(dtype) {
			for _, count := range []int{1, 4} {
				var queries, scores [][]float32
				for range count {
					queries, scores = append(queries, scaled(unit(rng, d), dtype)), append(scores, make([]float32, n))
				}
				b.Run(string(dtype)+"/"+k.name+map[int]string{1: "/1 query", 4: "/4 queries"}[count], func(b *testing.B) {
					for b.Loop() {
						k.scores(scores, rows, queries)
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
				})
			}
		}
	}
}
