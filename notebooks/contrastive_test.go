package notebooks_test

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/notebook"
)

// What 06-contrastive.ipynb shows: losses and gradients by hand that are the library's, a model that pays less than guessing, a push that a
// temperature gives to the hardest negatives, and trainings at three temperatures.
func TestContrastiveNotebook(t *testing.T) {
	cells := execute(t, "06-contrastive.ipynb")
	if len(cells) != 14 {
		t.Fatalf("expected 14 code cells, found %d", len(cells))
	}
	captions := strings.Split(strings.TrimSpace(cells[0].Text()), "\n")
	captions = captions[max(len(captions)-8, 0):] // behind what a training says
	if len(captions) != 8 || !areClasses(strings.TrimSpace(captions[0][:20])) {
		t.Errorf("expected the first pairs of eight classes, found %q", captions)
	}
	wideFigure(t, cells[0], 200)

	rows, columns := number(t, cells[1], `for their texts: ([\d.]+)`), number(t, cells[1], `for their pictures: ([\d.]+)`)
	mean, library := number(t, cells[1], `mean of both ([\d.]+)`), number(t, cells[1], `library says ([\d.]+)`)
	if math.Abs((rows+columns)/2-mean) > 1.1e-4 || math.Abs(mean-library) > 1.1e-4 || mean >= math.Log(8) || rows == columns {
		t.Errorf("the loss of 8 pairs: %q", cells[1].Text())
	}
	match(t, cells[2], `(the first row adds up to 1\.000, the first column to 1\.000)`)
	wideFigure(t, cells[2], 200)
	checkLosses(t, cells[3])

	sums := regexp.MustCompile(`(?m)^row \d adds up to ([-+][\d.]+)$`).FindAllStringSubmatch(cells[4].Text(), -1)
	total := 0.0
	for _, sum := range sums {
		total += parse(t, sum[1])
	}
	if most := number(t, cells[4], `(?m)at most (\S+)$`); len(sums) != 8 || math.Abs(total) > 0.001 || most > 1e-5 {
		t.Errorf("the gradient: %q", cells[4].Text())
	}
	wideFigure(t, cells[4], 300)
	checkHardest(t, cells[5])
	checkSlider(t, cells[6])
	checkLaboratory(t, cells[7:11])
}

// checkLosses checks the losses of batches of 2 to 256 pairs: guessing costs ln N, a trained model pays less.
func checkLosses(t *testing.T, cell notebook.Cell) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^N = +(\d+): guessing ([\d.]+), before ([\d.]+), after ([\d.]+) nats$`).FindAllStringSubmatch(cell.Text(), -1)
	if len(found) != 8 {
		t.Fatalf("expected eight batches, found %q", cell.Text())
	}
	for _, line := range found {
		n, guessing, before, after := parse(t, line[1]), parse(t, line[2]), parse(t, line[3]), parse(t, line[4])
		if math.Abs(guessing-math.Log(n)) > 0.00051 || n > 4 && (after >= guessing || before <= after) {
			t.Errorf("impossible, or nothing was learned: %q", line[0])
		}
	}
	wideFigure(t, cell, 200)
}

// checkHardest checks that the share of the hardest negatives falls with the temperature to that of all.
func checkHardest(t *testing.T, cell notebook.Cell) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^τ = (\S+) +of 63 negatives the hardest gets ([\d.]+), the hardest six ([\d.]+)$`).FindAllStringSubmatch(cell.Text(), -1)
	if len(found) != 9 {
		t.Fatalf("expected nine temperatures, found %q", cell.Text())
	}
	lastOne, lastSix := 1.001, 1.001
	for _, line := range found {
		one, six := parse(t, line[2]), parse(t, line[3])
		if one > lastOne || six > lastSix || one > six || one < 1./63-0.0006 {
			t.Errorf("not a share that falls with the temperature: %q", line[0])
		}
		lastOne, lastSix = one, six
	}
	if coldest := parse(t, found[0][2]); coldest < 0.5 || lastOne > 0.06 {
		t.Errorf("expected nearly all of the push for the hardest at first and nearly none at last, found %q", cell.Text())
	}
	wideFigure(t, cell, 200)
}

// checkSlider checks a picture and, below it, a slider with the eight texts of the matrix.
func checkSlider(t *testing.T, cell notebook.Cell) {
	t.Helper()
	if len(shownPictures(t, cell)) != 1 {
		t.Error("expected one picture")
	}
	page := strings.Join(cell.HTML(), "\n")
	bars, sum := regexp.MustCompile(`class="p"[^>]*>([\d.]+)<`).FindAllStringSubmatch(page, -1), 0.0
	for _, bar := range bars {
		sum += parse(t, bar[1])
	}
	if !strings.Contains(page, `<input type="range"`) || len(bars) != 8 || math.Abs(sum-1) > 0.0041 {
		t.Errorf("expected a slider over eight probabilities, found %d that add up to %g", len(bars), sum)
	}
}

// checkLaboratory checks one display of a training, a sweep that is kept between cells, a figure of it, and a run that is found and said to
// be sick.
func checkLaboratory(t *testing.T, cells []notebook.Cell) {
	t.Helper()
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
}

// oneDisplay sees to a figure in HTML that was changed in its place.
func oneDisplay(t *testing.T, cell notebook.Cell) {
	t.Helper()
	displays := 0
	for _, html := range cell.HTML() {
		if strings.HasPrefix(html, `<img src="data:image/png;base64,`) {
			displays++
		}
	}
	if displays != 1 {
		t.Errorf("expected one figure that changes, found %d", displays)
	}
}
