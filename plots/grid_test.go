package plots

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
)

// Each figure of a grid is drawn as it is alone at its share of the width, wherever it stands.
func TestGridDrawsFiguresAsTheyAre(t *testing.T) {
	draw := func(f *Figure, err error, width ...vg.Length) image.Image {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := f.PNG(&b, width...); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	curves, err := Curves(CurvesConfig{Title: "loss", XLabel: "step", YLabel: "loss (nats)", Series: []Series{{X: []float64{1, 2, 3}, Y: []float64{3, 2, 1}}}})
	if err != nil {
		t.Fatal(err)
	}
	heat, err := Heatmap(HeatmapConfig{XLabel: "texts", YLabel: "pictures", ValueLabel: "cosine", Matrices: []Matrix{{Values: [][]float64{{1, 0}, {0, 1}}}}})
	if err != nil {
		t.Fatal(err)
	}
	parts := []*Figure{curves, heat, heat, curves, curves}
	const width, gap = 604.5 * vg.Length(1), gridGap // 300 points for each
	grid, err := Grid(GridConfig{Figures: parts})
	whole := draw(grid, err, width)
	each := snap((width - gap) / 2)
	top, row := whole.Bounds().Dy(), 0
	alone := make([]image.Image, len(parts))
	for i, part := range parts {
		alone[i] = draw(part, nil, each)
	}
	top -= max(alone[0].Bounds().Dy(), alone[1].Bounds().Dy()) + max(alone[2].Bounds().Dy(), alone[3].Bounds().Dy()) + alone[4].Bounds().Dy()
	for i, want := range alone {
		left := i % 2 * int((each+gap)/pixel+0.5)
		different := 0
		for y := range want.Bounds().Dy() {
			for x := range want.Bounds().Dx() {
				if want.At(x, y) != whole.At(left+x, top+y) {
					different++
				}
			}
		}
		if share := float64(different) / float64(want.Bounds().Dx()*want.Bounds().Dy()); share > 0.002 {
			t.Errorf("figure %d: %.1f%% of its pixels are others than alone", i, 100*share)
		}
		if row = max(row, want.Bounds().Dy()); i%2 == 1 {
			top, row = top+row, 0
		}
	}
	below := 0
	for _, want := range alone {
		below += want.Bounds().Dy()
	}
	if narrow := draw(grid, nil, each); narrow.Bounds().Dx() != 400 || narrow.Bounds().Dy() < below {
		t.Errorf("expected a narrow grid to have one figure a row, found %v", narrow.Bounds())
	}
	var svg bytes.Buffer
	if err := grid.SVG(&svg); err != nil || strings.Count(svg.String(), "cosine") != 2 {
		t.Errorf("expected both heat maps in the SVG (%v)", err)
	}
}

func TestGridErrors(t *testing.T) {
	for _, cfg := range []GridConfig{{}, {Figures: []*Figure{nil}}, {Figures: []*Figure{{}}}, {Figures: []*Figure{{}}, PerRow: -1}} {
		if _, err := Grid(cfg); err == nil || !strings.Contains(err.Error(), "expected") {
			t.Errorf("%+v: expected a sentence, found %v", cfg, err)
		}
	}
}
