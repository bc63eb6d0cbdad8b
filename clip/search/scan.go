package search

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/glimpse-ml/glimpse/internal/mmap"
)

// Hit is a picture that was found.
type Hit struct {
	Row   int
	Score float64 // the cosine with the query: the dot product of the stored row and the query, in float64
}

// compare orders hits as they are listed: the highest score first, of equal ones the lower row.
func compare(a, b Hit) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row))
}

// maxNorm bounds the norms of rows and queries. Unit vectors that were rounded to float16 stay well below.
const maxNorm = 1.02

const (
	scanBlock = 128       // rows whose scores are computed before they are looked at
	scanChunk = 32 * 128  // rows that a worker takes at a time
	maxK      = 1_000_000 // hits that can be asked for
)

// Search finds, for every query, the k rows with the highest scores (all rows when there are fewer), the best first. Queries
// are unit vectors. The result is that of computing all scores in float64 and sorting them, row by row. All queries
// share one pass over the rows, and all cores take part.
func (x *Index) Search(ctx context.Context, queries [][]float32, k int) ([][]Hit, error) {
	if k < 1 || k > maxK {
		return nil, fmt.Errorf("expected a number of pictures to find from 1 to %d, found %d", maxK, k)
	}
	for i, q := range queries {
		if err := checkVector(q, x.Meta.Dims); err != nil {
			return nil, fmt.Errorf("query %d: %w", i, err)
		}
	}
	if len(queries) == 0 || x.Len() == 0 {
		return make([][]Hit, len(queries)), nil
	}
	workers := min(runtime.GOMAXPROCS(0), (x.Len()+scanChunk-1)/scanChunk)
	found := make([]*scan, workers)
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range found {
		s := x.newScan(queries, k)
		found[w] = s
		wg.Go(func() {
			s.err = mmap.Guard(func() error {
				for ctx.Err() == nil {
					from := int(next.Add(scanChunk)) - scanChunk
					if from >= x.Len() {
						return nil
					}
					s.rows(from, min(from+scanChunk, x.Len()))
				}
				return ctx.Err()
			})
		})
	}
	wg.Wait()
	for _, s := range found {
		if s.err != nil {
			return nil, s.err
		}
	}
	out := make([][]Hit, len(queries))
	for q := range out {
		for _, s := range found {
			out[q] = append(out[q], s.best[q].hits...)
		}
		slices.SortFunc(out[q], compare)
		out[q] = out[q][:min(k, len(out[q]))]
	}
	return out, nil
}

// checkVector says whether v can be a row or a query: a unit vector of d numbers, up to rounding.
func checkVector(v []float32, d int) error {
	if len(v) != d {
		return fmt.Errorf("expected an embedding of %d numbers, found %d", d, len(v))
	}
	norm := 0.0
	for _, x := range v {
		norm += float64(x) * float64(x)
	}
	if norm = math.Sqrt(norm); !(norm > 2-maxNorm && norm < maxNorm) {
		return fmt.Errorf("expected an embedding of length 1, found one of length %g", norm)
	}
	return nil
}

// scan is one worker's look at the rows.
type scan struct {
	x       *Index
	queries [][]float32
	scaled  [][]float32 // for the kernel
	scores  [][]float32 // [queries][scanBlock]
	best    []heap
	bound   float64
	buf     []float32
	err     error
}

func (x *Index) newScan(queries [][]float32, k int) *scan {
	s := &scan{x: x, queries: queries, bound: errorBound(x.Meta.Dims), buf: make([]float32, x.Meta.Dims)}
	for _, q := range queries {
		s.scaled = append(s.scaled, scaled(q, x.Meta.DType))
		s.scores = append(s.scores, make([]float32, scanBlock))
		s.best = append(s.best, heap{k: min(k, x.Len())})
	}
	return s
}

// rows looks at the rows from..to-1.
func (s *scan) rows(from, to int) {
	size := s.x.Meta.Dims * s.x.Meta.DType.Size()
	scores := make([][]float32, len(s.scores))
	for ; from < to; from += scanBlock {
		n := min(scanBlock, to-from)
		for q := range scores {
			scores[q] = s.scores[q][:n]
		}
		s.x.kernel.scores(scores, s.x.data[from*size:(from+n)*size], s.scaled)
		for q := range scores {
			s.keep(q, from, scores[q])
		}
	}
}

// keep computes the exact scores of the rows that may be among the best so far: a score in float32 lies within bound of the
// exact one, so a row further below the worst of k rows cannot be.
func (s *scan) keep(q, from int, scores []float32) {
	best := &s.best[q]
	least := best.least() - s.bound
	for i, score := range scores {
		if float64(score) < least {
			continue
		}
		hit := Hit{from + i, exact(s.x.bytes(from+i), s.x.Meta.DType, s.queries[q], s.buf)}
		if hit.Score == hit.Score && best.add(hit) { // never NaN, but in a file that was made to deceive
			least = best.least() - s.bound
		}
	}
}

// heap holds the best k hits, the worst of them at the root.
type heap struct {
	k    int
	hits []Hit
}

// least is the score that a hit must reach to be kept.
func (h *heap) least() float64 {
	if len(h.hits) < h.k {
		return math.Inf(-1)
	}
	return h.hits[0].Score
}

// add keeps a hit if it is among the best.
func (h *heap) add(hit Hit) bool {
	worse := func(i, j int) bool { return compare(h.hits[i], h.hits[j]) > 0 }
	if len(h.hits) < h.k {
		h.hits = append(h.hits, hit)
		for i := len(h.hits) - 1; i > 0 && worse(i, (i-1)/2); i = (i - 1) / 2 {
			h.hits[i], h.hits[(i-1)/2] = h.hits[(i-1)/2], h.hits[i]
		}
		return true
	}
	if compare(hit, h.hits[0]) > 0 {
		return false
	}
	h.hits[0] = hit
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(h.hits) {
			return true
		}
		if child+1 < len(h.hits) && worse(child+1, child) {
			child++
		}
		if !worse(child, i) {
			return true
		}
		h.hits[i], h.hits[child] = h.hits[child], h.hits[i]
		i = child
	}
}
