package benchmark

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ChunkedCase is a training step of the small CLIP with gradient caching (Gao et al. 2021).
type ChunkedCase struct {
	Case
	Chunks int `json:"chunks"` // 0 for a batch in one piece
	Calls  int `json:"calls"`
}

// ChunkedCases are a batch that is large for the machine, in one piece and in chunks.
func ChunkedCases() []ChunkedCase {
	c := Case{"small CLIP, training step", "small", Training, 512, 0, small(), 0}
	return []ChunkedCase{{c, 0, 3}, {c, 4, 3}, {c, 16, 3}}
}

// QuickChunkedCases test the machinery.
func QuickChunkedCases() []ChunkedCase {
	c := QuickCases()[3]
	c.Batch = 4
	return []ChunkedCase{{c, 0, 1}, {c, 2, 1}}
}

// ChunkedRow is what came out of a [ChunkedCase].
type ChunkedRow struct {
	ChunkedCase
	Times Times   `json:"times"`
	Loss  float64 `json:"loss"` // of the first step: the same however the batch is cut
}

// MeasureChunked runs all cases, each in a process of its own.
func MeasureChunked(ctx context.Context, o Options, cases []ChunkedCase) (rows []ChunkedRow, err error) {
	dir, err := os.MkdirTemp("", "glimpse-chunked-*")
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for the weights: %w", err)
	}
	defer os.RemoveAll(dir)
	for _, c := range cases {
		row, err := o.measureChunked(ctx, dir, c)
		if err != nil {
			return rows, fmt.Errorf("%s in %d chunks: %w", c.Name, c.Chunks, err)
		}
		if len(rows) > 0 && !(math.Abs(row.Loss-rows[0].Loss) < 1e-3) {
			return rows, fmt.Errorf("%s in %d chunks: expected the loss %g of a batch in one piece, found %g", c.Name, c.Chunks, rows[0].Loss, row.Loss)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (o Options) measureChunked(ctx context.Context, dir string, c ChunkedCase) (row ChunkedRow, err error) {
	row.ChunkedCase = c
	prepare, err := files(filepath.Join(dir, c.Model), c.Case)
	if err != nil {
		return row, err
	}
	prepare.Chunks = c.Chunks
	s, err := start(ctx, "Glimpse", o.Ours)
	if err != nil {
		return row, err
	}
	defer func() { err = orFirst(err, s.stop()) }()
	a, err := s.ask(prepare)
	if err != nil {
		return row, err
	}
	row.Loss = a.Output[0]
	if a, err = s.ask(request{Do: "run", Times: c.Calls}); err != nil {
		return row, err
	}
	row.Times = Times{Turns: a.Seconds, Median: median(a.Seconds), Min: slices.Min(a.Seconds), Max: slices.Max(a.Seconds), PeakMemory: s.peakMemory()}
	return row, nil
}

// chunkedPage is the part of docs/benchmarks.md about gradient caching.
func chunkedPage(rows []ChunkedRow) string {
	var b strings.Builder
	b.WriteString("\n## Large batches in chunks\n\nA training step of the small CLIP with gradient caching (GradCache): the same loss, and the same gradients but for the rounding\n" +
		"of sums, in less memory, for one more forward pass. The chunks' size is the batch over their number.\n\n" +
		"| batch | chunks | a step (range) | memory | loss of the first step |\n| ---: | ---: | ---: | ---: | ---: |\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %d | %s | **%s** (%s–%s) | %s | %.4f |\n", r.Batch, map[bool]string{true: "one piece", false: fmt.Sprint(r.Chunks)}[r.Chunks == 0],
			milliseconds(r.Times.Median), milliseconds(r.Times.Min), milliseconds(r.Times.Max), megabytes(r.Times.PeakMemory), r.Loss)
	}
	return b.String()
}
