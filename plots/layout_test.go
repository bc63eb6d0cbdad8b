package plots

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"testing"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"pgregory.net/rapid"
)

// probe is a canvas that draws nothing and remembers where each text would be.
type probe struct {
	stack []matrix
	texts []textBox
}

// matrix maps (x, y) to (a x + b y + e, c x + d y + f).
type matrix struct{ a, b, c, d, e, f float64 }

type textBox struct {
	text           string
	x0, y0, x1, y1 float64 // of the letters from baseline to capitals
}

func (p *probe) top() *matrix { return &p.stack[len(p.stack)-1] }

func (p *probe) Push() { p.stack = append(p.stack, *p.top()) }
func (p *probe) Pop()  { p.stack = p.stack[:len(p.stack)-1] }

func (p *probe) Translate(pt vg.Point) { p.multiply(matrix{1, 0, 0, 1, float64(pt.X), float64(pt.Y)}) }
func (p *probe) Scale(x, y float64)    { p.multiply(matrix{x, 0, 0, y, 0, 0}) }
func (p *probe) Rotate(rad float64) {
	sin, cos := math.Sincos(rad)
	p.multiply(matrix{cos, -sin, sin, cos, 0, 0})
}

func (p *probe) multiply(n matrix) {
	m := *p.top()
	*p.top() = matrix{m.a*n.a + m.b*n.c, m.a*n.b + m.b*n.d, m.c*n.a + m.d*n.c, m.c*n.b + m.d*n.d,
		m.a*n.e + m.b*n.f + m.e, m.c*n.e + m.d*n.f + m.f}
}

func (p *probe) FillString(face font.Face, pt vg.Point, txt string) {
	if txt == "" {
		return
	}
	m := *p.top()
	box := textBox{txt, math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for _, corner := range [][2]float64{{0, 0}, {1, 1}} {
		x := float64(pt.X) + corner[0]*float64(textWidth(face, txt))
		y := float64(pt.Y) + corner[1]*float64(face.Font.Size)*capHeight
		u, v := m.a*x+m.b*y+m.e, m.c*x+m.d*y+m.f
		box.x0, box.x1 = math.Min(box.x0, u), math.Max(box.x1, u)
		box.y0, box.y1 = math.Min(box.y0, v), math.Max(box.y1, v)
	}
	p.texts = append(p.texts, box)
}

func (p *probe) SetLineWidth(vg.Length)              {}
func (p *probe) SetLineDash([]vg.Length, vg.Length)  {}
func (p *probe) SetColor(color.Color)                {}
func (p *probe) Stroke(vg.Path)                      {}
func (p *probe) Fill(vg.Path)                        {}
func (p *probe) DrawImage(vg.Rectangle, image.Image) {}

// textsOf lays a figure out and returns its size and texts.
func textsOf(t failer, f *Figure, width vg.Length, raster bool) (w, h float64, texts []textBox) {
	wd, hd, paint, err := f.measure([]vg.Length{width})
	if err != nil {
		t.Fatal(err)
	}
	p := &probe{stack: []matrix{{1, 0, 0, 1, 0, 0}}}
	paint(canvas{draw.NewCanvas(p, wd, hd), screenDPI, raster})
	return float64(wd), float64(hd), p.texts
}

type failer interface {
	Fatal(...any)
	Errorf(string, ...any)
}

// checkTexts demands that every text lies on the canvas and none on another.
func checkTexts(t failer, f *Figure, width vg.Length, raster bool) {
	w, h, texts := textsOf(t, f, width, raster)
	for i, a := range texts {
		if a.x0 < 0 || a.x1 > w || a.y0 < 0 || a.y1 > h {
			t.Errorf("text %q at %.1f..%.1f, %.1f..%.1f is cut off by the edge of the %g x %g canvas",
				a.text, a.x0, a.x1, a.y0, a.y1, w, h)
		}
		for _, b := range texts[:i] {
			const slack = 0.2
			if a.x0 < b.x1-slack && b.x0 < a.x1-slack && a.y0 < b.y1-slack && b.y0 < a.y1-slack {
				t.Errorf("at width %g, texts %q (%.1f..%.1f, %.1f..%.1f) and %q (%.1f..%.1f, %.1f..%.1f) overlap",
					w, a.text, a.x0, a.x1, a.y0, a.y1, b.text, b.x0, b.x1, b.y0, b.y1)
			}
		}
	}
}

// Texts as they come: captions, class names, names with letters that the font lacks.
var someText = rapid.OneOf(
	rapid.SampledFrom([]string{"", "dog", "T-shirts", "a dog runs on grass", "Sonnenbrille, groß", "步 picture of a 猫",
		"a man in a bright yellow jacket jumps over a small wooden fence", "internationalisation", "<unk>", "😀😀"}),
	rapid.StringN(0, 25, -1),
)

func namesOf(t *rapid.T, n int, what string) []string {
	names := rapid.SliceOfN(someText, n, n).Draw(t, what)
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", i, name) // names in a legend must differ
	}
	return names
}

var someWidth = rapid.Custom(func(t *rapid.T) vg.Length {
	return vg.Length(rapid.IntRange(240, 1200).Draw(t, "width"))
})

func numbers(t *rapid.T, n int, lo, hi float64) []float64 {
	return rapid.SliceOfN(rapid.Float64Range(lo, hi), n, n).Draw(t, "numbers")
}

func TestCurvesLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := CurvesConfig{Title: someText.Draw(t, "title"), XLabel: "x " + someText.Draw(t, "x"),
			YLabel: "y " + someText.Draw(t, "y"), LogX: rapid.Bool().Draw(t, "logX"), LogY: rapid.Bool().Draw(t, "logY")}
		scale := math.Pow(10, float64(rapid.IntRange(-8, 8).Draw(t, "scale")))
		for _, name := range namesOf(t, rapid.IntRange(1, 12).Draw(t, "series"), "names") {
			n := rapid.IntRange(1, 5).Draw(t, "n")
			cfg.Series = append(cfg.Series, Series{Name: name, X: numbers(t, n, scale, 100*scale), Y: numbers(t, n, 1e-3, 5)})
		}
		fig, err := Curves(cfg)
		if err != nil {
			t.Fatal(err)
		}
		checkTexts(t, fig, someWidth.Draw(t, "width"), true)
	})
}

func TestHeatmapLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := HeatmapConfig{Title: someText.Draw(t, "title"), XLabel: someText.Draw(t, "x"), YLabel: someText.Draw(t, "y"),
			ValueLabel: someText.Draw(t, "value"), ShowValues: rapid.Bool().Draw(t, "show"),
			HighlightDiagonal: true, PerRow: rapid.IntRange(0, 3).Draw(t, "perRow")}
		side := rapid.OneOf(rapid.IntRange(1, 12), rapid.IntRange(13, 64))
		for range rapid.IntRange(1, 4).Draw(t, "panels") {
			rows, cols := side.Draw(t, "rows"), side.Draw(t, "cols")
			m := Matrix{Title: someText.Draw(t, "panel title")}
			m.Values, _ = Rows(make([]float64, rows*cols), rows, cols)
			m.Values[0][0] = rapid.Float64Range(-3000, 3000).Draw(t, "value")
			if rapid.Bool().Draw(t, "labelled") {
				m.RowLabels, m.ColLabels = namesOf(t, rows, "row labels"), namesOf(t, cols, "col labels")
			}
			cfg.Matrices = append(cfg.Matrices, m)
		}
		fig, err := Heatmap(cfg)
		if err != nil {
			t.Fatal(err)
		}
		checkTexts(t, fig, someWidth.Draw(t, "width"), true)
	})
}

func TestAttentionStripLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 50)
		words := namesOf(t, rapid.IntRange(1, 25).Draw(t, "words"), "words")
		cfg := AttentionConfig{Title: someText.Draw(t, "title"), Words: words, Rows: 1, Cols: 2,
			Picture: image.NewGray(image.Rect(0, 0, size.Draw(t, "w"), size.Draw(t, "h"))),
			PerRow:  rapid.IntRange(0, maxPerRow).Draw(t, "perRow")}
		for range words {
			cfg.Weights = append(cfg.Weights, []float64{0.2, 0.8})
		}
		fig, err := AttentionStrip(cfg)
		if err != nil {
			t.Fatal(err)
		}
		checkTexts(t, fig, someWidth.Draw(t, "width"), true)
	})
}

func TestScatterLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := ScatterConfig{Title: someText.Draw(t, "title"), XLabel: someText.Draw(t, "x"), YLabel: someText.Draw(t, "y"),
			EqualScale: rapid.Bool().Draw(t, "equal"), HideTicks: rapid.Bool().Draw(t, "hide")}
		for _, name := range namesOf(t, rapid.IntRange(1, 12).Draw(t, "groups"), "names") {
			cfg.Groups = append(cfg.Groups, PointGroup{Name: name, X: numbers(t, 3, -30, 30), Y: numbers(t, 3, -1, 1)})
		}
		// One label: where there are many, a crowd may force some onto each other.
		cfg.Groups[0].Labels = []string{"", someText.Draw(t, "label"), ""}
		fig, err := Scatter(cfg)
		if err != nil {
			t.Fatal(err)
		}
		checkTexts(t, fig, someWidth.Draw(t, "width"), true)
	})
}

func TestBarsLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "categories")
		cfg := BarsConfig{Title: someText.Draw(t, "title"), XLabel: someText.Draw(t, "x"), YLabel: "y " + someText.Draw(t, "y"),
			Categories: namesOf(t, n, "categories"), Percent: rapid.Bool().Draw(t, "percent"), Chance: []float64{0.1}}
		for _, name := range namesOf(t, rapid.IntRange(1, 4).Draw(t, "series"), "names") {
			cfg.Series = append(cfg.Series, BarSeries{Name: name, Values: numbers(t, n, -1, 1)})
		}
		fig, err := Bars(cfg)
		if err != nil {
			t.Fatal(err)
		}
		checkTexts(t, fig, someWidth.Draw(t, "width"), true)
	})
}
