package notebooks_test

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/internal/notebook"
)

// What 02-show-and-tell.ipynb shows when it has to train its own captioner: a loss that falls, a sum of logarithms that is one, ways of
// writing that differ as they should, scores that know whose picture it is, and a bottleneck.
func TestShowAndTellNotebook(t *testing.T) {
	cells := execute(t, "02-show-and-tell.ipynb")
	if len(cells) != 10 {
		t.Fatalf("expected 10 code cells, found %d", len(cells))
	}
	wideFigure(t, cells[0], 100) // a diagram
	checkTelling(t, cells[0])
	checkSentences(t, cells[1])
	checkForetold(t, cells[1])
	checkSlip(t, cells[3])
	checkWays(t, cells[4])
	checkVariety(t, cells[6])
	checkBLEU(t, cells[7])
	checkFalseClaims(t, cells[8])
	checkBottleneck(t, cells[9])
}

// checkTelling checks that training has brought the loss well below what knowing nothing costs.
func checkTelling(t *testing.T, cell notebook.Cell) {
	t.Helper()
	oneDisplay(t, cell)
	first, last := number(t, cell, `begins at ([\d.]+) nats`), number(t, cell, `ends at ([\d.]+)`)
	words, chance := number(t, cell, `(?m)^(\d+) words; knowing nothing`), number(t, cell, `= ([\d.]+) nats a word`)
	if math.Abs(chance-math.Log(words)) > 0.006 || math.Abs(first-chance) > 1 || last > chance/2 {
		t.Errorf("the loss goes from %g to %g among %g words", first, last, words)
	}
	if n := number(t, cell, `a picture becomes (\d+) numbers`); n < 16 {
		t.Errorf("a picture becomes %g numbers", n)
	}
}

func checkSentences(t *testing.T, cell notebook.Cell) {
	t.Helper()
	said := match(t, cell, `(?m)^the model says: +(.+)$`)
	sentences := regexp.MustCompile(`(?m)^the data have it: (.+)$`).FindAllStringSubmatch(cell.Text(), -1)
	if len(sentences) < 2 {
		t.Errorf("expected several sentences, found %q", cell.Text())
	}
	for _, word := range strings.Fields(said) {
		if !slices.Contains(scenes.Words(), word) {
			t.Errorf("%q is no word of Scenes, in %q", word, said)
		}
	}
	htmlPicture(t, cell)
}

// checkForetold checks that the logarithms add up, and that the true words are read.
func checkForetold(t *testing.T, cell notebook.Cell) {
	t.Helper()
	rows := regexp.MustCompile(`(?m)^\d+ +(\S+) +(\S+) +([\d.]+) +([\d.]+)  (\S+)$`).FindAllStringSubmatch(cell.Text(), -1)
	last, sum := "<start>", 0.0
	for _, row := range rows {
		p, cost := parse(t, row[3]), parse(t, row[4])
		if row[1] != last || p > 1 || p > 0.05 && math.Abs(cost+math.Log(p)) > 0.011 {
			t.Errorf("after %q: %q", last, row[0])
		}
		last, sum = row[2], sum+cost
	}
	logP, loss := number(t, cell, `log p of the sentence (-[\d.]+)`), number(t, cell, `the loss ([\d.]+) nats`)
	n := float64(len(rows))
	if last != "<end>" || n < 5 || math.Abs(sum+logP) > 0.0006*(n+1) || math.Abs(loss+logP/n) > 0.001 {
		t.Errorf("%g logarithms add up to %g, log p is %g and the loss %g", n, sum, logP, loss)
	}
}

// checkSlip checks that nothing changes before the slip, and something behind it.
func checkSlip(t *testing.T, cell notebook.Cell) {
	t.Helper()
	slipped, differ := false, 0
	for _, row := range regexp.MustCompile(`(?m)^(\S+) +([\d.]+) +([\d.]+)(  after (\S+) in the place of (\S+))?$`).FindAllStringSubmatch(cell.Text(), -1) {
		if row[4] != "" {
			slipped = true
			if !slices.Contains(scenes.Shapes(), scenes.Shape(row[5])) || !slices.Contains(scenes.Shapes(), scenes.Shape(row[6])) || row[5] == row[6] {
				t.Errorf("no slip: %q", row[0])
			}
		}
		if same := row[2] == row[3]; !same && !slipped {
			t.Errorf("it differs before the slip: %q", row[0])
		} else if !same {
			differ++
		}
	}
	if !slipped || differ == 0 {
		t.Errorf("expected a slip that changes something, found %q", cell.Text())
	}
}

// checkWays checks that a beam is in order and no worse than greedy search, as a rule, and that there are three draws at each temperature.
func checkWays(t *testing.T, cell notebook.Cell) {
	t.Helper()
	ways := map[string][]float64{}
	for _, row := range regexp.MustCompile(`(?m)^(greedy|beam|T = \S+) +log p +(-[\d.]+)  (.+)$`).FindAllStringSubmatch(cell.Text(), -1) {
		ways[row[1]] = append(ways[row[1]], parse(t, row[2]))
	}
	beam := ways["beam"]
	if len(ways["greedy"]) != 1 || len(beam) != 5 || !slices.IsSortedFunc(beam, func(a, b float64) int { return int(math.Round(100 * (b - a))) }) {
		t.Errorf("expected one greedy caption and five of a beam, the likeliest first, found %v", ways)
	}
	for _, T := range []string{"T = 0.5", "T = 1", "T = 2"} {
		if len(ways[T]) != 3 {
			t.Errorf("expected three captions with %s, found %v", T, ways)
		}
	}
}

// checkVariety checks that warmth makes captions different and less true.
func checkVariety(t *testing.T, cell notebook.Cell) {
	t.Helper()
	rows := shares(t, cell)
	different := regexp.MustCompile(`luck ([\d.]+); (\d+) of 100 captions are different`).FindAllStringSubmatch(cell.Text(), -1)
	if len(rows) != 5 || len(different) != 5 {
		t.Fatalf("expected five ways of writing, found %q", cell.Text())
	}
	if coldest, hottest := rows[2].values[0], rows[4].values[0]; coldest <= hottest {
		t.Errorf("expected less that is there at a higher temperature, found %g and %g", coldest, hottest)
	}
	if n := parse(t, different[4][2]); n < parse(t, different[0][2]) || n < 90 {
		t.Errorf("expected hot captions to be different from each other: %v", different)
	}
	if rows[0].values[0] <= parse(t, different[0][1]) {
		t.Errorf("greedy captions are no better than luck: %v, %v", rows[0], different[0])
	}
	wideFigure(t, cell, 200)
}

// checkBLEU checks that all scores lie in their intervals, fall with n, and are higher for the right picture.
func checkBLEU(t *testing.T, cell notebook.Cell) {
	t.Helper()
	rows := regexp.MustCompile(`(?m)^(\S+) +([\d.]+) \(([\d.]+) to ([\d.]+)\) +([\d.]+) \(([\d.]+) to ([\d.]+)\)$`).FindAllStringSubmatch(cell.Text(), -1)
	if len(rows) != 5 || rows[4][1] != "CIDEr" {
		t.Fatalf("expected four BLEUs and CIDEr, found %q", cell.Text())
	}
	ratio := func(row []string) float64 { return parse(t, row[5]) / parse(t, row[2]) }
	last := 1.0
	for i, row := range rows {
		value := parse(t, row[2])
		if parse(t, row[3]) > value || parse(t, row[4]) < value || parse(t, row[5]) >= value || i < 4 && value > last {
			t.Errorf("impossible, or as good for the next picture: %q", row[0])
		}
		last = value
	}
	if ratio(rows[0]) <= ratio(rows[4]) {
		t.Errorf("the text has CIDEr see the wrong picture better than BLEU-1: %q", cell.Text())
	}
}

// checkFalseClaims checks that all captions are counted, that true ones score higher, and that a false one is explained.
func checkFalseClaims(t *testing.T, cell notebook.Cell) {
	t.Helper()
	n, last := 0.0, math.Inf(1)
	rows := regexp.MustCompile(`(?m)^\d false claims: +(\d+) captions, mean CIDEr ([\d.]+)$`).FindAllStringSubmatch(cell.Text(), -1)
	for _, row := range rows {
		n, last = n+parse(t, row[1]), parse(t, row[2])
	}
	claims := regexp.MustCompile(`"[^"]+"`).FindAllString(match(t, cell, `(?m)^false: \[(.+)\]$`), -1)
	if n != 200 || len(rows) < 2 || last >= parse(t, rows[0][2]) || len(claims) < 1 || !strings.Contains(cell.Text(), "CIDEr-D: ") {
		t.Errorf("expected 200 captions, and one with false claims, found %q", cell.Text())
	}
	htmlPicture(t, cell)
}

// checkBottleneck checks that the mean tells colours apart where there is one thing, and is not enough for two.
func checkBottleneck(t *testing.T, cell notebook.Cell) {
	t.Helper()
	rows := map[string]float64{}
	for _, row := range shares(t, cell) {
		rows[row.name] = row.values[0]
	}
	if len(rows) != 12 {
		t.Fatalf("expected three kinds of claims about one thing and two, of two models, found %v", rows)
	}
	if luck := number(t, cell, `luck \[([\d.]+) `); rows["Show and Tell colour, of 1"] < 3*luck || rows["with attention colour, of 1"] < 3*luck {
		t.Errorf("colours are hardly better than luck, %g: %v", luck, rows)
	}
	losses := regexp.MustCompile(`loss for scenes of (\d): ([\d.]+) nats a word, 95% interval ([\d.]+) to ([\d.]+)`).FindAllStringSubmatch(cell.Text(), -1)
	if len(losses) != 4 {
		t.Fatalf("expected two losses of two models, found %q", cell.Text())
	}
	for i, row := range losses[:2] {
		if parse(t, row[2]) <= parse(t, losses[i+2][2]) {
			t.Errorf("expected the lesser loss with attention, found %v", losses)
		}
	}
	wideFigure(t, cell, 200)
}
