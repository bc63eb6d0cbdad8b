package plots

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
	"pgregory.net/rapid"
)

// Lightness (CIE L*) must rise evenly along viridis, and away from the middle of vik fall evenly on both sides: else a
// map shows edges that are not in the data.
func TestColorMapsAreEvenInLightness(t *testing.T) {
	const n = 64
	for i := range n {
		a, b := lightness(Viridis().At(float64(i)/n)), lightness(Viridis().At(float64(i+1)/n))
		if d := b - a; d < 0.3 || d > 2.2 {
			t.Errorf("viridis: lightness changes by %.2f between %d/64 and %d/64, expected about 1.2", d, i, i+1)
		}
		a, b = lightness(Vik().At(0.5+0.5*float64(i)/n)), lightness(Vik().At(0.5+0.5*float64(i+1)/n))
		if d := a - b; d < 0 || d > 2.6 {
			t.Errorf("vik, red side: lightness falls by %.2f between steps %d and %d", d, i, i+1)
		}
		a, b = lightness(Vik().At(0.5-0.5*float64(i)/n)), lightness(Vik().At(0.5-0.5*float64(i+1)/n))
		if d := a - b; d < 0 || d > 2.6 {
			t.Errorf("vik, blue side: lightness falls by %.2f between steps %d and %d", d, i, i+1)
		}
	}
	if mid := lightness(Vik().At(0.5)); mid < 89 {
		t.Errorf("vik: expected a light middle, found lightness %.1f", mid)
	}
	if got := Viridis().At(math.NaN()); got != Viridis().At(0) {
		t.Errorf("expected the first colour for NaN, found %v", got)
	}
	if (ColorMap{}).At(0.3) != Viridis().At(0.3) {
		t.Error("expected the zero ColorMap to be Viridis")
	}
}

func lightness(c color.RGBA) float64 {
	y := 0.0
	for i, v := range []uint8{c.R, c.G, c.B} {
		s := float64(v) / 255
		if s <= 0.04045 {
			s /= 12.92
		} else {
			s = math.Pow((s+0.055)/1.055, 2.4)
		}
		y += s * []float64{0.2126, 0.7152, 0.0722}[i]
	}
	return 116*math.Cbrt(y) - 16
}

func TestCellTextHasContrast(t *testing.T) {
	for i := range 101 {
		for _, m := range []ColorMap{Viridis(), Vik()} {
			bg := m.At(float64(i) / 100)
			// CIE lightness 50 apart is about a contrast of 4.5:1.
			if d := math.Abs(lightness(bg) - lightness(textOn(bg))); d < 45 {
				t.Errorf("text %v on %v: lightness only %.0f apart", textOn(bg), bg, d)
			}
		}
	}
}

func TestHeatmapCellsShowTheirValues(t *testing.T) {
	f, err := Heatmap(HeatmapConfig{Matrices: []Matrix{
		{Values: [][]float64{{0, 1}, {0.25, 0.5}}}, {Values: [][]float64{{0.5, 0.25}, {0.25, 0.25}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	counts := colorCounts(t, f)
	for v, cells := range map[float64]int{0: 1, 1: 1, 0.5: 2, 0.25: 4} {
		// Cells are 56 points, so 74 whole pixels; the colour bar has a few rows of each colour too.
		if got, want := counts[Viridis().At(v)], cells*74*74; got < want || got > want+1500 {
			t.Errorf("value %g in %d cells on the scale of both matrices: expected about %d pixels of its colour, found %d",
				v, cells, want, got)
		}
	}
}

func TestVikIsCentredOnZero(t *testing.T) {
	f, err := Heatmap(HeatmapConfig{Colors: Vik(), Matrices: []Matrix{{Values: [][]float64{{0, 0.8}, {-0.2, 0}}}}})
	if err != nil {
		t.Fatal(err)
	}
	counts := colorCounts(t, f)
	for v, want := range map[float64]int{0.5: 2 * 74 * 74, 1: 74 * 74, 0.375: 74 * 74} {
		if got := counts[Vik().At(v)]; got < want || got > want+1500 {
			t.Errorf("expected about %d pixels of vik's colour at %g, found %d", want, v, got)
		}
	}
}

func colorCounts(t *testing.T, f *Figure) map[color.RGBA]int {
	t.Helper()
	var buf bytes.Buffer
	if err := f.PNG(&buf); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&buf)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[color.RGBA]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, _ := img.At(x, y).RGBA()
			counts[color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}]++
		}
	}
	return counts
}

func TestGroupsLookDifferent(t *testing.T) {
	var cfg ScatterConfig
	for range 64 {
		cfg.Groups = append(cfg.Groups, PointGroup{X: []float64{1}, Y: []float64{1}})
	}
	type look struct {
		c color.Color
		m Marker
	}
	seen := map[look]int{}
	for i := range cfg.Groups {
		c, m, _ := cfg.look(i)
		if j, ok := seen[look{c, m}]; ok {
			t.Errorf("groups %d and %d look alike: %v, marker %d", j, i, c, m)
		}
		seen[look{c, m}] = i
	}
	for i := range 8 { // Without colours too, eight groups can be told apart.
		_, a, _ := cfg.look(i)
		for j := range i {
			if _, b, _ := cfg.look(j); a == b {
				t.Errorf("groups %d and %d have the same marker", i, j)
			}
		}
	}
}

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"a\tb\nc  d ":           "a b c d",
		"\x00\x1b[31mred":       "[31mred",
		"caf\xc3\xa9 \xff":      "café \ufffd",
		"👨‍👩‍👧":                 "👨👩👧",
		"👍🏽 ❤️":                 "👍 ❤",
		"left\u202eright\u00ad": "leftright",
		"猫":                     "猫",
	} {
		if got := oneLine(in); got != want {
			t.Errorf("%q: expected %q, found %q", in, want, got)
		}
	}
}

func TestFitAndWrap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		txt := oneLine(someText.Draw(t, "a") + " " + someText.Draw(t, "b") + " " + someText.Draw(t, "c"))
		width := vg.Length(rapid.Float64Range(5, 300).Draw(t, "width"))
		lines := rapid.IntRange(1, 4).Draw(t, "lines")
		fitted := labelStyle.fit(txt, width)
		if labelStyle.width(fitted) > width {
			t.Fatalf("%q is %g wide, expected at most %g", fitted, labelStyle.width(fitted), width)
		}
		if fitted != txt && fitted != "" && !strings.HasSuffix(fitted, "…") {
			t.Fatalf("expected an ellipsis where %q was shortened, found %q", txt, fitted)
		}
		wrapped := labelStyle.wrap(txt, width, lines)
		if len(wrapped) > lines {
			t.Fatalf("expected at most %d lines, found %q", lines, wrapped)
		}
		whole := true
		for _, line := range wrapped {
			if labelStyle.width(line) > width {
				t.Fatalf("line %q is wider than %g", line, width)
			}
			whole = whole && line != "" && !strings.HasSuffix(line, "…")
		}
		if whole && strings.Join(wrapped, " ") != txt {
			t.Fatalf("expected the lines to hold %q, found %q", txt, wrapped)
		}
	})
}

// A character that the font lacks must leave ink, and not an empty place.
func TestMissingCharactersAreDrawn(t *testing.T) {
	inkOf := func(name string) int {
		f, err := Curves(CurvesConfig{Title: name, XLabel: "x", YLabel: "y", Series: []Series{{X: []float64{1}, Y: []float64{1}}}})
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		if err := f.PNG(&buf); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&buf)
		if err != nil {
			t.Fatal(err)
		}
		dark := 0
		for y := range 24 { // the title's line
			for x := range 400 {
				if r, _, _, _ := img.At(x, y).RGBA(); r < 0xd000 {
					dark++
				}
			}
		}
		return dark
	}
	without := inkOf("x")
	for _, txt := range []string{"é", "猫", "😀", "ш"} {
		if got := inkOf("x"+txt) - without; got < 8 {
			t.Errorf("%q leaves %d dark pixels, expected a visible letter", txt, got)
		}
	}
}

// "To" is kerned: its o reaches under the T's roof by a ninth of the font size, and not by more.
func TestKerningFitsTheSize(t *testing.T) {
	face := tickStyle.face()
	kern := startOf(face, "To", 1) - face.Width("T")
	if kern > -0.05*tickStyle.size || kern < -0.2*tickStyle.size {
		t.Errorf("expected the o of To about %g points back, found %g", 0.11*float64(tickStyle.size), float64(kern))
	}
	if !kerned(face, 'T', 'o') || kerned(face, 'n', 'n') {
		t.Error("expected To to be kerned and nn not to be")
	}
	if got, want := startOf(face, "aTob", 3)+face.Width("b"), face.Width("aTob"); math.Abs(float64(got-want)) > 1e-6 {
		t.Errorf("expected the pieces to end where the text ends, %g, found %g", want, got)
	}
}

func TestLabelsAvoidPointsAndEachOther(t *testing.T) {
	bounds := vg.Rectangle{Max: vg.Point{X: 200, Y: 100}}
	r := inside(vg.Rectangle{Min: vg.Point{X: 190, Y: -5}, Max: vg.Point{X: 230, Y: 5}}, bounds)
	if r.Min != (vg.Point{X: 160, Y: 0}) || r.Max != (vg.Point{X: 200, Y: 10}) {
		t.Errorf("expected the label pushed into the frame, found %v", r)
	}
	label := vg.Rectangle{Min: vg.Point{X: 10, Y: 10}, Max: vg.Point{X: 50, Y: 20}}
	other := vg.Rectangle{Min: vg.Point{X: 40, Y: 15}, Max: vg.Point{X: 60, Y: 25}}
	point := []vg.Point{{X: 30, Y: 15}, {X: 100, Y: 15}}
	if got := labelCost(label, []vg.Rectangle{other}, point, 3); got != 11 {
		t.Errorf("expected a cost of 11 for one label and one point covered, found %g", got)
	}
}

func TestTallPictureKeepsItsShape(t *testing.T) {
	for _, test := range []struct {
		size   image.Point
		wx, wy vg.Length
	}{
		{image.Pt(100, 100), 75, 75},
		{image.Pt(200, 100), 150, 75},
		{image.Pt(20000, 1), 150, pixel},
		{image.Pt(1, 1), 75, 75},
	} {
		if got := fitInto(test.size, 150, 75); got != (vg.Point{X: test.wx, Y: test.wy}) {
			t.Errorf("%v: expected %g x %g points, found %v", test.size, test.wx, test.wy, got)
		}
	}
}
