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
	Each     func(line string) // is told every row of the table when it is measured; may be nil
}

// Times are one side's seconds a call: the median of each turn, in order, and what they come to.
type Times struct {
	Turns      []float64 `json:"turns"`
	Median     float64   `json:"median"`
	Min        float64   `json:"min"`
	Max        float64   `json:"max"`
	PeakMemory int64     `json:"peak_memory"` // bytes
}

// Comparison is what came out of two sides in turns.
type Comparison struct {
	Ours       Times      `json:"ours"`
	Peer       Times      `json:"peer"`
	Ratio      float64    `json:"ratio"`       // PyTorch's time over ours: the median of the pairs of turns
	RatioRange [2]float64 `json:"ratio_range"` // the smallest and the largest of them
	Peak       float64    `json:"peak"`        // largest rate of the matrix product that was measured beside it, operations a second
	Difference float64    `json:"difference"`  // largest between the two answers
}

// Row is what came out of a case.
type Row struct {
	Case
	Comparison
	Share     float64 `json:"share"` // of that peak which ours reaches
	PeerShare float64 `json:"peer_share"`
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
			o.Each(row.Line())
		}
	}
	return rows, versions, nil
}

// measure runs one case.
func (o Options) measure(ctx context.Context, dir string, c Case, done func(round int)) (row Row, versions [2]string, err error) {
	prepare, err := files(filepath.Join(dir, c.Model), c)
	if err != nil {
		return row, versions, err
	}
	row.Case = c
	if row.Comparison, versions, err = o.compare(ctx, [2]contestant{{prepare, 1}, {prepare, 1}}, done); err != nil {
		return row, versions, err
	}
	row.summarize()
	return row, versions, nil
}

// contestant is what a side is asked to prepare, and how many units of what is timed a call of it then does.
type contestant struct {
	prepare request
	units   int
}

// compare has ours and theirs work in turns, each in a process of its own. Times are seconds a unit.
func (o Options) compare(ctx context.Context, contestants [2]contestant, done func(round int)) (c Comparison, versions [2]string, err error) {
	var sides [2]*side
	if sides[0], err = start(ctx, "Glimpse", o.Ours); err != nil {
		return c, versions, err
	}
	defer func() { err = orFirst(err, sides[0].stop()) }()
	if sides[1], err = start(ctx, "PyTorch", o.Peer); err != nil {
		return c, versions, err
	}
	defer func() { err = orFirst(err, sides[1].stop()) }()
	var outputs [2][]float64
	var calls [2]int
	for i, s := range sides {
		a, err := s.ask(request{Do: "version"})
		if err != nil {
			return c, versions, err
		}
		versions[i] = a.Version
		if a, err = s.ask(contestants[i].prepare); err != nil {
			return c, versions, err
		}
		outputs[i] = a.Output
		if calls[i], err = o.calls(s); err != nil {
			return c, versions, err
		}
	}
	c.Difference = largestDifference(outputs[0], outputs[1])
	if !(c.Difference < 1e-3) {
		return c, versions, fmt.Errorf("expected the same answers from both sides, found a difference of %g", c.Difference)
	}
	times := [2]*Times{&c.Ours, &c.Peer}
	for round := range o.Rounds {
		done(round + 1)
		for i, s := range sides {
			a, err := s.ask(request{Do: "run", Times: calls[i]})
			if err != nil {
				return c, versions, err
			}
			times[i].Turns = append(times[i].Turns, median(a.Seconds)/float64(contestants[i].units))
		}
	}
	for i, s := range sides {
		times[i].PeakMemory = s.peakMemory() // before the matrices of the next request
	}
	for _, s := range sides {
		a, err := s.ask(request{Do: "matmul", Size: o.Size, Times: 7})
		if err != nil {
			return c, versions, err
		}
		c.Peak = max(c.Peak, 2*math.Pow(float64(o.Size), 3)/slices.Min(a.Seconds))
	}
	c.summarize()
	return c, versions, nil
}

// calls warms a side up, and returns how many calls make a turn.
func (o Options) calls(s *side) (int, error) {
	a, err := s.ask(request{Do: "run", Times: 1})
	if err == nil && a.Seconds[0] < o.Turn { // a long call is warm after the first
		a, err = s.ask(request{Do: "run", Times: 1})
	}
	if err != nil {
		return 0, err
	}
	return int(min(max(math.Ceil(o.Turn/a.Seconds[0]), 1), 1000)), nil
}

func orFirst(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func (c *Comparison) summarize() {
	var ratios []float64
	for i := range c.Ours.Turns {
		ratios = append(ratios, c.Peer.Turns[i]/c.Ours.Turns[i])
	}
	for _, t := range []*Times{&c.Ours, &c.Peer} {
		t.Median, t.Min, t.Max = median(t.Turns), slices.Min(t.Turns), slices.Max(t.Turns)
	}
	c.Ratio, c.RatioRange = median(ratios), [2]float64{slices.Min(ratios), slices.Max(ratios)}
}

// summarize is [Comparison.summarize], and how much of the machine's peak that is.
func (r *Row) summarize() {
	r.Comparison.summarize()
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
	for row := range slices.Chunk(ids, t.ContextLength) {
		end := t.ContextLength - 1
		if c.words > 0 {
			end = c.words/2 - 1 + rng.IntN(c.words/2+1)
		}
		for i := range end {
			row[i] = int32(rng.IntN(t.VocabSize - 1))
		}
		row[end] = int32(t.VocabSize - 1) // the end token
	}
	inputs := filepath.Join(dir, fmt.Sprintf("inputs-%d-%d.safetensors", c.Batch, c.words))
	err := safetensors.Write(inputs, map[string]safetensors.Tensor{
		"images":   safetensors.FromFloat32s(images, c.Batch, 3, v.Height, v.Width),
		"text_ids": safetensors.FromInt32s(ids, c.Batch, t.ContextLength),
	}, nil)
	return request{Do: "prepare", Kind: c.Kind, Config: &c.cfg, Weights: path, Inputs: inputs, Threads: runtime.NumCPU()}, err
}
