package benchmark

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/glimpse-ml/glimpse/clip/search"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// Search is what a worker does with an index.
const Search Kind = "search"

// SearchCase is an exact search through random unit vectors, one query at a time.
type SearchCase struct {
	Rows    int `json:"rows"`
	Dims    int `json:"dims"`
	K       int `json:"k"`       // pictures to find
	Queries int `json:"queries"` // different ones, each of which is held against brute force
	Calls   int `json:"calls"`   // that are timed
}

// SearchCases are what the page asks for: as many embeddings of ViT-B/32's size as a large collection has.
func SearchCases() []SearchCase {
	return []SearchCase{{Rows: 1_000_000, Dims: 512, K: 10, Queries: 4, Calls: 40}}
}

// QuickSearchCases test the machinery.
func QuickSearchCases() []SearchCase {
	return []SearchCase{{Rows: 5000, Dims: 32, K: 10, Queries: 2, Calls: 4}}
}

// The goals of a search through a million embeddings.
const (
	searchSeconds = 0.150 // a query
	searchMemory  = 1.2e9 // bytes
)

// SearchRow is what came out of a [SearchCase].
type SearchRow struct {
	SearchCase
	Times  Times   `json:"times"`  // of the queries
	Open   float64 `json:"open"`   // seconds until the index is open, every byte of it checked, and the first query answered
	Recall float64 `json:"recall"` // share of what brute force in float64 finds that was found, in the same places
}

// MeasureSearch runs all cases, each in a process of its own.
func MeasureSearch(ctx context.Context, o Options, cases []SearchCase) (rows []SearchRow, err error) {
	for _, c := range cases {
		row, err := measureSearch(ctx, o, c)
		if err != nil {
			return rows, fmt.Errorf("search through %d embeddings: %w", c.Rows, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func measureSearch(ctx context.Context, o Options, c SearchCase) (row SearchRow, err error) {
	row.SearchCase = c
	dir, err := os.MkdirTemp("", "glimpse-search-*")
	if err != nil {
		return row, fmt.Errorf("cannot make a folder for the index: %w", err)
	}
	defer os.RemoveAll(dir)
	index, inputs, queries, err := c.write(ctx, dir)
	if err != nil {
		return row, err
	}
	truth, err := c.bruteForce(index, queries)
	if err != nil {
		return row, err
	}
	runtime.GC()
	s, err := start(ctx, "Glimpse", o.Ours)
	if err != nil {
		return row, err
	}
	defer func() { err = orFirst(err, s.stop()) }()
	a, err := s.ask(request{Do: "prepare", Kind: Search, Weights: index, Inputs: inputs, Size: c.K})
	if err != nil {
		return row, err
	}
	row.Open, row.Recall = a.Seconds[0], agreement(a.Output, truth)
	if a, err = s.ask(request{Do: "run", Times: c.Calls}); err != nil {
		return row, err
	}
	row.Times = Times{Turns: a.Seconds, Median: median(a.Seconds), Min: slices.Min(a.Seconds), Max: slices.Max(a.Seconds), PeakMemory: s.peakMemory()}
	return row, nil
}

// write makes the index and the file with the queries.
func (c SearchCase) write(ctx context.Context, dir string) (index, inputs string, queries [][]float32, err error) {
	rng := rand.New(rand.NewPCG(1, 512))
	flat := make([]float32, 0, c.Queries*c.Dims)
	for range c.Queries {
		queries = append(queries, unit(rng, c.Dims))
		flat = append(flat, queries[len(queries)-1]...)
	}
	inputs = filepath.Join(dir, "queries.safetensors")
	if err = safetensors.Write(inputs, map[string]safetensors.Tensor{"queries": safetensors.FromFloat32s(flat, c.Queries, c.Dims)}, nil); err != nil {
		return "", "", nil, err
	}
	entries := make([]search.Entry, c.Rows)
	for i := range entries {
		entries[i] = search.Entry{Path: fmt.Sprintf("%09d.jpg", i)}
	}
	index = filepath.Join(dir, "index")
	of := search.Origin{Model: "random", Identity: "random", Pictures: "random", Dims: c.Dims, DType: search.Float16}
	return index, inputs, queries, search.Create(ctx, index, of, entries, func(int) ([]float32, error) { return unit(rng, c.Dims), nil })
}

func unit(rng *rand.Rand, n int) []float32 {
	v, norm := make([]float32, n), 0.0
	for i := range v {
		v[i] = float32(rng.NormFloat64())
		norm += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(norm))
	}
	return v
}

// bruteForce finds the best rows of every query by its definition: all scores in float64, sorted, of equal ones the lower row
// first.
func (c SearchCase) bruteForce(dir string, queries [][]float32) (best []float64, err error) {
	x, err := search.Open(dir)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	scores := make([][]float64, len(queries))
	for q := range scores {
		scores[q] = make([]float64, x.Len())
	}
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	errs := make([]error, workers)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < x.Len(); i += workers {
				row, err := x.Row(i)
				if err != nil {
					errs[w] = err
					return
				}
				for q, query := range queries {
					for j, v := range row {
						scores[q][i] += float64(v) * float64(query[j])
					}
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, s := range scores {
		order := make([]int, len(s))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int {
			switch {
			case s[a] > s[b]:
				return -1
			case s[a] < s[b]:
				return 1
			}
			return 0
		})
		for _, i := range order[:c.K] {
			best = append(best, float64(i))
		}
	}
	return best, nil
}

// agreement is the share of equal places.
func agreement(got, want []float64) float64 {
	same := 0
	for i := range want {
		if i < len(got) && got[i] == want[i] {
			same++
		}
	}
	return float64(same) / float64(len(want))
}

// prepareSearch opens the index and answers every query once; every call after it is a query.
func (w *worker) prepareSearch(r request) ([]float64, error) {
	in, err := safetensors.Load(r.Inputs)
	if err != nil {
		return nil, err
	}
	flat, shape, err := in.Float32s("queries")
	if err != nil {
		return nil, err
	}
	x, err := search.Open(r.Weights)
	if err != nil {
		return nil, err
	}
	w.close_ = func() { x.Close() }
	queries, next := split(flat, shape[0]), 0
	w.call = func() ([]float64, error) {
		found, err := x.Search(w.ctx, [][]float32{queries[next%len(queries)]}, r.Size)
		next++
		if err != nil {
			return nil, err
		}
		var rows []float64
		for _, hit := range found[0] {
			rows = append(rows, float64(hit.Row))
		}
		return rows, nil
	}
	var all []float64
	for range queries {
		rows, err := w.call()
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// page is the part of docs/benchmarks.md about search.
func searchPage(rows []SearchRow) string {
	var b strings.Builder
	b.WriteString("\n## Exact search\n\nRandom unit vectors in float16, mapped from the file, one query at a time, on all cores; the answers are held against brute\n" +
		"force in float64, place by place. The time to open is that of checking every byte of the index and of the first queries. Memory is the largest\n" +
		"resident size of the process, the mapped file included.\n\n" +
		"| embeddings | numbers each | a query (range of the queries) | opening | memory | same as brute force | |\n| ---: | ---: | ---: | ---: | ---: | ---: | --- |\n")
	for _, r := range rows {
		verdict := "reached"
		if r.Times.Median > searchSeconds || float64(r.Times.PeakMemory) > searchMemory || r.Recall < 1 {
			verdict = "missed"
		}
		fmt.Fprintf(&b, "| %d | %d | **%s** (%s–%s, %d queries) | %s | %d MB | %.0f%% | %s: at most %s and %.0f MB, the same as brute force |\n", r.Rows, r.Dims,
			milliseconds(r.Times.Median), milliseconds(r.Times.Min), milliseconds(r.Times.Max), len(r.Times.Turns), milliseconds(r.Open),
			r.Times.PeakMemory/1e6, 100*r.Recall, verdict, milliseconds(searchSeconds), searchMemory/1e6)
	}
	return b.String()
}
