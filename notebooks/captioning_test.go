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

// What 03-captioning.ipynb shows when it has to train its own captioner: steps that hang together, the same numbers by hand and
// by the model, a gradient that moves attention where it should go, and comparisons that can be so.
func TestCaptioningNotebook(t *testing.T) {
	cells := execute(t, "03-captioning.ipynb")
	if len(cells) != 10 {
		t.Fatalf("expected 10 code cells, found %d", len(cells))
	}
	places := number(t, cells[0], `a picture is (\d+) places`)
	if places != 36 && places != 16 {
		t.Errorf("cell 1 said %q", cells[0].Text())
	}
	words := checkSteps(t, cells[1], places)
	checkStrip(t, cells[2])
	checkLook(t, cells[3], words)
	checkWalk(t, cells[4])
	checkDescent(t, cells[5], places)
	checkStrip(t, cells[6])
	checkSoftAndHard(t, cells[7])
	checkSearches(t, cells[8])
	checkFailures(t, cells[9])
}

var (
	stepRow   = regexp.MustCompile(`(?m)^(\d+) +(\S+) +([\d.]+) places +([\d.]+) +(.+?) +(\S+)$`)
	candidate = regexp.MustCompile(`(\S+) +([01]\.\d\d)`)
)

// checkSteps checks that each step reads what the last one took, that the likeliest word is taken, and returns the words.
func checkSteps(t *testing.T, cell notebook.Cell, places float64) []string {
	t.Helper()
	last := "<start>"
	var words []string
	for _, row := range stepRow.FindAllStringSubmatch(cell.Text(), -1) {
		looks, gate := parse(t, row[3]), parse(t, row[4])
		if row[2] != last || looks < 1 || looks > places+0.05 || gate < 0 || gate > 1 {
			t.Errorf("impossible after %q: %s", last, row[0])
		}
		last = row[6]
		likely := candidate.FindAllStringSubmatch(row[5], -1)
		if len(likely) != 3 || likely[0][1] != last {
			t.Errorf("expected three words, the first of them taken: %s", row[0])
			continue
		}
		sum := 0.0
		for i, c := range likely {
			p := parse(t, c[2])
			if sum += p; i > 0 && p > parse(t, likely[i-1][2]) {
				t.Errorf("words that are not in the order of their probabilities: %s", row[0])
			}
		}
		if sum > 1.015 {
			t.Errorf("probabilities above 1: %s", row[0])
		}
		if last != "<end>" {
			if words = append(words, last); !slices.Contains(scenes.Words(), last) {
				t.Errorf("%q is no word of Scenes", last)
			}
		}
	}
	if len(words) < 4 {
		t.Errorf("expected the steps of a sentence: %q", cell.Text())
	}
	return words
}

// checkLook checks that what is computed by hand is what the model computed.
func checkLook(t *testing.T, cell notebook.Cell, words []string) {
	t.Helper()
	if took := match(t, cell, `takes "([^"]+)"`); len(words) < 2 || took != words[1] {
		t.Errorf("step 2 takes %q, the words are %q", took, words)
	}
	largest := number(t, cell, `z \S+ of ([\d.]+)`)
	for _, name := range []string{"e", "alpha", "z"} {
		if d := number(t, cell, name+` ([\d.]+e[-+]\d+)`); d > 1e-4*math.Max(1, largest) {
			t.Errorf("%s is %g off", name, d)
		}
	}
	if n := len(cell.Pictures()); n != 2 {
		t.Errorf("expected two grids, found %d", n)
	}
}

var linkRow = regexp.MustCompile(`(?m)^dL/d(\S+) +(\d+) +(\S+) +(\S+)$`)

// checkWalk checks that the gradient by hand is that of automatic differentiation, to 1e-6 of the largest entry.
func checkWalk(t *testing.T, cell notebook.Cell) {
	t.Helper()
	var links []string
	for _, row := range linkRow.FindAllStringSubmatch(cell.Text(), -1) {
		links = append(links, row[1])
		if largest, apart := parse(t, row[3]), parse(t, row[4]); !(largest > 0) || !(apart <= 1e-6*largest) {
			t.Errorf("by hand and by autodiff: %s", row[0])
		}
	}
	if !slices.Equal(links, []string{"α", "e", "v", "W_a", "W_h", "b", "a", "h"}) {
		t.Errorf("the links are %q", links)
	}
}

// checkDescent checks that the loss falls and the weight of the place grows.
func checkDescent(t *testing.T, cell notebook.Cell, places float64) {
	t.Helper()
	rows := regexp.MustCompile(`weight of place k ([\d.]+), L = (\S+)`).FindAllStringSubmatch(cell.Text(), -1)
	if len(rows) != 4 {
		t.Fatalf("expected four lines, found %q", cell.Text())
	}
	first, last := rows[0], rows[3]
	if before, after := parse(t, first[1]), parse(t, last[1]); before > 1/places || after < 2*before || after > 1 {
		t.Errorf("the weight of the place goes from %g to %g", before, after)
	}
	if before, after := parse(t, first[2]), parse(t, last[2]); after >= before {
		t.Errorf("the loss goes from %g to %g", before, after)
	}
	wideFigure(t, cell, 150) // one row of panels
}

// checkSoftAndHard checks that looking is worth something, softly most, and that the baseline takes away noise.
func checkSoftAndHard(t *testing.T, cell notebook.Cell) {
	t.Helper()
	loss := func(name string) float64 { return number(t, cell, name+` +([\d.]+) nats`) }
	soft, hard, even := loss("soft"), loss("likeliest place"), loss("everywhere alike")
	if soft >= hard || soft >= even {
		t.Errorf("expected the least loss as it was trained, softly, found %g, at one place %g, everywhere %g", soft, hard, even)
	}
	plain, baseline := number(t, cell, `without a baseline: mean \S+, spread (\S+)`), number(t, cell, `with a baseline: +mean \S+, spread (\S+)`)
	if !(baseline > 0 && baseline < plain) {
		t.Errorf("the spread is %g without a baseline and %g with one", plain, baseline)
	}
}

func checkSearches(t *testing.T, cell notebook.Cell) {
	t.Helper()
	greedy, beam := number(t, cell, `mean log p: greedy (-[\d.]+)`), number(t, cell, `, beam (-[\d.]+)`)
	differ, likelier := number(t, cell, `differ for (\d+) of 30`), number(t, cell, `likelier for (\d+)`)
	if beam < greedy-0.005 || likelier > differ {
		t.Errorf("the beam reaches %g and greedy search %g; captions differ for %g, the beam's is likelier for %g", beam, greedy, differ, likelier)
	}
}

func checkFailures(t *testing.T, cell notebook.Cell) {
	t.Helper()
	wrong := number(t, cell, `(\d+) of 30 captions have a word`)
	if n := float64(len(cell.Pictures())); n != math.Min(wrong, 4) {
		t.Errorf("%g pictures of %g captions", n, wrong)
	}
	unheard := regexp.MustCompile(`(?m)^no sentence has:  (.+)$`).FindAllStringSubmatch(cell.Text(), -1)
	said := regexp.MustCompile(`(?m)^the model says:   (.+)$`).FindAllStringSubmatch(cell.Text(), -1)
	for i := range unheard {
		for _, word := range strings.Split(unheard[i][1], ", ") {
			if !slices.Contains(strings.Fields(said[i][1]), word) {
				t.Errorf("%q is not in %q", word, said[i][1])
			}
		}
	}
}
