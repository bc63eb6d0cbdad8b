package search

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// bruteForce is the definition of what a search finds: all scores in float64, sorted, of equal ones the lower row first.
func bruteForce(t *testing.T, x *Index, query []float32, k int) []Hit {
	hits := make([]Hit, x.Len())
	for i := range hits {
		s := 0.0
		for j, v := range rowOf(t, x, i) {
			s += float64(v) * float64(query[j])
		}
		hits[i] = Hit{i, s}
	}
	slices.SortStableFunc(hits, func(a, b Hit) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	})
	return hits[:min(k, len(hits))]
}

// At 100,000 rows, every kernel and any number of queries at once find exactly what brute force in float64 finds: the same
// rows, in the same order, with the same scores.
func TestSearchIsExact(t *testing.T) {
	const n, d, k = 100_000, 64, 100
	for _, dtype := range []DType{Float16, Float32} {
		x := made(t, filepath.Join(t.TempDir(), "index"), n, d, dtype)
		rng := rand.New(rand.NewPCG(5, 6))
		var queries [][]float32
		for range 4 {
			queries = append(queries, unit(rng, d))
		}
		queries = append(queries, rowOf(t, x, 17)) // itself comes first
		var want [][]Hit
		for _, q := range queries {
			want = append(want, bruteForce(t, x, q, k))
		}
		for _, kernel := range kernels(dtype) {
			x.kernel = kernel
			found, err := x.Search(t.Context(), queries, k)
			if err != nil {
				t.Fatal(err)
			}
			for q := range queries {
				if !slices.Equal(found[q], want[q]) {
					t.Errorf("%s, %s, query %d: expected %v, found %v", dtype, kernel.name, q, want[q][:3], found[q][:3])
				}
			}
			if found[4][0].Row != 17 {
				t.Errorf("%s: expected row 17 to be nearest to itself, found %v", kernel.name, found[4][0])
			}
		}
	}
}

// Rows that are equal come in their order, also when there are more of them than hits, and in different chunks.
func TestSearchTies(t *testing.T) {
	const n, d = 3 * scanChunk, 16
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(9, 9))
	rows := [][]float32{unit(rng, d), unit(rng, d), unit(rng, d)}
	entries := make([]Entry, n)
	meta := Meta{Dims: d, DType: Float16, Rows: n, Generation: 1}
	for i := range entries {
		entries[i].Path = fmt.Sprint(i)
	}
	vectors, err := writePart(dir, "vectors-1.f16", func(w io.Writer) error {
		for i := range n {
			row, err := encode(rows[i%3], Float16)
			if err != nil {
				return err
			}
			if _, err := w.Write(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	meta.Vectors = vectors
	if meta.Files, err = writePart(dir, "files-1.table", func(w io.Writer) error {
		_, err := w.Write(appendTable(nil, entries, nil))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	content, err := meta.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, MetaFile), content, 0o644); err != nil {
		t.Fatal(err)
	}
	x, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for _, k := range []int{1, 7, scanChunk + 5, n, n + 10} {
		found, err := x.Search(t.Context(), [][]float32{rows[1]}, k)
		if err != nil {
			t.Fatal(err)
		}
		if want := bruteForce(t, x, rows[1], k); !slices.Equal(found[0], want) {
			t.Errorf("k = %d: expected %v, found %v", k, want[:1], found[0][:1])
		}
	}
}

func TestSearchRefuses(t *testing.T) {
	x := made(t, filepath.Join(t.TempDir(), "index"), 10, 8, Float16)
	good := unit(rand.New(rand.NewPCG(1, 1)), 8)
	zero := float32(0)
	for want, call := range map[string]func() ([][]Hit, error){
		"from 1 to":                      func() ([][]Hit, error) { return x.Search(t.Context(), [][]float32{good}, 0) },
		"embedding of 8 numbers":         func() ([][]Hit, error) { return x.Search(t.Context(), [][]float32{good[:7]}, 1) },
		"query 1: expected an embedding": func() ([][]Hit, error) { return x.Search(t.Context(), [][]float32{good, make([]float32, 8)}, 1) },
		"length NaN": func() ([][]Hit, error) {
			return x.Search(t.Context(), [][]float32{{zero / zero, 0, 0, 0, 0, 0, 0, 0}}, 1)
		},
		"canceled": func() ([][]Hit, error) {
			ctx, stop := context.WithCancel(t.Context())
			stop()
			return x.Search(ctx, [][]float32{good}, 1)
		},
	} {
		if _, err := call(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected an error with %q, found: %v", want, err)
		}
	}
	if found, err := x.Search(t.Context(), [][]float32{good}, 100); err != nil || len(found[0]) != 10 {
		t.Errorf("expected all 10 rows, found %d (%v)", len(found[0]), err)
	}
	if found, err := x.Search(t.Context(), nil, 1); err != nil || len(found) != 0 {
		t.Errorf("no queries: found %v (%v)", found, err)
	}
}

// BenchmarkSearch1M is the bar: a million rows of 512 float16 numbers. Opening, which checks all bytes, is reported too.
func BenchmarkSearch1M(b *testing.B) {
	if testing.Short() {
		b.Skip("writes 1 GB")
	}
	const n, d = 1_000_000, 512
	dir := filepath.Join(b.TempDir(), "index")
	made(b, dir, n, d, Float16).Close()
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // the peak counts from here
	began := time.Now()
	x, err := Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	open := time.Since(began)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, count := range []int{1, 4, 16} {
		var queries [][]float32
		for range count {
			queries = append(queries, unit(rng, d))
		}
		b.Run(fmt.Sprintf("%d queries", count), func(b *testing.B) {
			var times []time.Duration
			for b.Loop() {
				began := time.Now()
				if _, err := x.Search(b.Context(), queries, 10); err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(began))
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000/float64(count), "ms/query(median)")
			b.ReportMetric(float64(times[0].Microseconds())/1000/float64(count), "ms/query(min)")
			b.ReportMetric(float64(open.Milliseconds()), "ms/open")
			b.ReportMetric(peakMemory()/1e9, "GB-peak")
		})
	}
}

// peakMemory is the most memory that this process has had, mapped files included, in bytes; 0 where Linux is not.
func peakMemory() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kb); n == 1 {
			return kb * 1024
		}
	}
	return 0
}
