package benchmark

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/progress"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// Options say how to measure.
type Options struct {
	Rounds   int      // pairs of turns
	Turn     float64  // seconds that a turn takes about
	Cases    []Case   //
	Ours     []string // program and arguments of our worker
	Peer     []string // of the other side's; see [Peer]
	Size     int      // of the square matrices that tell the machine's peak
	Messages io.Writer
	Each     func(Row) // is told every row when it is measured; may be nil
}

// Times are one side's seconds a call: the median of each turn, in order, and what they come to.
type Times struct {
	Turns      []float64 `json:"turns"`
	Median     float64   `json:"median"`
	Min        float64   `json:"min"`
	Max        float64   `json:"max"`
	PeakMemory int64     `json:"peak_memory"` // bytes
}

// Row is what came out of a case.
type Row struct {
	Case
	Ours       Times      `json:"ours"`
	Peer       Times      `json:"peer"`
	Ratio      float64    `json:"ratio"`       // PyTorch's time over ours: the median of the pairs of turns
	RatioRange [2]float64 `json:"ratio_range"` // the smallest and the largest of them
	Peak       float64    `json:"peak"`        // largest rate of the matrix product that was measured beside it, operations a second
	Share      float64    `json:"share"`       // of that peak which ours reaches
	PeerShare  float64    `json:"peer_share"`
	Difference float64    `json:"difference"` // largest between the two answers
}

// Measure runs all cases.
func Measure(ctx context.Context, o Options) (rows []Row, versions [2]string, err error) {
	dir, err := os.MkdirTemp("", "glimpse-benchmark-*")
	if err != nil {
		return nil, versions, fmt.Errorf("cannot make a folder for the weights: %w", err)
	}
	defer os.RemoveAll(dir)
	bar := progress.New(o.Messages, "benchmark", int64(len(o.Cases)*(o.Rounds+1)), progress.Options{})
	defer bar.Done()
	for i, c := range o.Cases {
		bar.Describe(fmt.Sprintf("benchmark: %s, batch %d", c.Name, c.Batch))
		row, v, err := o.measure(ctx, dir, c, func(round int) { bar.Set(int64(i*(o.Rounds+1) + round)) })
		if err != nil {
			return nil, versions, fmt.Errorf("%s, batch %d: %w", c.Name, c.Batch, err)
		}
		rows, versions = append(rows, row), v
		bar.Set(int64((i + 1) * (o.Rounds + 1)))
		if o.Each != nil {
			o.Each(row)
		}
	}
	return rows, versions, nil
}

// measure runs one case, in processes of its own.
func (o Options) measure(ctx context.Context, dir string, c Case, done func(round int)) (row Row, versions [2]string, err error) {
	prepare, err := files(filepath.Join(dir, c.Model), c)
	if err != nil {
		return row, versions, err
	}
	var sides [2]*side
	if sides[0], err = start(ctx, "Glimpse", o.Ours); err != nil {
		return row, versions, err
	}
	defer func() { err = orFirst(err, sides[0].stop()) }()
	if sides[1], err = start(ctx, "PyTorch", o.Peer); err != nil {
		return row, versions, err
	}
	defer func() { err = orFirst(err, sides[1].stop()) }()
	row.Case = c
	times := [2]*Times{&row.Ours, &row.Peer}
	var outputs [2][]float64
	var calls [2]int
	for i, s := range sides {
		a, err := s.ask(request{Do: "version"})
		if err != nil {
			return row, versions, err
		}
		versions[i] = a.Version
		if a, err = s.ask(prepare); err != nil {
			return row, versions, err
		}
		outputs[i] = a.Output
		if a, err = s.ask(request{Do: "run", Times: 2}); err != nil { // warms up, and says how long a call takes
			return row, versions, err
		}
		calls[i] = int(min(max(math.Ceil(o.Turn/slices.Min(a.Seconds)), 1), 1000))
	}
	row.Difference = largestDifference(outputs[0], outputs[1])
	if !(row.Difference < 1e-3) {
		return row, versions, fmt.Errorf("expected the same answers from both sides, found a difference of %g", row.Difference)
	}
	for round := range o.Rounds {
		done(round + 1)
		for i, s := range sides {
			a, err := s.ask(request{Do: "run", Times: calls[i]})
			if err != nil {
				return row, versions, err
			}
			times[i].Turns = append(times[i].Turns, median(a.Seconds))
		}
	}
	for i, s := range sides {
		times[i].PeakMemory = s.peakMemory() // before the matrices of the next request
	}
	for _, s := range sides {
		a, err := s.ask(request{Do: "matmul", Size: o.Size, Times: 7})
		if err != nil {
			return row, versions, err
		}
		row.Peak = max(row.Peak, 2*math.Pow(float64(o.Size), 3)/slices.Min(a.Seconds))
	}
	row.summarize()
	return row, versions, nil
}

func orFirst(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func (r *Row) summarize() {
	var ratios []float64
	for i := range r.Ours.Turns {
		ratios = append(ratios, r.Peer.Turns[i]/r.Ours.Turns[i])
	}
	for _, t := range []*Times{&r.Ours, &r.Peer} {
		t.Median, t.Min, t.Max = median(t.Turns), slices.Min(t.Turns), slices.Max(t.Turns)
	}
	r.Ratio, r.RatioRange = median(ratios), [2]float64{slices.Min(ratios), slices.Max(ratios)}
	r.Share, r.PeerShare = r.operations()/r.Ours.Median/r.Peak, r.operations()/r.Peer.Median/r.Peak
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func largestDifference(a, b []float64) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	largest := 0.0
	for i := range a {
		d := math.Abs(a[i] - b[i])
		if math.IsNaN(d) {
			return d
		}
		largest = max(largest, d)
	}
	return largest
}

// files writes weights, once a model, and inputs, and returns the request that has both sides load them.
func files(dir string, c Case) (request, error) {
	path := filepath.Join(dir, "openai.safetensors")
	if _, err := os.Stat(path); err != nil {
		m, err := clip.New(c.cfg, nil, 1)
		if err != nil {
			return request{}, err
		}
		if err := m.Export(dir, clip.OpenAI, safetensors.F32); err != nil {
			return request{}, err
		}
	}
	v, t, rng := c.cfg.Vision, c.cfg.Text, rand.New(rand.NewPCG(1, uint64(c.Batch)))
	images := make([]float32, c.Batch*3*v.Height*v.Width)
	for i := range images {
		images[i] = float32(rng.NormFloat64())
	}
	ids := make([]int32, c.Batch*t.ContextLength)
	for i := range ids {
		ids[i] = int32(rng.IntN(t.VocabSize - 1))
		if i%t.ContextLength == t.ContextLength-1 {
			ids[i] = int32(t.VocabSize - 1) // the end token
		}
	}
	inputs := filepath.Join(dir, fmt.Sprintf("inputs-%d.safetensors", c.Batch))
	err := safetensors.Write(inputs, map[string]safetensors.Tensor{
		"images":   safetensors.FromFloat32s(images, c.Batch, 3, v.Height, v.Width),
		"text_ids": safetensors.FromInt32s(ids, c.Batch, t.ContextLength),
	}, nil)
	return request{Do: "prepare", Kind: c.Kind, Config: &c.cfg, Weights: path, Inputs: inputs, Threads: runtime.NumCPU()}, err
}
