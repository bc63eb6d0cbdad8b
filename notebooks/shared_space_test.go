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

// What 01-shared-space.ipynb shows when it has to train its own CLIP: pixels that are bad neighbours, symbols that are none, features
// whose neighbours share what texts speak of, and pairs that training brings together.
func TestSharedSpaceNotebook(t *testing.T) {
	cells := execute(t, "01-shared-space.ipynb")
	if len(cells) != 9 {
		t.Fatalf("expected 9 code cells, found %d", len(cells))
	}
	match(t, cells[0], `(computed by \S+)`)
	if n := number(t, cells[0], `trained on scenes; (\d+) held-out pictures`); n != 400 || len(shownPictures(t, cells[0])) != 5 {
		t.Errorf("expected 400 held-out pictures and five of them, cell 1 said %q", cells[0].Text())
	}
	checkPixels(t, cells[1])
	checkSymbols(t, cells[2])
	checkTwoSpaces(t, cells[4])
	checkNeighbours(t, cells[5])
	checkMaps(t, cells[6])
	checkAllowed(t, cells[7])
}

// checkPixels checks colours, and that moved pictures are strangers to themselves.
func checkPixels(t *testing.T, cell notebook.Cell) {
	t.Helper()
	row := regexp.MustCompile(`\( *(\d+) +(\d+) +(\d+)\)`).FindAllStringSubmatch(cell.Text(), -1)
	if len(row) != 8 {
		t.Fatalf("expected eight pixels, found %q", cell.Text())
	}
	for _, pixel := range row {
		for _, value := range pixel[1:] {
			if v := parse(t, value); v < 0 || v > 255 {
				t.Errorf("no pixel: %q", pixel[0])
			}
		}
	}
	side := math.Sqrt(number(t, cell, `is (\d+) numbers`) / 3)
	if side != math.Trunc(side) || side < 16 {
		t.Errorf("no square picture: %q", cell.Text())
	}
	if overtaken := number(t, cell, `for ([\d.]+) of 400 pictures`); overtaken < 0.1 || overtaken > 1 {
		t.Errorf("expected many pictures that are strangers to themselves, found %g", overtaken)
	}
}

// checkSymbols checks that all symbols are √2 apart, and that names that share a word are closer than others once they are learned.
func checkSymbols(t *testing.T, cell notebook.Cell) {
	t.Helper()
	learned := map[string]float64{}
	for _, row := range regexp.MustCompile(`(?m)^red circle to (\S+ \S+): +as symbols ([\d.]+), learned ([\d.]+)$`).FindAllStringSubmatch(cell.Text(), -1) {
		if row[2] != "1.414" {
			t.Errorf("symbols that are not √2 apart: %q", row[0])
		}
		learned[row[1]] = parse(t, row[3])
	}
	if len(learned) != 4 || learned["red square"] >= learned["blue star"] {
		t.Errorf("expected a red square to be closer to a red circle than a blue star, found %v", learned)
	}
	wideFigure(t, cell, 200)
}

// checkTwoSpaces checks three neighbours in two spaces.
func checkTwoSpaces(t *testing.T, cell notebook.Cell) {
	t.Helper()
	titles := shownPictures(t, cell)
	if len(titles) != 7 || titles[0] != "nearest to this one:" || !areClasses(titles[1:]...) {
		t.Errorf("expected a picture, and three neighbours in each of two spaces, found %q", titles)
	}
	if pixels, features := strings.Index(cell.Text(), "by pixels"), strings.Index(cell.Text(), "by features"); pixels < 0 || features < pixels {
		t.Errorf("expected both spaces to be named, found %q", cell.Text())
	}
}

// checkNeighbours checks that training makes neighbours of what has one colour and shape, more than pixels do.
func checkNeighbours(t *testing.T, cell notebook.Cell) {
	t.Helper()
	rows := map[string]float64{}
	for _, row := range shares(t, cell) {
		rows[row.name] = row.values[0]
	}
	for _, attribute := range []string{"colour", "shape"} {
		pixels, trained := rows["pixels "+attribute], rows["trained features "+attribute]
		if trained <= pixels || trained <= rows["untrained features "+attribute] || pixels <= 0 {
			t.Errorf("expected trained features to know the %s best, found %v", attribute, rows)
		}
	}
	if len(rows) != 12 {
		t.Errorf("expected four attributes in three spaces, found %v", rows)
	}
	wideFigure(t, cell, 200)
}

// checkMaps checks that training parts a picture's own text from the others.
func checkMaps(t *testing.T, cell notebook.Cell) {
	t.Helper()
	rows := regexp.MustCompile(`cosine of 400 pictures with their own text (-?[\d.]+), with others' (-?[\d.]+)`).FindAllStringSubmatch(cell.Text(), -1)
	if len(rows) != 2 {
		t.Fatalf("expected cosines before and after, found %q", cell.Text())
	}
	gap := func(row []string) float64 { return parse(t, row[1]) - parse(t, row[2]) }
	if before, after := gap(rows[0]), gap(rows[1]); math.Abs(before) > 0.05 || after < 0.2 {
		t.Errorf("own texts are %g closer than others before training and %g after", before, after)
	}
	pictures := cell.Pictures()
	if len(pictures) != 3 {
		t.Fatalf("expected a diagram, maps and matrices, found %d figures", len(pictures))
	}
	for i, data := range pictures {
		if size := decode(t, data).Bounds().Size(); size.X != 800 || size.Y < []int{100, 200, 200}[i] {
			t.Errorf("expected figures 800 pixels wide, found %v", size)
		}
	}
}

// checkAllowed checks that a name finds pictures of its class, and a picture names.
func checkAllowed(t *testing.T, cell notebook.Cell) {
	t.Helper()
	wanted := match(t, cell, `(?m)^"([^"]+)", nearest pictures:$`)
	titles := shownPictures(t, cell)
	if len(titles) != 4 || !areClasses(titles...) || !areClasses(wanted) {
		t.Fatalf("expected four pictures for a class, found %q for %q", titles, wanted)
	}
	shared := func(name string) bool { // the colour or the shape
		return slices.ContainsFunc(strings.Fields(name), func(word string) bool { return slices.Contains(strings.Fields(wanted), word) })
	}
	if !slices.ContainsFunc(titles, shared) {
		t.Errorf("none of %q has anything of %q", titles, wanted)
	}
	last := 1.001
	rows := regexp.MustCompile(`(?m)^(\S+ \S+) +cosine (-?[\d.]+)$`).FindAllStringSubmatch(cell.Text(), -1)
	for _, row := range rows {
		if c := parse(t, row[2]); c > last || !areClasses(row[1]) {
			t.Errorf("expected classes from the nearest on, found %q", row[0])
		} else {
			last = c
		}
	}
	if n := number(t, cell, `nearest of (\d+) names`); len(rows) != 3 || n < 20 || n > float64(len(scenes.Classes())) {
		t.Errorf("three of %g names, found %v", n, rows)
	}
}
