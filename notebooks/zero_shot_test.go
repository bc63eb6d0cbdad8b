package notebooks_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/internal/notebook"
)

// What 07-zero-shot.ipynb shows when it has to train its own CLIP: embeddings that say more than chance in every use of them,
// probabilities that the temperature sharpens without changing their order, shares with their intervals.
func TestZeroShotNotebook(t *testing.T) {
	cells := execute(t, "07-zero-shot.ipynb")
	if len(cells) != 11 {
		t.Fatalf("expected 11 code cells, found %d", len(cells))
	}
	match(t, cells[0], `(computed by \S+)`)
	if words := number(t, cells[0], `trained on scenes, a vocabulary of (\d+) pieces`); words < 256 || words > 1000 {
		t.Errorf("a vocabulary of %v pieces, of 200 merges", words)
	}
	if n := number(t, cells[0], `a picture becomes (\d+) numbers`); n < 16 {
		t.Errorf("embeddings of %v numbers", n)
	}
	pairs := number(t, cells[0], `(\d+) held-out pairs`)
	if pairs != 400 {
		t.Errorf("%v held-out pairs, expected 400", pairs)
	}

	checkMatrix(t, cells[1])
	checkAnswers(t, cells[2])
	chance, accuracy := checkTemperatures(t, cells[3])
	checkPrompts(t, cells[4], chance, accuracy)
	checkSearch(t, cells[5], cells[6])
	checkRecall(t, cells[7], pairs)
}

func areClasses(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(scenes.Classes(), name) })
}

// wideFigure sees to one figure of the usual width.
func wideFigure(t *testing.T, cell notebook.Cell, height int) {
	t.Helper()
	if size := figure(t, cell).Bounds().Size(); size.X != 800 || size.Y < height {
		t.Errorf("expected a figure 800 pixels wide and at least %d high, found %v: %s", height, size, cell.Source)
	}
}

// checkMatrix checks that more than three times as many texts as by guessing are the closest ones.
func checkMatrix(t *testing.T, cell notebook.Cell) {
	t.Helper()
	right, rows := number(t, cell, `diagonal in (\d+) of`), number(t, cell, `diagonal in \d+ of (\d+) rows`)
	if rows != 12 || right < 3 || right > rows {
		t.Errorf("the largest cosine is on the diagonal in %v of %v rows", right, rows)
	}
	if n := len(shownPictures(t, cell)); n != 12 {
		t.Errorf("%d pictures for 12 pairs", n)
	}
	wideFigure(t, cell, 400)
}

// checkAnswers checks a table of cosines and probabilities: columns of sum 1 in one order, sharper with every scale.
func checkAnswers(t *testing.T, cell notebook.Cell) {
	t.Helper()
	rows := table(t, cell)
	if len(rows) != 6 {
		t.Fatalf("expected five classes and the others, found %v", rows)
	}
	for i, row := range rows[:5] {
		if len(row.values) != 5 || !areClasses(row.name) {
			t.Fatalf("expected a class of Scenes, its cosine and four probabilities, found %v", row)
		}
		for column, value := range row.values {
			if i > 0 && value > rows[i-1].values[column] {
				t.Errorf("column %d is not in the order of the cosines: %v", column, rows)
			}
		}
	}
	for column := 1; column < 5; column++ {
		sum := rows[5].values[column-1] // the others have no cosine
		for _, row := range rows[:5] {
			sum += row.values[column]
		}
		if math.Abs(sum-1) > 0.0031 {
			t.Errorf("the probabilities of column %d add up to %v", column, sum)
		}
	}
	// The learned scale, column 3, may lie on either side of the initial one.
	if first := rows[0].values; first[1] >= first[2] || first[2] >= first[4] || first[1] >= first[3] || first[3] >= first[4] {
		t.Errorf("a larger scale is not sharper: %v", rows[0])
	}
	if titles := shownPictures(t, cell); len(titles) != 1 || !areClasses(strings.TrimPrefix(titles[0], "it is: ")) {
		t.Errorf("expected a picture of one of the classes, found %q", titles)
	}
	wideFigure(t, cell, 200)
}

// checkTemperatures checks that accuracy is one number for all scales, and confidence grows.
func checkTemperatures(t *testing.T, cell notebook.Cell) (chance, accuracy float64) {
	t.Helper()
	chance = number(t, cell, `guessing is right for ([\d.]+)`)
	if classes := number(t, cell, `(\d+) classes`); classes < 20 || classes > 40 || math.Abs(chance-1/classes) > 0.0006 {
		t.Errorf("%v classes and a chance of %v", classes, chance)
	}
	rows := table(t, cell)
	if len(rows) != 4 {
		t.Fatalf("expected four scales, found %v", rows)
	}
	accuracy = rows[0].values[0]
	for _, row := range rows {
		if row.values[0] != accuracy {
			t.Errorf("accuracy depends on the temperature: %v", rows)
		}
		if gap := math.Abs(row.values[0] - row.values[1]); row.values[2] < gap-0.0016 {
			t.Errorf("an ECE below the gap between the means: %v", row)
		}
	}
	for _, between := range []int{1, 2} { // the learned scale, row 2, may lie on either side of the initial one
		if at := rows[between].values[1]; at <= rows[0].values[1] || at >= rows[3].values[1] {
			t.Errorf("confidence does not grow with the scale: %v", rows)
		}
	}
	if accuracy < 3*chance || accuracy >= 1 {
		t.Errorf("expected an accuracy well above the chance of %v, found %v", chance, accuracy)
	}
	wideFigure(t, cell, 200)
	return chance, accuracy
}

// checkPrompts checks an accuracy with its interval for each template, and that all together are what cells used before.
func checkPrompts(t *testing.T, cell notebook.Cell, chance, accuracy float64) {
	t.Helper()
	rows := shares(t, cell)
	if len(rows) < 5 || rows[0].name != "{}" || rows[len(rows)-1].name != "all together" {
		t.Fatalf("the prompts are %v", rows)
	}
	for _, row := range rows {
		if row.values[0] <= chance {
			t.Errorf("%q is no better than chance: %v", row.name, row.values)
		}
	}
	if all := rows[len(rows)-1].values[0]; all != accuracy {
		t.Errorf("all templates together reach %v here and %v before", all, accuracy)
	}
	wideFigure(t, cell, 200)
}

// checkSearch checks the three closest pictures of a text, and the three closest texts of its picture.
func checkSearch(t *testing.T, toPicture, toText notebook.Cell) {
	t.Helper()
	match(t, toPicture, `(?m)^looking for: (.+)$`)
	titles := shownPictures(t, toPicture)
	if len(titles) != 3 || len(shownPictures(t, toText)) != 1 {
		t.Fatalf("expected three pictures and one, found %q", titles)
	}
	texts := regexp.MustCompile(`(?m)^cosine .*$`).FindAllString(toText.Text(), -1)
	if len(texts) != 3 {
		t.Fatalf("expected three texts, found %q", toText.Text())
	}
	for _, answers := range [][]string{titles, texts} {
		last := 1.001
		for _, answer := range answers {
			var cosine float64
			if _, err := fmt.Sscanf(answer, "cosine %f", &cosine); err != nil || cosine > last || cosine < 0 {
				t.Errorf("expected cosines from the largest on, found %q", answers)
			}
			last = cosine
		}
	}
}

// checkRecall checks that recall grows with k, both ways, and is above guessing.
func checkRecall(t *testing.T, cell notebook.Cell, pairs float64) {
	t.Helper()
	rows := shares(t, cell)
	if len(rows) != 6 {
		t.Fatalf("expected recall at three k in two directions, found %v", rows)
	}
	for i, row := range rows {
		k := []float64{1, 5, 10}[i/2]
		direction := []string{"text to picture", "picture to text"}[i%2]
		if want := fmt.Sprintf("%s recall@%g", direction, k); row.name != want {
			t.Errorf("expected %q, found %q", want, row.name)
		}
		if row.values[0] <= k/pairs || i > 1 && row.values[0] < rows[i-2].values[0] {
			t.Errorf("impossible or no better than guessing: %v", rows)
		}
	}
	guesses := fmt.Sprintf("guessing among %g finds %.4f, %.4f and %.4f", pairs, 1/pairs, 5/pairs, 10/pairs)
	if !strings.Contains(cell.Text(), guesses) {
		t.Errorf("expected %q, found %q", guesses, cell.Text())
	}
	wideFigure(t, cell, 200)
}

// A row is a line of a table: a name and numbers.
type row struct {
	name   string
	values []float64
}

// table reads what lesson.Table prints.
func table(t *testing.T, cell notebook.Cell) (rows []row) {
	t.Helper()
	for _, line := range regexp.MustCompile(`(?m)^(\S.*?)((?:  +-?[\d.]+)+)$`).FindAllStringSubmatch(cell.Text(), -1) {
		r := row{name: line[1]}
		for _, value := range strings.Fields(line[2]) {
			r.values = append(r.values, parse(t, value))
		}
		rows = append(rows, r)
	}
	return rows
}

// shares reads what lesson.Shares prints, and checks that every value lies in its interval and between 0 and 1.
func shares(t *testing.T, cell notebook.Cell) (rows []row) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^(\S.*?) +([\d.]+), 95% interval ([\d.]+) to ([\d.]+)$`)
	for _, found := range line.FindAllStringSubmatch(cell.Text(), -1) {
		value, low, high := parse(t, found[2]), parse(t, found[3]), parse(t, found[4])
		if low < 0 || low > value || value > high || high > 1 {
			t.Errorf("not a share in its interval: %q", found[0])
		}
		rows = append(rows, row{found[1], []float64{value, low, high}})
	}
	return rows
}

// shownPictures are the titles of the pictures that lesson.ShowPictures put below a cell, each of which can be read.
func shownPictures(t *testing.T, cell notebook.Cell) (titles []string) {
	t.Helper()
	source := regexp.MustCompile(`<img src="data:image/png;base64,([^"]+)" width="150" alt="([^"]+)"><figcaption[^>]*>([^<]+)<`)
	for _, html := range cell.HTML() {
		for _, found := range source.FindAllStringSubmatch(html, -1) {
			data, err := base64.StdEncoding.DecodeString(found[1])
			if err != nil {
				t.Fatal(err)
			}
			if img, _, err := image.DecodeConfig(bytes.NewReader(data)); err != nil || img.Width != 64 && img.Width != 48 || found[2] != found[3] {
				t.Errorf("expected a scene of 64 or 48 pixels with one title, found %d pixels, %q and %q (%v)", img.Width, found[2], found[3], err)
			}
			titles = append(titles, found[2])
		}
	}
	return titles
}
