package benchmark

import (
	"context"
	"fmt"

	"github.com/glimpse-ml/glimpse/internal/notebook"
)

// CellsRow is how long a cell of a notebook takes that computes nothing: what Jupyter, GoNB, Go's compiler and its linker take, with
// everything imported that the lesson imports. Times are seconds.
type CellsRow struct {
	Changed   Times `json:"changed"`   // a number in the cell is another one
	Unchanged Times `json:"unchanged"` // the same cell once more
}

// The longest that a cell may take at the median, in seconds, on two cores.
const (
	changedGoal   = 1.0
	unchangedGoal = 0.3
)

// MeasureCells times cells with the kernel, which is installed first if it is not there.
func MeasureCells(ctx context.Context, o Options) (*CellsRow, error) {
	kernel, err := notebook.Find()
	if err != nil {
		return nil, err
	}
	if err := kernel.Install(ctx, o.Messages); err != nil {
		return nil, err
	}
	times, err := kernel.MeasureCells(ctx, max(o.Rounds, 2))
	if err != nil {
		return nil, fmt.Errorf("notebook cells: %w", err)
	}
	return &CellsRow{timesOf(times.Changed), timesOf(times.Unchanged)}, nil
}

// Line is a row of [Report.Table].
func (r *CellsRow) Line() string {
	return fmt.Sprintf("notebook cell\tchanged %s (%s-%s)\tunchanged %s (%s-%s)", milliseconds(r.Changed.Median), milliseconds(r.Changed.Min), milliseconds(r.Changed.Max),
		milliseconds(r.Unchanged.Median), milliseconds(r.Unchanged.Min), milliseconds(r.Unchanged.Max))
}

// cellsPage is the part of docs/benchmarks.md about cells.
func cellsPage(r *CellsRow) string {
	verdict := func(t Times, goal float64) string {
		if t.Median > goal {
			return "missed"
		}
		return "reached"
	}
	return fmt.Sprintf(`
## What a cell takes before it computes

A cell of a notebook that imports the lesson, with GoMLX and every backend, and computes nothing: what is left is Jupyter's, GoNB's, the
compiler's and the linker's time, from the beginning of one cell's program to that of the next. %d cells in which a number changed,
and each of them once more as it was.

| cell | time (range) | goal | |
| --- | ---: | ---: | --- |
| changed | **%s** (%s–%s) | %s | %s |
| unchanged | **%s** (%s–%s) | %s | %s |
`, len(r.Changed.Turns), milliseconds(r.Changed.Median), milliseconds(r.Changed.Min), milliseconds(r.Changed.Max), milliseconds(changedGoal), verdict(r.Changed, changedGoal),
		milliseconds(r.Unchanged.Median), milliseconds(r.Unchanged.Min), milliseconds(r.Unchanged.Max), milliseconds(unchangedGoal), verdict(r.Unchanged, unchangedGoal))
}
