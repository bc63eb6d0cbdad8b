package notebooks_test

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/notebook"
)

// What 05-two-towers.ipynb shows: tokens between a start and an end, shapes that are those of the configuration, a cosine that is the
// library's, a mask that keeps tokens from those after them, and the published models to the last parameter.
func TestTwoTowersNotebook(t *testing.T) {
	cells := execute(t, "05-two-towers.ipynb")
	if len(cells) != 11 {
		t.Fatalf("expected 11 code cells, found %d", len(cells))
	}
	wideFigure(t, cells[0], 150) // the diagram
	match(t, cells[1], `(computed by \S+)`)
	match(t, cells[1], `(trained on scenes)`)
	image, text := number(t, cells[1], `image encoder (\d+) parameters`), number(t, cells[1], `text encoder (\d+)`)
	if image < 50_000 || text < 20_000 || number(t, cells[1], `together (\d+)`) != image+text+1 || number(t, cells[1], `(\d+) more than the two`) != 1 {
		t.Errorf("the counts do not add up: %q", cells[1].Text())
	}
	tokens := checkTokens(t, cells[2])
	checkShapes(t, cells[3])

	hand, library := number(t, cells[4], `by hand ([-\d.]+)`), number(t, cells[4], `library ([-\d.]+)`)
	if math.Abs(hand-library) > 2e-6 || hand < 0.05 || hand > 1 {
		t.Errorf("cosines of a pair: %q", cells[4].Text())
	}
	if !strings.Contains(cells[4].Text(), "lengths after: 1.000 and 1.000") || strings.Contains(cells[4].Text(), "before: 1.000 and 1.000") {
		t.Errorf("lengths before and after: %q", cells[4].Text())
	}
	checkMask(t, cells[5], tokens)
	checkPublished(t, cells[6], cells[7])
}

// checkTokens checks a text's tokens and returns how many there are.
func checkTokens(t *testing.T, cell notebook.Cell) int {
	t.Helper()
	found := regexp.MustCompile(`(?m)^token +(\d+): +(\d+)  (.*)$`).FindAllStringSubmatch(cell.Text(), -1)
	text, vocabulary := match(t, cell, `(?m)^"(.+)"$`), number(t, cell, `vocabulary has (\d+) pieces`)
	if len(found) < 4 || float64(len(found)) != number(t, cell, `(\d+) of \d+ places`) {
		t.Fatalf("expected the tokens of a caption, found %q", cell.Text())
	}
	var inner strings.Builder
	for i, token := range found {
		id, piece := parse(t, token[2]), token[3]
		switch {
		case i == 0 && (piece != "<start>" || id != vocabulary-2), i == len(found)-1 && (piece != "<end>" || id != vocabulary-1):
			t.Errorf("expected a start and an end with the last two ids, found %q", token[0])
		case i > 0 && i < len(found)-1:
			inner.WriteString(piece)
		}
	}
	if got := strings.ReplaceAll(inner.String(), " ", ""); got != strings.ReplaceAll(text, " ", "") {
		t.Errorf("the pieces are %q, the text is %q", got, text)
	}
	return len(found)
}

// checkShapes checks the layers against the sizes of [clip.Tiny], which is what is trained on Scenes.
func checkShapes(t *testing.T, cell notebook.Cell) {
	t.Helper()
	if len(shownPictures(t, cell)) != 1 {
		t.Error("expected one picture")
	}
	c := clip.Tiny(0)
	v, length, width := c.Vision, c.Text.ContextLength, c.Text.Width
	grid := v.Height / v.Patch
	want := []string{
		fmt.Sprintf("pixels [1 3 %d %d]", v.Height, v.Width),
		fmt.Sprintf("visual.after_stem [1 %d %d %d]", v.Stages[0].Channels, grid, grid),
		fmt.Sprintf("visual.after_layer1 [1 %d %d %d]", v.Stages[0].Channels, grid, grid),
		fmt.Sprintf("visual.after_layer2 [1 %d %d %d]", v.Stages[1].Channels, grid/2, grid/2),
		fmt.Sprintf("image_features [1 %d]", c.EmbedDim),
		fmt.Sprintf("text.after_block.0 [1 %d %d]", length, width),
		fmt.Sprintf("text.after_ln_final [1 %d %d]", length, width),
		fmt.Sprintf("text_features [1 %d]", c.EmbedDim),
	}
	var got []string
	for _, line := range regexp.MustCompile(`(?m)^(\S+) +(\[[\d ]+\])$`).FindAllStringSubmatch(cell.Text(), -1) {
		got = append(got, line[1]+" "+line[2])
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("expected the layers\n%s\nfound\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
}

// checkMask checks that tokens before the changed word are the same, and those from it on are not.
func checkMask(t *testing.T, cell notebook.Cell, tokens int) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^token +(\d+) (.*?) +([\d.]+)$`).FindAllStringSubmatch(cell.Text(), -1)
	if len(found) != tokens {
		t.Fatalf("expected %d tokens, found %q", tokens, cell.Text())
	}
	texts := regexp.MustCompile(`(?m)^"(.+)" and "(.+)"$`).FindStringSubmatch(cell.Text())
	if texts == nil || texts[1] == texts[2] {
		t.Fatalf("expected two texts, found %q", cell.Text())
	}
	first := tokens // the first one that is another
	for i, token := range found {
		distance := parse(t, token[3])
		if distance > 0 {
			first = min(first, i)
		}
		if i > first && distance == 0 {
			t.Errorf("token %d knows nothing of the changed one before it: %q", i, cell.Text())
		}
	}
	if first < 2 || first > tokens-2 {
		t.Errorf("expected the tokens up to the last word to be the same, and that word and the end to differ, found %q", cell.Text())
	}
	wideFigure(t, cell, 200)
}

// checkPublished checks all numbers of the published models: parameters as open_clip's table has them, and operations.
func checkPublished(t *testing.T, counts, costs notebook.Cell) {
	t.Helper()
	published := []struct {
		name                string
		pixels, length      int
		image, text, gflops float64
	}{
		{"RN50", 224, 1024, 38316896, 63690240, 18.18},
		{"RN101", 224, 512, 56259936, 63428096, 25.50},
		{"RN50x4", 288, 640, 87137080, 91163520, 51.82},
		{"RN50x16", 384, 768, 167328912, 123650304, 162.69},
		{"RN50x64", 448, 1024, 420380352, 202877952, 552.65},
		{"ViT-B/32", 224, 512, 87849216, 63428096, 14.78},
		{"ViT-B/16", 224, 512, 86192640, 63428096, 41.09},
		{"ViT-L/14", 224, 768, 303966208, 123650304, 175.33},
		{"ViT-L/14@336px", 336, 768, 304293888, 123650304, 395.22},
	}
	for _, m := range published {
		name := `(?m)^` + regexp.QuoteMeta(m.name) + ` +`
		match(t, counts, fmt.Sprintf(`%s(%d +%d +%.0f +%.0f +%.0f)$`, name, m.pixels, m.length, m.image, m.text, m.image+m.text+1))
		picture, text := number(t, costs, name+`picture +([\d.]+)`), number(t, costs, name+`picture.*text +([\d.]+)`)
		both := number(t, costs, name+`.*both +([\d.]+) GFLOPs`)
		if math.Abs(picture+text-both) > 0.011 || math.Abs(both-m.gflops) > 0.0051 {
			t.Errorf("%s: %g and %g are %g GFLOPs, expected %g", m.name, picture, text, both, m.gflops)
		}
	}
	if table := number(t, counts, `tokens alone is (\d+)`); table != 49408*512 {
		t.Errorf("a table of %g", table)
	}
	if own := number(t, costs, `this notebook's model: picture +([\d.]+)`); own <= 0 || own > 1 {
		t.Errorf("this notebook's model takes %g GFLOPs", own)
	}
	wideFigure(t, costs, 200)
}
