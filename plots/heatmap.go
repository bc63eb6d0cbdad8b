package plots

import (
	"cmp"
	"errors"
	"fmt"
	"math"
)

// Matrix is one panel of a heat map.
type Matrix struct {
	Title  string
	Values [][]float64 // rows of one length, finite; row 0 is drawn at the top

	// RowLabels and ColLabels, one for each row and column, or nil: then the indices from 0 stand there.
	RowLabels, ColLabels []string
}

// HeatmapConfig says what [Heatmap] draws.
type HeatmapConfig struct {
	Title          string
	XLabel, YLabel string // what columns and rows are: "captions", "pictures"
	Matrices       []Matrix
	PerRow         int // panels beside each other, 2 when 0

	ValueLabel string   // what the colours are: "cosine similarity"
	Colors     ColorMap // Viridis when left out; use Vik where the sign matters

	// Min and Max are the ends of the colour scale, beyond which values get its end colours. When both are 0 the
	// scale holds all values of all matrices; with Vik it is then symmetric around zero.
	Min, Max float64

	ShowValues        bool // write the value into each cell, where cells are large enough for it
	HighlightDiagonal bool // outline the cells whose row and column have one index

	// LabelEveryRow lets a panel of up to 64 rows grow taller than others, so that none of its row labels is left out; the
	// same holds for columns where the figure is wide enough.
	LabelEveryRow bool
}

// maxCells bounds the sides of a matrix: beyond it a cell is smaller than a pixel.
const maxCells = 512

// Heatmap draws matrices as coloured cells, all on the same scale, with one colour bar: the similarities of N pictures
// and N captions before and after training. Labels too long for their column are turned upright, labels too long for
// the figure are shortened, labels too dense are thinned out (a tick shows which row a label belongs to).
//
// Errors: no matrix or an empty one, rows of different lengths, numbers that are not finite, a wrong number of labels,
// more than 512 rows or columns, Min above Max.
func Heatmap(cfg HeatmapConfig) (*Figure, error) {
	values, err := cfg.check()
	if err != nil {
		return nil, fmt.Errorf("heat map %q: %w", cfg.Title, err)
	}
	if cfg.Min == 0 && cfg.Max == 0 {
		scale := values
		if cfg.Colors.centred {
			m := math.Max(math.Abs(values.min), math.Abs(values.max))
			scale = span{-m, m}
		}
		if scale.min == scale.max {
			scale = scale.padded(0, false)
		}
		cfg.Min, cfg.Max = scale.min, scale.max
	}
	matrices := make([]Matrix, len(cfg.Matrices))
	for i, m := range cfg.Matrices {
		m.RowLabels = labelsOrIndices(m.RowLabels, len(m.Values))
		m.ColLabels = labelsOrIndices(m.ColLabels, len(m.Values[0]))
		matrices[i] = m
	}
	cfg.Matrices = matrices
	cfg.PerRow = min(cmp.Or(cfg.PerRow, 2), len(cfg.Matrices))
	return &Figure{title: cfg.Title, layout: cfg.layout}, nil
}

func (cfg HeatmapConfig) check() (values span, err error) {
	values = emptySpan()
	if len(cfg.Matrices) == 0 {
		return values, errors.New("expected at least one matrix, found none")
	}
	if cfg.PerRow < 0 {
		return values, fmt.Errorf("expected PerRow to be positive, or 0 for two panels, found %d", cfg.PerRow)
	}
	if err := checkFinite("Min and Max", []float64{cfg.Min, cfg.Max}); err != nil {
		return values, err
	}
	if (cfg.Min != 0 || cfg.Max != 0) && cfg.Min >= cfg.Max {
		return values, fmt.Errorf("expected Min below Max, found %g and %g", cfg.Min, cfg.Max)
	}
	for i, m := range cfg.Matrices {
		what := fmt.Sprintf("matrix %d (%s)", i, cmp.Or(m.Title, "no title"))
		if len(m.Values) == 0 || len(m.Values[0]) == 0 {
			return values, fmt.Errorf("%s: expected at least one row and one column, found none", what)
		}
		rows, cols := len(m.Values), len(m.Values[0])
		if rows > maxCells || cols > maxCells {
			return values, fmt.Errorf("%s: expected at most %d rows and columns, found %d x %d; draw a part of it",
				what, maxCells, rows, cols)
		}
		for r, row := range m.Values {
			if len(row) != cols {
				return values, fmt.Errorf("%s: expected rows of one length, found %d values in row 0 and %d in row %d",
					what, cols, len(row), r)
			}
			if err := checkFinite(fmt.Sprintf("%s, row %d", what, r), row); err != nil {
				return values, err
			}
			values.add(row...)
		}
		if m.RowLabels != nil && len(m.RowLabels) != rows {
			return values, fmt.Errorf("%s: expected %d row labels or none, found %d", what, rows, len(m.RowLabels))
		}
		if m.ColLabels != nil && len(m.ColLabels) != cols {
			return values, fmt.Errorf("%s: expected %d column labels or none, found %d", what, cols, len(m.ColLabels))
		}
	}
	return values, nil
}

func labelsOrIndices(labels []string, n int) []string {
	if labels != nil {
		return oneLines(labels)
	}
	out := make([]string, n)
	every := int(niceStep(float64(n), 12))
	for i := 0; i < n; i += max(every, 1) {
		out[i] = fmt.Sprint(i)
	}
	return out
}
