package plots

import (
	"bytes"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
)

// towers is a diagram with every kind of box and arrow.
func towers() DiagramConfig {
	return DiagramConfig{
		Title: "towers",
		Boxes: []DiagramBox{
			{Name: "a", Text: "pictures of a batch, as many as there are texts", Stack: true},
			{Name: "b", Text: "texts", Row: 1, Stack: true},
			{Name: "c", Text: "image encoder\nsome network", Column: 1, Group: "trained"},
			{Name: "d", Text: "text encoder", Row: 1, Column: 1, Group: "trained"},
			{Name: "m", Text: "matrix", Column: 2, Rows: 2, Matrix: 6, Group: "computed"},
			{Name: "wide", Text: strings.Repeat("a line that wraps ", 12), Row: 2, Columns: 3, Plain: true},
		},
		Arrows: []DiagramArrow{{From: "a", To: "c", Label: "one"}, {From: "b", To: "d"}, {From: "c", To: "d", Label: "down"}, {From: "d", To: "c"},
			{From: "c", To: "m"}, {From: "d", To: "m"}, {From: "m", To: "a", Label: "back", Route: Above}, {From: "m", To: "m", Label: "itself", Route: Above},
			{From: "wide", To: "m", Route: Below, Dashed: true}, {From: "a", To: "wide"}},
	}
}

func TestDiagramErrors(t *testing.T) {
	for phrase, spoil := range map[string]func(*DiagramConfig){
		"expected at least one box, found none":                func(c *DiagramConfig) { c.Boxes = nil },
		"expected a text or a name of box 1":                   func(c *DiagramConfig) { c.Boxes[1] = DiagramBox{Row: 1} },
		`two that are called "a"`:                              func(c *DiagramConfig) { c.Boxes[1].Name = "a" },
		"found row -1 (1 of them)":                             func(c *DiagramConfig) { c.Boxes[1].Row = -1 },
		"within 12 rows and columns from 0":                    func(c *DiagramConfig) { c.Boxes[1].Columns = 13 },
		`in row 0, column 0, found "a" and "b"`:                func(c *DiagramConfig) { c.Boxes[1].Row = 0 },
		"a matrix of at most 16 rows, found 17":                func(c *DiagramConfig) { c.Boxes[4].Matrix = 17 },
		`arrow 0: expected the name of a box, found "x"`:       func(c *DiagramConfig) { c.Arrows[0].To = "x" },
		"arrow 0: expected the route Straight, Above or Below": func(c *DiagramConfig) { c.Arrows[0].Route = 3 },
		`expected the route Above or Below from "m" to itself`: func(c *DiagramConfig) { c.Arrows[7].Route = Straight },
	} {
		cfg := towers()
		spoil(&cfg)
		_, err := Diagram(cfg)
		checkSentence(t, err, phrase)
	}
}

// At every width boxes and texts lie within the figure, boxes apart from each other, texts within their boxes, and arrows begin and
// end at the edges of the boxes that they join.
func TestDiagramLayout(t *testing.T) {
	for _, width := range []vg.Length{minWidth, 400, DefaultWidth, 1200} {
		cfg := towers()
		if _, err := Diagram(cfg); err != nil {
			t.Fatal(err)
		}
		for i := range cfg.Boxes {
			cfg.Boxes[i].Rows, cfg.Boxes[i].Columns = max(1, cfg.Boxes[i].Rows), max(1, cfg.Boxes[i].Columns)
		}
		inner := width - 2*margin
		d := cfg.place(inner)
		p := diagramPainter{diagramLayout: d}
		for i, b := range cfg.Boxes {
			r := p.rect(b)
			if r.Min.X < -1 || r.Max.X > inner+1 || r.Max.Y > 0 || -r.Min.Y > d.bottom {
				t.Errorf("width %g: box %q is outside: %v of %g x %g", width, b.Name, r, inner, d.bottom)
			}
			for _, other := range cfg.Boxes[:i] {
				if o := p.rect(other); o.Min.X < r.Max.X && r.Min.X < o.Max.X && o.Min.Y < r.Max.Y && r.Min.Y < o.Max.Y {
					t.Errorf("width %g: boxes %q and %q overlap", width, b.Name, other.Name)
				}
			}
			high := b.matrixSide()
			for _, line := range d.lines[i] {
				high += line.style.line()
				if w := line.style.width(line.text); w > r.Max.X-r.Min.X {
					t.Errorf("width %g: the text %q is wider than its box", width, line.text)
				}
			}
			if high > r.Max.Y-r.Min.Y {
				t.Errorf("width %g: the text of %q is higher than its box", width, b.Name)
			}
		}
		for i, path := range p.paths() {
			for k, name := range []string{cfg.Arrows[i].From, cfg.Arrows[i].To} {
				end, r := path[k*(len(path)-1)], p.rect(cfg.Boxes[cfg.box(name)])
				inside := end.X >= r.Min.X && end.X <= r.Max.X && end.Y >= r.Min.Y && end.Y <= r.Max.Y
				if onEdge := end.X == r.Min.X || end.X == r.Max.X || end.Y == r.Min.Y || end.Y == r.Max.Y; !inside || !onEdge {
					t.Errorf("width %g: arrow %d does not touch %q: %v, %v", width, i, name, end, r)
				}
			}
			for _, corner := range path {
				if corner.Y > 0 || -corner.Y > d.bottom {
					t.Errorf("width %g: arrow %d leaves the figure: %v", width, i, path)
				}
			}
		}
	}
}

// An SVG has the words of boxes, arrows and the legend as text.
func TestDiagramSVG(t *testing.T) {
	fig, err := Diagram(towers())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := fig.SVG(&b); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"image encoder", "some network", "matrix", "back", "itself", "trained", "computed"} {
		if !strings.Contains(b.String(), ">"+word+"<") {
			t.Errorf("expected the text %q", word)
		}
	}
}
