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
// differs in one number from the one before, and the same cell once more. Their programs say when they begin and do nothing else: a
// cell's time is from the beginning of the program before it to that of its own, Jupyter's part in it included.
func (k Kernel) MeasureCells(ctx context.Context, rounds int) (CellTimes, error) {
	dir, err := os.MkdirTemp("", "glimpse-cells-*")
	if err != nil {
		return CellTimes{}, fmt.Errorf("cannot make a notebook to time: %w", err)
	}
	defer os.RemoveAll(dir)
	cell := func(source string) any {
		return map[string]any{"cell_type": "code", "metadata": map[string]any{}, "execution_count": nil, "outputs": []any{}, "source": source}
	}
	cells := []any{cell("import (\n\t\"fmt\"\n\t\"time\"\n\n\t\"github.com/gomlx/gomlx/core/tensors\"\n\t\"" + module + "/notebooks/lesson\"\n)\n\n" +
		"var opened = lesson.Captioner\n\nfunc double(x float64) float64 { return 2 * x }\n\n%%\nfmt.Println(time.Now().UnixNano(), tensors.FromValue(float32(1)).Shape(), opened != nil)")}
	for round := range rounds {
		source := fmt.Sprintf("%%%%\nfmt.Println(time.Now().UnixNano(), double(%d), tensors.FromValue(float32(1)).Shape(), opened != nil)", round)
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
	var before int64
	for i, c := range doc.Code() {
		var began int64
		if _, err := fmt.Sscan(c.Text(), &began); err != nil || began <= before {
			return CellTimes{}, fmt.Errorf("expected cell %d to say when it began, found %q", i+1, c.Text())
		}
		took := float64(began-before) / 1e9
		switch before = began; {
		case i%2 == 1:
			times.Changed = append(times.Changed, took)
		case i > 0:
			times.Unchanged = append(times.Unchanged, took)
		}
	}
	return times, nil
}
