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

// What 01-attention.ipynb shows when it has to train its own captioner: words of the language of Scenes, weights that
// share out one look, a loss that tells what looking is worth, and the equations' numbers.
func TestAttentionNotebook(t *testing.T) {
	cells := execute(t, "01-attention.ipynb")
	if len(cells) != 6 {
		t.Fatalf("expected 6 code cells, found %d", len(cells))
	}
	// The captioner. Scenes have 34 words, with marks and the special words of a vocabulary: between 30 and 45.
	wordCount := number(t, cells[0], `trained on scenes, (\d+) words`)
	places := number(t, cells[0], `a picture is (\d+) places with 64 numbers each`)
	if wordCount < 30 || wordCount > 45 || (places != 36 && places != 16) {
		t.Errorf("cell 1 said %q", cells[0].Text())
	}

	// The picture and the sentences.
	caption := match(t, cells[1], `(?m)^the model says: +(.+)$`)
	if fewest := len(strings.Fields(caption)); fewest < 4 {
		t.Errorf("expected a sentence, the model says %q", caption)
	}
	sentences := regexp.MustCompile(`(?m)^the data have it: (.+)$`).FindAllStringSubmatch(cells[1].Text(), -1)
	if len(sentences) != 5 {
		t.Errorf("expected 5 sentences of Scenes, cell 2 said %q", cells[1].Text())
	}
	for _, sentence := range append(sentences, []string{"", caption}) {
		for _, word := range strings.Fields(sentence[1]) {
			if !slices.Contains(scenes.Words(), word) {
				t.Errorf("%q is no word of Scenes, in %q", word, sentence[1])
			}
		}
	}
	if size := htmlPicture(t, cells[1]).Bounds().Size(); size.X != size.Y || float64(size.X*size.Y) != 64*places {
		t.Errorf("expected a square picture with one place for 8 x 8 pixels, found %v", size)
	}

	checkStrip(t, cells[2])
	checkTable(t, cells[3], caption, places)

	// What looking is worth.
	if got := match(t, cells[4], `(?m)^when it may choose: +(.+)$`); got != caption {
		t.Errorf("the caption is %q in one cell and %q in another", caption, got)
	}
	soft, forced := number(t, cells[4], `loss when it may choose ([\d.]+)`), number(t, cells[4], `when it may not ([\d.]+) nats`)
	gain, low, high := number(t, cells[4], `difference ([-\d.]+)`), number(t, cells[4], `interval ([-\d.]+) to`), number(t, cells[4], `interval [-\d.]+ to ([-\d.]+)`)
	if math.Abs(forced-soft-gain) > 0.0021 || low > gain || gain > high || number(t, cells[4], `from (\d+) pictures`) != 100 {
		t.Errorf("the figures do not agree: %q", cells[4].Text())
	}
	if low <= 0 || soft > math.Log(wordCount)/2 {
		t.Errorf("expected a captioner that has learned, and for which looking is worth something: %q", cells[4].Text())
	}

	checkByHand(t, cells[5])
}

// checkStrip sees to a figure of the right width that is neither blank nor the same everywhere.
func checkStrip(t *testing.T, cell notebook.Cell) {
	t.Helper()
	img := figure(t, cell)
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

var tableRow = regexp.MustCompile(`(?m)^(\S+) +([\d.]+)  ([\d.]+) in row (\d+) column (\d+) +([\d.]+) of (\d+) places$`)

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
