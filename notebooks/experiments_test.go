package notebooks_test

import (
	"math"
	"strings"
	"testing"
)

// What 11-experiments.ipynb shows: an experiment that a cell declares, one display of its training, a sweep with intervals, a comparison, a
// run that is found, and one that is stopped and resumed.
func TestExperimentsNotebook(t *testing.T) {
	cells := execute(t, "11-experiments.ipynb")
	if len(cells) != 8 {
		t.Fatalf("expected 8 code cells, found %d", len(cells))
	}
	if n := number(t, cells[0], `mine/frozen has (\d+) settings`); n < 20 {
		t.Errorf("%g settings", n)
	}
	match(t, cells[0], `(?m)^frozen +("none")$`)
	match(t, cells[0], `(?m)^train\.steps +(100)$`)

	oneDisplay(t, cells[1])
	first, last := number(t, cells[1], `goes from ([\d.]+)`), number(t, cells[1], `to ([\d.]+) nats`)
	recall := number(t, cells[1], `pictures: ([\d.]+)`)
	if number(t, cells[1], `(\d+) recorded steps`) != 51 || last >= first || recall <= 0.075 { // guessing finds 0.05
		t.Errorf("expected a model that has learned, found %q", cells[1].Text())
	}

	match(t, cells[2], `(9 trials of 9 are done)`)
	rows := map[string][]float64{}
	for _, frozen := range []string{"none", "text", "image"} {
		line := `(?m)^frozen ` + frozen + ` +`
		mean := number(t, cells[2], line+`([\d.]+), 95% interval`)
		low, high := number(t, cells[2], line+`.*interval ([-\d.]+) to`), number(t, cells[2], line+`.*interval [-\d.]+ to ([\d.]+),`)
		seeds := strings.Fields(match(t, cells[2], line+`.*seeds \[(.+)\]$`))
		if len(seeds) != 3 || low > mean || mean > high {
			t.Errorf("three seeds with their mean: %q", cells[2].Text())
		}
		rows[frozen] = []float64{mean, parse(t, seeds[0])}
	}
	if first := rows["none"][1]; math.Abs(first-recall) > 0.1 || rows["none"][0] <= 0.075 { // sums of threads differ from run to run
		t.Errorf("the first seed of the sweep found %g, alone it found %g", first, recall)
	}
	wideFigure(t, cells[2], 200)

	match(t, cells[3], `(9 runs differ in: \[frozen seed\])`)
	wideFigure(t, cells[3], 200)

	match(t, cells[4], `(nothing was trained: the run \S+-seed1 of .* has the same settings and seed)`)
	match(t, cells[4], `(settings: frozen is "none" and "text")`)

	stopped, complete := number(t, cells[5], `stopped after (\d+) recorded`), number(t, cells[5], `complete with (\d+);`)
	if complete != 51 || stopped < 25 || stopped >= complete {
		t.Errorf("stopped after %g steps, complete with %g", stopped, complete)
	}
	if most := parse(t, match(t, cells[5], `(?m)differ by at most (\S+)$`)); most > 0.02 {
		t.Errorf("the losses of the run that was stopped differ by up to %g", most)
	}
}
