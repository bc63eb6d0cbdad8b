package notebooks_test

import (
	"html"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/internal/notebook"
)

// What 04-show-attend-and-tell.ipynb shows when it has to train its own captioner: steps that hang together, weights that share out one
// look, and comparisons that can be so.
func TestShowAttendAndTellNotebook(t *testing.T) {
	cells := execute(t, "04-show-attend-and-tell.ipynb")
	if len(cells) != 10 {
		t.Fatalf("expected 10 code cells, found %d", len(cells))
	}
	places, caption := checkCaptioner(t, cells[0])
	wideFigure(t, cells[1], 100) // a diagram
	words := checkSteps(t, cells[1], places)
	if strings.Join(words, " ") != caption {
		t.Errorf("the steps take %q, the caption is %q", words, caption)
	}
	checkAttendedWords(t, cells[2], append(words, "<end>"))
	checkStrip(t, cells[2])
	checkTable(t, cells[4], caption, places)
	checkStrip(t, cells[6])
	checkSoftAndHard(t, cells[7])
	checkSearches(t, cells[8])
	checkFailures(t, cells[9])
}

// checkCaptioner checks a captioner of Scenes, a picture, and sentences about it.
func checkCaptioner(t *testing.T, cell notebook.Cell) (places float64, caption string) {
	t.Helper()
	// Scenes have 34 words, with marks and the special words of a vocabulary: between 30 and 45.
	wordCount := number(t, cell, `trained on scenes, (\d+) words`)
	places = number(t, cell, `a picture is (\d+) places with 64 numbers each`)
	if wordCount < 30 || wordCount > 45 || (places != 36 && places != 16) {
		t.Errorf("cell 1 said %q", cell.Text())
	}
	caption = match(t, cell, `(?m)^the model says: +(.+)$`)
	sentences := regexp.MustCompile(`(?m)^the data have it: (.+)$`).FindAllStringSubmatch(cell.Text(), -1)
	if len(sentences) != 5 {
		t.Errorf("expected 5 sentences of Scenes, cell 1 said %q", cell.Text())
	}
	for _, sentence := range append(sentences, []string{"", caption}) {
		for _, word := range strings.Fields(sentence[1]) {
			if !slices.Contains(scenes.Words(), word) {
				t.Errorf("%q is no word of Scenes, in %q", word, sentence[1])
			}
		}
	}
	if size := htmlPicture(t, cell).Bounds().Size(); size.X != size.Y || float64(size.X*size.Y) != 64*places {
		t.Errorf("expected a square picture with one place for 8 x 8 pixels, found %v", size)
	}
	return places, caption
}

var tableRow = regexp.MustCompile(`(?m)^(\S+) +([\d.]+)  ([\d.]+) in row (\d+) column (\d+) +([\d.]+) of (\d+) places$`)

// checkAttendedWords checks that there is a word to point at for every step.
func checkAttendedWords(t *testing.T, cell notebook.Cell, words []string) {
	t.Helper()
	var shown []string
	for _, button := range regexp.MustCompile(`<button [^>]*>([^<]+)</button>`).FindAllStringSubmatch(strings.Join(cell.HTML(), ""), -1) {
		shown = append(shown, html.UnescapeString(button[1]))
	}
	if !slices.Equal(shown, words) {
		t.Errorf("the words to point at are %q, those of the steps %q", shown, words)
	}
}

// checkTable checks the weights of every word.
func checkTable(t *testing.T, cell notebook.Cell, caption string, places float64) {
	t.Helper()
	var words []string
	sharpest := places
	for _, row := range tableRow.FindAllStringSubmatch(cell.Text(), -1) {
		words = append(words, row[1])
		sum, largest, looks := parse(t, row[2]), parse(t, row[3]), parse(t, row[6])
		if math.Abs(sum-1) > 0.0011 {
			t.Errorf("the weights of %q add up to %v", row[1], sum)
		}
		// The entropy lies between that of one place and of all, and the largest weight is no less than 1/exp(H).
		if parse(t, row[7]) != places || looks < 1 || looks > places+0.05 || largest > 1 || largest < 1/looks-0.001 {
			t.Errorf("impossible weights: %s", row[0])
		}
		for _, at := range row[4:6] {
			if n := parse(t, at); n < 1 || n*n > places {
				t.Errorf("a place that there is not: %s", row[0])
			}
		}
		sharpest = min(sharpest, looks)
	}
	if got := strings.Join(words, " "); got != caption {
		t.Errorf("the table is of the words %q, the caption is %q", got, caption)
	}
	if sharpest > places/2 {
		t.Errorf("expected a word for which it looks at less than half of the places, the sharpest look is at %v of %v", sharpest, places)
	}
	if size := figure(t, cell).Bounds().Size(); size.X != 800 || size.Y < 300 {
		t.Errorf("expected bars 800 pixels wide, found %v", size)
	}
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
