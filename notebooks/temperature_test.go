package notebooks_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/notebook"
)

// What 04-temperature.ipynb shows: one display of a training, a sweep that is kept between cells, a figure of it, a run that is
// found and said to be sick, and one that is stopped and resumed.
func TestTemperatureNotebook(t *testing.T) {
	cells := execute(t, "04-temperature.ipynb")
	if len(cells) != 5 {
		t.Fatalf("expected 5 code cells, found %d", len(cells))
	}
	oneDisplay(t, cells[0])
	first := number(t, cells[0], `pictures: ([\d.]+)`)
	if first <= 0.075 { // guessing finds 0.050
		t.Errorf("expected a model that has learned, found a recall@10 of %g", first)
	}
	match(t, cells[0], `(?m)^(loss +\d\.\d\d nats, chance ln 64 = 4\.16)$`)
	match(t, cells[0], `(?m)^(temperature +0\.0700, a factor of 14\.3 on cosines)`)

	mean := map[string]float64{}
	for _, tau := range []string{"0.01", "0.07", "0.50"} {
		found := strings.Fields(match(t, cells[1], `(?m)^temperature `+regexp.QuoteMeta(tau)+`: recall@10 (.+)$`))
		if len(found) != 3 {
			t.Fatalf("expected three seeds, cell 2 said %q", cells[1].Text())
		}
		for _, text := range found {
			mean[tau] += parse(t, text) / 3
		}
		if tau == "0.07" && found[0] != fmt.Sprintf("%.3f", first) {
			t.Errorf("the first run found %g in one cell and %s in another", first, found[0])
		}
	}
	if mean["0.07"] < mean["0.01"]+0.02 || mean["0.50"] < mean["0.01"] {
		t.Errorf("expected more to be found at 0.07 and at 0.5 than at 0.01, found %v", mean)
	}
	if size := figure(t, cells[2]).Bounds().Size(); size.X != 800 {
		t.Errorf("expected a figure 800 pixels wide, found %v", size)
	}

	oneDisplay(t, cells[3])
	match(t, cells[3], `(nothing was trained: the run \S+-seed1 of .* has the same settings and seed)`)
	match(t, cells[3], `(clamp: the temperature has been at its clamp, 0\.01 \(a factor of 100 on cosines\))`)

	stopped, complete := number(t, cells[4], `stopped after (\d+) recorded`), number(t, cells[4], `complete with (\d+);`)
	if complete != 51 || stopped < 25 || stopped >= complete {
		t.Errorf("stopped after %g steps, complete with %g", stopped, complete)
	}
	if most := parse(t, match(t, cells[4], `(?m)differ by at most (\S+)$`)); most > 0.02 {
		t.Errorf("the losses of the run that was stopped differ by up to %g", most)
	}
}

// oneDisplay sees to a figure in HTML that was changed in its place.
func oneDisplay(t *testing.T, cell notebook.Cell) {
	t.Helper()
	displays := 0
	for _, output := range cell.Outputs {
		if strings.HasPrefix(output.HTML, `<img src="data:image/png;base64,`) {
			displays++
		}
	}
	if displays != 1 {
		t.Errorf("expected one figure that changes, found %d", displays)
	}
}
