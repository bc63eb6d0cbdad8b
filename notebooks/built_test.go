package notebooks_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/notebook"
)

// What 10-built-on-clip.ipynb shows: what was recorded of each experiment with its figures, a picture of which less and less is left, and a filter
// that is better than chance.
func TestBuiltNotebook(t *testing.T) {
	cells := execute(t, "10-built-on-clip.ipynb")
	if len(cells) != 10 {
		t.Fatalf("expected 10 code cells, found %d", len(cells))
	}
	wideFigure(t, cells[0], 400)
	checkRecorded(t, cells[1], 0, map[string]int{"captioning": 1})
	checkRecorded(t, cells[2], 0, map[string]int{"answering": 2})
	checkRecorded(t, cells[3], 0, map[string]int{"segmentation": 2})
	checkNoised(t, cells[4])
	checkRecorded(t, cells[5], 0, map[string]int{"guided": 4})
	checkRecorded(t, cells[6], 0, map[string]int{"latent": 1, "imagen": 1, "unclip": 1})
	checkRecorded(t, cells[7], 1, map[string]int{"judge": 2})
	checkFilter(t, cells[7])
}

// checkRecorded checks that a cell tells what is recorded of experiments, each with its answer and so many figures, and shows others besides.
func checkRecorded(t *testing.T, cell notebook.Cell, others int, experiments map[string]int) {
	t.Helper()
	figures := others
	for name, n := range experiments {
		found := regexp.MustCompile(`(?m)^built/` + name + `, recorded seeds: (\d+)\n((?:.+\n?)+)`).FindStringSubmatch(cell.Text())
		if found == nil {
			t.Fatalf("expected what is recorded of built/%s, found %q", name, cell.Text())
		}
		answer, _, _ := strings.Cut(found[2], "\nbuilt/") // where the next one begins
		hasFigures := regexp.MustCompile(`\d`).MatchString(answer)
		if recorded := found[1] != "0"; recorded != hasFigures {
			t.Errorf("expected an answer with figures where there are runs, and nowhere else: %q", found[0])
		} else if recorded {
			figures += n
		}
	}
	if found := len(cell.Pictures()); found != figures {
		t.Errorf("expected %d figures, found %d: %s", figures, found, cell.Source)
	}
	for _, picture := range cell.Pictures() {
		if size := decode(t, picture).Bounds().Size(); size.X < 400 || size.Y < 100 {
			t.Errorf("a figure of %v: %s", size, cell.Source)
		}
	}
}

// checkNoised checks six pictures, of which the first is left whole and of the last nothing.
func checkNoised(t *testing.T, cell notebook.Cell) {
	t.Helper()
	titles := shownPictures(t, cell)
	if len(titles) != 6 {
		t.Fatalf("expected six pictures, found %q", titles)
	}
	last := 2.0
	for i, step := range []string{"0", "20", "40", "60", "80", "100"} {
		left := number(t, cell, `(?m)^step `+step+`: ([\d.]+) left$`)
		if left >= last || i == 0 && left != 1 || i == 5 && left > 0.001 {
			t.Errorf("step %s: %g left, and %g before", step, left, last)
		}
		last = left
	}
}

// checkFilter checks a filter that keeps more right pictures than wrong ones.
func checkFilter(t *testing.T, cell notebook.Cell) {
	t.Helper()
	match(t, cell, `(?m)^(\w+ \w+): area under the curve`)
	area := number(t, cell, `area under the curve ([\d.]+);`)
	right, wrong := number(t, cell, `keeps ([\d.]+) of them`), number(t, cell, `and ([\d.]+) of all others`)
	if area < 0.7 || area > 1 || wrong > 0.05 || right <= wrong {
		t.Errorf("an area of %g, %g of the right pictures and %g of the others", area, right, wrong)
	}
}
