package plots

import (
	"fmt"
	"math"
)

// huge bounds what can be drawn: differences and squares of such numbers are still finite.
const huge = 1e150

// checkFinite says which value cannot be drawn. what names the values: `series "train", y`.
func checkFinite(what string, values []float64) error {
	for i, v := range values {
		if math.IsNaN(v) || math.Abs(v) > huge {
			return fmt.Errorf("%s: expected finite numbers, found %g at index %d; leave such points out before drawing",
				what, v, i)
		}
	}
	return nil
}

// checkBand checks low and high, which come together or not at all.
func checkBand(what string, n int, low, high []float64) error {
	if low == nil && high == nil {
		return nil
	}
	if len(low) != n || len(high) != n {
		return fmt.Errorf("%s: expected %d values in both Low and High, or neither, found %d and %d",
			what, n, len(low), len(high))
	}
	if err := checkFinite(what+", Low", low); err != nil {
		return err
	}
	if err := checkFinite(what+", High", high); err != nil {
		return err
	}
	for i := range low {
		if low[i] > high[i] {
			return fmt.Errorf("%s: expected Low to be at most High, found %g and %g at index %d", what, low[i], high[i], i)
		}
	}
	return nil
}

// checkNames checks that several things on one figure can be told apart in the legend.
func checkNames(what string, names []string) error {
	if len(names) < 2 {
		return nil
	}
	seen := make(map[string]int, len(names))
	for i, name := range names {
		if oneLine(name) == "" {
			return fmt.Errorf("%s %d has no name: expected one for each, since there are %d", what, i, len(names))
		}
		if j, ok := seen[name]; ok {
			return fmt.Errorf("%s %d and %d have the same name %q: expected different ones", what, j, i, name)
		}
		seen[name] = i
	}
	return nil
}

// Rows views a flat row-major matrix, such as a tensor's values, as rows for [Heatmap] or [AttentionStrip].
// The values are copied. It returns an error when len(flat) is not rows x cols.
func Rows[F float32 | float64](flat []F, rows, cols int) ([][]float64, error) {
	if rows < 0 || cols < 0 || len(flat) != rows*cols {
		return nil, fmt.Errorf("expected %d x %d values, found %d", rows, cols, len(flat))
	}
	out := make([][]float64, rows)
	for r := range out {
		out[r] = make([]float64, cols)
		for c := range out[r] {
			out[r][c] = float64(flat[r*cols+c])
		}
	}
	return out, nil
}

// span grows to hold values.
type span struct{ min, max float64 }

func emptySpan() span { return span{math.Inf(1), math.Inf(-1)} }

func (s *span) add(values ...float64) {
	for _, v := range values {
		s.min, s.max = math.Min(s.min, v), math.Max(s.max, v)
	}
}

// padded widens the span by a fraction of itself on both sides, so that nothing lies on the frame. A span of one
// value gets some width.
func (s span) padded(fraction float64, log bool) span {
	if log {
		s = span{math.Log(s.min), math.Log(s.max)}
	}
	size := s.max - s.min
	if scale := math.Max(math.Abs(s.min), math.Abs(s.max)); size <= 1e-9*scale || size < 1e-200 {
		size = math.Max(scale/5, 1e-12)
		s = span{s.min - size/2, s.max + size/2}
		if scale == 0 {
			s = span{-1, 1}
		}
	} else {
		s = span{s.min - fraction*size, s.max + fraction*size}
	}
	if log {
		s = span{math.Exp(s.min), math.Exp(s.max)}
	}
	return s
}
