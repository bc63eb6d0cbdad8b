package notebooks_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/internal/notebook"
)

// What 03-attention.ipynb shows when it has to train its own captioner: the equations' numbers, a softmax that the lesson misprints, a
// loop whose every look is found again by hand, a loss that tells what looking is worth, a gradient that moves attention where it
// should go.
func TestAttentionNotebook(t *testing.T) {
	cells := execute(t, "03-attention.ipynb")
	if len(cells) != 10 {
		t.Fatalf("expected 10 code cells, found %d", len(cells))
	}
	checkByHand(t, cells[0])
	checkSoftmax(t, cells[1])
	caption, places := checkLoop(t, cells[3], cells[4])
	checkLook(t, cells[5], strings.Fields(caption))
	checkMayNotChoose(t, cells[6], caption)
	checkWalk(t, cells[7])
	checkDescent(t, cells[9], places)
}

// checkSoftmax computes the lesson's example again, and counts what it misprints.
func checkSoftmax(t *testing.T, cell notebook.Cell) {
	t.Helper()
	scores, total := []float64{2.1, 0.5, 0.8, -0.3}, 0.0
	for _, e := range scores {
		total += math.Exp(e)
	}
	wrong := 0
	for i, row := range regexp.MustCompile(`score +(\S+): α = ([\d.]+), the lesson prints ([\d.]+)`).FindAllStringSubmatch(cell.Text(), -1) {
		alpha := math.Exp(scores[i]) / total
		if parse(t, row[1]) != scores[i] || math.Abs(parse(t, row[2])-alpha) > 1e-6 {
			t.Errorf("expected α = %.6f, found %q", alpha, row[0])
		}
		if math.Abs(parse(t, row[3])-alpha) > 0.005 {
			wrong++
		}
	}
	if wrong != 2 {
		t.Errorf("the text says that two printed weights are wrong, %d are: %q", wrong, cell.Text())
	}
	last := 4.001
	for _, factor := range []string{"0.25", "1", "2", "4"} {
		places := number(t, cell, `scores × `+factor+` +looks at ([\d.]+) of 4 places`)
		if places >= last || places < 1 {
			t.Errorf("scores times %s look at %g places, fewer times at %g", factor, places, last)
		}
		last = places
	}
	if slider := strings.Join(cell.HTML(), ""); !strings.Contains(slider, "the same scores") || !strings.Contains(slider, "range") {
		t.Errorf("expected a slider, found %.200q", slider)
	}
	wideFigure(t, cell, 200)
}

// checkLoop checks that a caption is of the language of Scenes, and that every look is found again by hand.
func checkLoop(t *testing.T, said, byHand notebook.Cell) (caption string, places float64) {
	t.Helper()
	match(t, said, `(computed by \S+)`)
	places = number(t, said, `trained on scenes: (\d+) places with 64 numbers each`)
	if places != 36 && places != 16 {
		t.Errorf("it has %g places", places)
	}
	caption = match(t, said, `(?m)^the model says: (.+)$`)
	words := strings.Fields(caption)
	for _, word := range words {
		if !slices.Contains(scenes.Words(), word) {
			t.Errorf("%q is no word of Scenes, in %q", word, caption)
		}
	}
	if len(words) < 4 {
		t.Errorf("expected a sentence, the model says %q", caption)
	}
	if pictures := said.Pictures(); len(pictures) != 2 || decode(t, pictures[0]).Bounds().Dx() != 800 {
		t.Errorf("expected a diagram and a strip, found %d figures", len(pictures))
	} else {
		checkPanels(t, decode(t, pictures[1]))
	}

	row := regexp.MustCompile(`(?m)^ *\d+ reads (\S+) +looks most at row (\d+) column (\d+), α = ([\d.]+), takes (\S+) +differs by (\S+)$`)
	last := "<start>"
	var took []string
	var sharpness []float64
	for _, step := range row.FindAllStringSubmatch(byHand.Text(), -1) {
		if step[1] != last || parse(t, step[4]) < 1/places-0.001 || parse(t, step[6]) > 1e-4 {
			t.Errorf("impossible, or not what the model computed: %q", step[0])
		}
		if y, x := parse(t, step[2]), parse(t, step[3]); y < 1 || x < 1 || y*y > places || x*x > places {
			t.Errorf("a place that there is not: %q", step[0])
		}
		last = step[5]
		took, sharpness = append(took, last), append(sharpness, parse(t, step[4]))
	}
	if got := strings.Join(took[:len(took)-1], " "); got != caption || last != "<end>" {
		t.Errorf("the steps take %q, the caption is %q", took, caption)
	}
	if slices.Max(sharpness) < 1.5*slices.Min(sharpness) {
		t.Errorf("expected a memory that changes the look, its largest weights are %v", sharpness)
	}
	match(t, byHand, `(?m)reads h = 0 +looks most at row \d+ column \d+, α = ([\d.]+)$`)
	return caption, places
}

// checkMayNotChoose checks what looking is worth.
func checkMayNotChoose(t *testing.T, cell notebook.Cell, caption string) {
	t.Helper()
	if got := match(t, cell, `(?m)^when it may choose: +(.+)$`); got != caption {
		t.Errorf("the caption is %q in one cell and %q in another", caption, got)
	}
	soft, forced := number(t, cell, `loss when it may choose ([\d.]+)`), number(t, cell, `when it may not ([\d.]+) nats`)
	gain, low, high := number(t, cell, `difference ([-\d.]+)`), number(t, cell, `interval ([-\d.]+) to`), number(t, cell, `interval [-\d.]+ to ([-\d.]+)`)
	if math.Abs(forced-soft-gain) > 0.0021 || low > gain || gain > high || number(t, cell, `from (\d+) pictures`) != 100 {
		t.Errorf("the figures do not agree: %q", cell.Text())
	}
	if low <= 0 || soft > math.Log(30)/2 {
		t.Errorf("expected a captioner that has learned, and for which looking is worth something: %q", cell.Text())
	}
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

// checkStrip sees to a figure of the right width that is neither blank nor the same everywhere.
func checkStrip(t *testing.T, cell notebook.Cell) {
	t.Helper()
	checkPanels(t, figure(t, cell))
}

func checkPanels(t *testing.T, img image.Image) {
	t.Helper()
	colours := map[[3]uint32]bool{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, _ := img.At(x, y).RGBA()
			colours[[3]uint32{r >> 8, g >> 8, b >> 8}] = true
		}
	}
	if size := img.Bounds().Size(); size.X != 800 || size.Y < 200 || len(colours) < 500 {
		t.Errorf("expected a strip of pictures 800 pixels wide, found %v with %d colours", size, len(colours))
	}
}

// checkByHand computes the example again, with plain arithmetic.
func checkByHand(t *testing.T, cell notebook.Cell) {
	t.Helper()
	features := [][2]float64{{1, 0}, {0, 0}, {0, 1}, {0, 0.4}}
	e, total := make([]float64, 4), 0.0
	for i, a := range features {
		e[i] = 3 * math.Tanh(-a[0]+2*a[1]+0.5)
		total += math.Exp(e[i])
	}
	var z [2]float64
	for i, name := range []string{"sky", "grass", "ball", "dog"} {
		alpha := math.Exp(e[i]) / total
		z[0], z[1] = z[0]+alpha*features[i][0], z[1]+alpha*features[i][1]
		got := [2]float64{number(t, cell, name+` +e = +([-\d.]+)`), number(t, cell, name+` .*α = ([\d.]+)`)}
		if math.Abs(got[0]-e[i]) > 0.0051 || math.Abs(got[1]-alpha) > 0.00051 {
			t.Errorf("%s: shown are e and α %v, expected %.4f and %.4f", name, got, e[i], alpha)
		}
	}
	if want := fmt.Sprintf("z = [%.3f %.3f]", z[0], z[1]); !strings.Contains(cell.Text(), want) {
		t.Errorf("expected %q, cell 6 said %q", want, cell.Text())
	}
}

// match is what the pattern's group matches in the cell's text.
func match(t *testing.T, cell notebook.Cell, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(cell.Text())
	if found == nil {
		t.Fatalf("expected %s in what a cell shows, found %q", pattern, cell.Text())
	}
	return found[1]
}

func number(t *testing.T, cell notebook.Cell, pattern string) float64 {
	t.Helper()
	return parse(t, match(t, cell, pattern))
}

func parse(t *testing.T, text string) float64 {
	t.Helper()
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// figure is the one PNG that a cell shows.
func figure(t *testing.T, cell notebook.Cell) image.Image {
	t.Helper()
	pictures := cell.Pictures()
	if len(pictures) != 1 {
		t.Fatalf("expected one figure below a cell, found %d: %s", len(pictures), cell.Source)
	}
	return decode(t, pictures[0])
}

// htmlPicture is the picture in an img element that a cell shows.
func htmlPicture(t *testing.T, cell notebook.Cell) image.Image {
	t.Helper()
	source := regexp.MustCompile(`<img src="data:image/png;base64,([^"]+)" width="320" alt="[^"]+">`)
	for _, output := range cell.Outputs {
		if found := source.FindStringSubmatch(output.HTML); found != nil {
			data, err := base64.StdEncoding.DecodeString(found[1])
			if err != nil {
				t.Fatal(err)
			}
			return decode(t, data)
		}
	}
	t.Fatalf("expected a picture below a cell, found none: %s", cell.Source)
	return nil
}

func decode(t *testing.T, data []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}
