package notebooks_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments/lesson/composition"
	"github.com/glimpse-ml/glimpse/internal/notebook"
)

// What 08-limits.ipynb shows: mistakes that are ones, captions with the same words that a bag of words cannot tell apart, a choice of numbers
// beside one of colours, and probabilities of labels that are all wrong.
func TestLimitsNotebook(t *testing.T) {
	cells := execute(t, "08-limits.ipynb")
	if len(cells) != 12 {
		t.Fatalf("expected 12 code cells, found %d", len(cells))
	}
	right, chance := number(t, cells[0], `right for ([\d.]+) of`), number(t, cells[0], `guessing for ([\d.]+)`)
	match(t, cells[0], `(trained on scenes)`)
	if right < 3*chance || right >= 1 {
		t.Errorf("right for %g, guessing for %g", right, chance)
	}
	checkMistakes(t, cells[1])
	checkConfusion(t, cells[2])
	checkSwap(t, cells[3])
	checkComposition(t, cells[4])
	checkScores(t, cells[5])
	checkCounting(t, cells[6])
	checkSum(t, cells[7])
	checkWrongLabels(t, cells[8])
}

// checkMistakes checks that four mistakes are ones, and the surest comes first.
func checkMistakes(t *testing.T, cell notebook.Cell) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^it is (.+), the model says (.+) \(([\d.]+)\)$`).FindAllStringSubmatch(cell.Text(), -1)
	if len(found) != 4 || len(shownPictures(t, cell)) != 4 {
		t.Fatalf("expected four mistakes with their pictures, found %q", cell.Text())
	}
	last := 1.0
	for _, m := range found {
		p := parse(t, m[3])
		if m[1] == m[2] || !areClasses(m[1], m[2]) || p > last || p <= 0 {
			t.Errorf("not a mistake, or not in order: %q", m[0])
		}
		last = p
	}
}

// checkConfusion checks that the commonest confusion is of two of Scenes' classes.
func checkConfusion(t *testing.T, cell notebook.Cell) {
	t.Helper()
	found := regexp.MustCompile(`mistake: (\d+) of (\d+) pictures of (.+) are taken for (.+)\n`).FindStringSubmatch(cell.Text())
	if found == nil {
		t.Fatalf("no commonest mistake: %q", cell.Text())
	}
	taken, of := parse(t, found[1]), parse(t, found[2])
	if taken < 1 || taken > of || of < 5 || found[3] == found[4] || !areClasses(found[3], found[4]) {
		t.Errorf("an impossible confusion: %q", found[0])
	}
	wideFigure(t, cell, 400)
}

// checkSwap checks two pictures with two sentences of the same words, and their cosines.
func checkSwap(t *testing.T, cell notebook.Cell) {
	t.Helper()
	texts := shownPictures(t, cell)
	if len(texts) != 2 || texts[0] == texts[1] {
		t.Fatalf("expected a scene and its mirror image with two sentences, found %q", texts)
	}
	words := func(text string) []string {
		return slices.Sorted(slices.Values(strings.Fields(strings.ReplaceAll(text, "an ", "a "))))
	}
	if !slices.Equal(words(texts[0]), words(texts[1])) {
		t.Errorf("expected the same words, found %q", texts)
	}
	for _, text := range texts {
		for _, word := range strings.Fields(text) {
			if !slices.Contains(scenes.Words(), word) {
				t.Errorf("%q is no word of Scenes", word)
			}
		}
	}
	for _, pattern := range []string{`first picture: ([-\d.]+) and`, `first picture: [-\d.]+ and ([-\d.]+),`, `second: ([-\d.]+) and`, `second: [-\d.]+ and ([-\d.]+)`} {
		if cosine := number(t, cell, pattern); cosine < -1 || cosine > 1 {
			t.Errorf("a cosine of %g", cosine)
		}
	}
	wideFigure(t, cell, 200)
}

// checkComposition checks that both towers know colours, and that a bag of words is right in exactly half of what differs in its order alone.
func checkComposition(t *testing.T, cell notebook.Cell) {
	t.Helper()
	rows := shares(t, cell)
	if len(rows) != 2*len(composition.Tests()) {
		t.Fatalf("expected %d tests of two towers, found %v", len(composition.Tests()), rows)
	}
	for i, row := range rows {
		test := composition.Tests()[i%len(composition.Tests())]
		tower := []string{"transformer", "bag of words"}[i/len(composition.Tests())]
		if want := tower + " " + string(test); row.name != want {
			t.Errorf("expected %q, found %q", want, row.name)
		}
		sameWords := test == composition.Binding || test == composition.Order
		switch {
		case test == composition.Attribute && row.values[1] < 0.6:
			t.Errorf("expected a model that knows colours, found %v", row)
		case sameWords && tower == "bag of words" && row.values[0] != 0.5:
			t.Errorf("expected half of the choices for a bag of words, found %v", row)
		case sameWords && row.values[0] > 0.8:
			t.Errorf("so short a training learns no order of words, found %v", row)
		}
	}
	wideFigure(t, cell, 200)
}

// checkScores checks that the group score is the least of three shares.
func checkScores(t *testing.T, cell notebook.Cell) {
	t.Helper()
	rows := shares(t, cell)
	if len(rows) != 3 || rows[0].name != "text score" || rows[1].name != "image score" || rows[2].name != "group score" {
		t.Fatalf("expected three scores, found %v", rows)
	}
	if group := rows[2].values[0]; group > rows[0].values[0] || group > rows[1].values[0] || group > 0.6 {
		t.Errorf("an impossible group score, or word order was learned: %v", rows)
	}
	wideFigure(t, cell, 200)
}

// checkCounting checks choices of a colour, a shape and a number, of which the colour is known best.
func checkCounting(t *testing.T, cell notebook.Cell) {
	t.Helper()
	rows := shares(t, cell)
	if len(rows) != 3 || rows[0].name != "colour" || rows[1].name != "shape" || rows[2].name != "number" {
		t.Fatalf("expected what is asked about, found %v", rows)
	}
	if rows[0].values[1] <= 0.5 || rows[0].values[0] < rows[1].values[0] {
		t.Errorf("expected colours to be known, and better than shapes, found %v", rows)
	}
	match(t, cell, `(?m)^(number: "(two|three|four) shapes" against "(two|three|four) shapes", and so on)$`)
	wideFigure(t, cell, 200)
}

// checkSum checks that the sum of two texts is closer to what names both than to what names neither.
func checkSum(t *testing.T, cell notebook.Cell) {
	t.Helper()
	both, neither := number(t, cell, `(?m)^a red circle and a blue square +([-\d.]+)$`), number(t, cell, `(?m)^a green star and a pink cross +([-\d.]+)$`)
	one := number(t, cell, `(?m)^a red circle +([-\d.]+)$`)
	exchanged := number(t, cell, `(?m)^a red square and a blue circle +([-\d.]+)$`)
	if both <= neither || one <= neither || exchanged <= neither || both > 1 {
		t.Errorf("expected the sum to be nearer to what it is made of, found %q", cell.Text())
	}
	wideFigure(t, cell, 200)
}

// checkWrongLabels checks that labels that are all wrong get probabilities that add up to 1.
func checkWrongLabels(t *testing.T, cell notebook.Cell) {
	t.Helper()
	sum := 0.0
	found := regexp.MustCompile(`(?m)^.+ cosine [-+][\d.]+, probability ([\d.]+)$`).FindAllStringSubmatch(cell.Text(), -1)
	for _, line := range found {
		sum += parse(t, line[1])
	}
	if len(found) != 4 || sum < 0.998 || sum > 1.002 {
		t.Errorf("expected four labels and a sum of 1, found %q", cell.Text())
	}
	if own := number(t, cell, `its own text has the cosine ([-\d.]+)`); own < 0 || own > 1 {
		t.Errorf("a cosine of %g", own)
	}
	if titles := shownPictures(t, cell); len(titles) != 1 || !areClasses(strings.TrimPrefix(titles[0], "it is: ")) {
		t.Errorf("expected a picture of one of the classes, found %q", titles)
	}
}
