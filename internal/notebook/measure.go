package notebook

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// CellTimes are how long cells took, in seconds: each first as the change of a line made it new, and then again as it was.
type CellTimes struct{ Changed, Unchanged []float64 }

// MeasureCells times cells of a notebook that imports everything that the lesson does, GoMLX and the backends among it: a cell that
// differs in one number from the one before, and the same cell once more. The time is the kernel's, from when it begins with a
// cell to when it is done; the programs themselves do nothing.
func (k Kernel) MeasureCells(ctx context.Context, rounds int) (CellTimes, error) {
	dir, err := os.MkdirTemp("", "glimpse-cells-*")
	if err != nil {
		return CellTimes{}, fmt.Errorf("cannot make a notebook to time: %w", err)
	}
	defer os.RemoveAll(dir)
	cell := func(source string) any {
		return map[string]any{"cell_type": "code", "metadata": map[string]any{}, "execution_count": nil, "outputs": []any{}, "source": source}
	}
	cells := []any{cell("import (\n\t\"fmt\"\n\t\"github.com/gomlx/gomlx/core/tensors\"\n\t\"" + module + "/notebooks/lesson\"\n)\n\n" +
		"var opened = lesson.Captioner\n\nfunc double(x float64) float64 { return 2 * x }\n\n%%\nfmt.Println(tensors.FromValue(float32(1)).Shape(), opened != nil)")}
	for round := range rounds {
		source := fmt.Sprintf("%%%%\nfmt.Println(double(%d), tensors.FromValue(float32(1)).Shape(), opened != nil)", round)
		cells = append(cells, cell(source), cell(source))
	}
	text, err := source{"nbformat": 4, "nbformat_minor": 4, "metadata": map[string]any{}, "cells": cells}.format()
	if err != nil {
		return CellTimes{}, err
	}
	path := filepath.Join(dir, "cells.ipynb")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return CellTimes{}, fmt.Errorf("cannot make a notebook to time: %w", err)
	}
	doc, err := k.Check(ctx, path)
	if err != nil {
		return CellTimes{}, err
	}
	var times CellTimes
	for i, c := range doc.Code() {
		switch {
		case c.Took <= 0:
			return CellTimes{}, fmt.Errorf("expected Jupyter to note when a cell began and ended, found nothing of cell %d", i+1)
		case i%2 == 1:
			times.Changed = append(times.Changed, c.Took.Seconds())
		case i > 0:
			times.Unchanged = append(times.Unchanged, c.Took.Seconds())
		}
	}
	return times, nil
}
