package notebooks_test

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/notebook"
)

// What 09-embeddings.ipynb shows: maps that keep more neighbours than chance, and more the more they are made for it; groups that another setting
// draws otherwise; a gap that is there before training and shorter after it; and that moving both modalities along it changes little.
func TestEmbeddingsNotebook(t *testing.T) {
	cells := execute(t, "09-embeddings.ipynb")
	if len(cells) != 8 {
		t.Fatalf("expected 8 code cells, found %d", len(cells))
	}
	match(t, cells[0], `(?m)^(200 pictures and 200 texts are 400 points in 32 dimensions)$`)
	if share := number(t, cells[0], `the map shows ([\d.]+) of their spread`); share < 0.1 || share >= 1 {
		t.Errorf("two axes of 32 show %g of the spread", share)
	}
	pca := mapScore(t, cells[0], "PCA", 400)
	wideFigure(t, cells[0], 500)

	tsne, umap := mapScore(t, cells[1], "t-SNE", 400), mapScore(t, cells[1], "UMAP", 400)
	if tsne.kept < pca.kept+0.05 || umap.kept < pca.kept+0.05 || tsne.trust <= pca.trust || umap.trust <= pca.trust {
		t.Errorf("expected maps that are made for neighbours to keep more than a PCA (%v), found t-SNE %v and UMAP %v", pca, tsne, umap)
	}
	wideFigures(t, cells[1], 2)
	texts := number(t, cells[1], `of a picture's 10 neighbours, ([\d.]+) are texts`)
	if texts < 0 || texts > 0.45 {
		t.Errorf("expected fewer texts among a picture's neighbours than by chance, 0.5, found %g", texts)
	}

	checkPerplexities(t, cells[2])
	gap := checkGap(t, cells[3])
	checkMoved(t, cells[4], texts)
	checkShifts(t, cells[5], gap)
}

type scored struct{ kept, trust float64 }

// mapScore reads how far a map of so many points can be believed, and checks that it is better than chance.
func mapScore(t *testing.T, cell notebook.Cell, name string, points float64) scored {
	t.Helper()
	line := `(?m)^` + name + ` +keeps `
	s := scored{number(t, cell, line+`([\d.]+) of the 10`), number(t, cell, line+`.*trustworthiness ([\d.]+)$`)}
	chance := number(t, cell, line+`.*by chance ([\d.]+);`)
	if math.Abs(chance-10/(points-1)) > 0.00051 || s.kept < 4*chance || s.kept > 1 || s.trust < 0.75 || s.trust > 1 {
		t.Errorf("%s: expected more neighbours than by chance and a trustworthiness above 0.75, found %v and a chance of %g", name, s, chance)
	}
	return s
}

// wideFigures sees to n figures of the usual width.
func wideFigures(t *testing.T, cell notebook.Cell, n int) {
	t.Helper()
	pictures := cell.Pictures()
	if len(pictures) != n {
		t.Fatalf("expected %d figures below a cell, found %d: %s", n, len(pictures), cell.Source)
	}
	for _, picture := range pictures {
		if size := decode(t, picture).Bounds().Size(); size.X != 800 || size.Y < 300 {
			t.Errorf("expected figures 800 pixels wide and at least 300 high, found %v: %s", size, cell.Source)
		}
	}
}

// checkFrames checks a slider over figures, of which the first is seen.
func checkFrames(t *testing.T, cell notebook.Cell, n int, first string) {
	t.Helper()
	page := strings.Join(cell.HTML(), "\n")
	frames := regexp.MustCompile(`<img class="frame" src="data:image/svg\+xml([^"]+)" alt="([^"]+)" style="width:100%;display:(block|none)">`).FindAllStringSubmatch(page, -1)
	if !strings.Contains(page, `<input type="range"`) || len(frames) != n || frames[0][2] != first {
		t.Fatalf("expected a slider over %d figures, the first %q, found %d", n, first, len(frames))
	}
	for i, frame := range frames {
		if seen := frame[3] == "block"; seen != (i == 0) || len(frame[1]) < 5000 {
			t.Errorf("figure %d of %d bytes: is it seen at first? %v", i, len(frame[1]), seen)
		}
	}
}

// checkPerplexities checks five maps of the same points, of which that with the smallest perplexity keeps less than the best.
func checkPerplexities(t *testing.T, cell notebook.Cell) {
	t.Helper()
	least, best := 1., 0.
	for i, perplexity := range []int{2, 5, 15, 30, 60} {
		s := mapScore(t, cell, fmt.Sprintf("perplexity %d", perplexity), 200)
		if i == 0 {
			least = s.kept
		}
		best = max(best, s.kept)
	}
	if best < least+0.02 {
		t.Errorf("expected a perplexity above 2 to keep more neighbours, found at most %g against %g", best, least)
	}
	checkFrames(t, cell, 5, "perplexity: 2")
}

// checkGap checks a gap that is there before training and is shorter after it, cones that open, and pairs that find each other.
func checkGap(t *testing.T, cell notebook.Cell) float64 {
	t.Helper()
	rows := table(t, cell)
	if len(rows) != 2 || rows[0].name != "before training" || rows[1].name != "after training" || len(rows[0].values) != 6 || len(rows[1].values) != 6 {
		t.Fatalf("expected six figures before and after training, found %q", cell.Text())
	}
	before, after := rows[0].values, rows[1].values // gap, pictures, texts, pair, no pair, told apart
	if before[0] < 0.5 || before[0] > 2 || after[0] <= 0.02 || after[0] > before[0]-0.2 {
		t.Errorf("expected a gap that training shortens, found %g and %g", before[0], after[0])
	}
	if before[1] < after[1]+0.2 || before[2] < after[2]+0.2 {
		t.Errorf("expected cones that open, found %v and %v", before, after)
	}
	if math.Abs(before[3]-before[4]) > 0.05 || after[3] < after[4]+0.3 {
		t.Errorf("expected pairs to be told from others after training alone, found %v and %v", before, after)
	}
	if before[5] < 0.99 || after[5] < 0.8 || after[5] > 1 {
		t.Errorf("expected pictures to be told from texts, found %v and %v", before, after)
	}
	wideFigure(t, cell, 200)
	return after[0]
}

// checkMoved checks maps of what was moved, which begin with what was not.
func checkMoved(t *testing.T, cell notebook.Cell, texts float64) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^λ = (\S+) *: of a picture's 10 neighbours, ([\d.]+) are texts$`).FindAllStringSubmatch(cell.Text(), -1)
	if len(found) != 5 || found[0][1] != "0" || found[2][1] != "0.5" || found[4][1] != "1" {
		t.Fatalf("expected five λ, found %q", cell.Text())
	}
	still, closed := parse(t, found[0][2]), parse(t, found[2][2])
	if math.Abs(still-texts) > 0.0011 {
		t.Errorf("λ = 0 moves nothing, but %g of neighbours are texts here and %g before", still, texts)
	}
	if closed <= still {
		t.Errorf("expected more texts among neighbours once the gap is closed, found %g and before %g", closed, still)
	}
	checkFrames(t, cell, 5, "λ: 0, as trained")
}

// checkShifts checks a gap that shrinks as λ grows and is closed at 0.5, a loss that is least near there, and recall in its interval.
func checkShifts(t *testing.T, cell notebook.Cell, gap float64) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^λ = (\S+): gap (\S+), loss ([\d.]+) nats, recall@10 ([\d.]+) \(([\d.]+) to ([\d.]+)\)$`)
	found := line.FindAllStringSubmatch(cell.Text(), -1)
	if len(found) != 9 {
		t.Fatalf("expected nine λ, found %q", cell.Text())
	}
	last := math.Inf(1)
	losses := make([]float64, 9)
	for i, f := range found {
		left, recall, low, high := parse(t, f[2]), parse(t, f[4]), parse(t, f[5]), parse(t, f[6])
		losses[i] = parse(t, f[3])
		if lambda := parse(t, f[1]); lambda != -1+0.25*float64(i) || left >= last || losses[i] >= math.Log(100) {
			t.Errorf("λ = %g: a gap of %g after %g, and a loss of %g", lambda, left, last, losses[i])
		}
		if low > recall || recall > high || recall < 0.1 { // guessing finds 10 of 400
			t.Errorf("not a share in its interval, or no better than guessing: %q", f[0])
		}
		last = left
	}
	still, closed := parse(t, found[4][2]), parse(t, found[6][2])
	if math.Abs(still-gap) > 0.0011 || math.Abs(closed) > 0.1*gap {
		t.Errorf("a gap of %g, as trained %g, closed %g", gap, still, closed)
	}
	if losses[4] >= losses[0] {
		t.Errorf("expected a wider gap to cost, found a loss of %g as trained and of %g with three times the gap", losses[4], losses[0])
	}
	wideFigures(t, cell, 2)
}
