package plots

import (
	"image/color"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	margin    = 6 * vg.Length(1) // blank edge around every figure
	legendGap = 16 * vg.Length(1)
	thumbGap  = 4 * vg.Length(1)
	lineThumb = 22 * vg.Length(1) // a line's sample is long enough for its dashes
	boxThumb  = 10 * vg.Length(1)
)

// legendEntry is a name and a small sample of how its data look, drawn into a box of one text line's height.
type legendEntry struct {
	name  string
	width vg.Length // of the sample
	thumb func(c canvas, box vg.Rectangle)
}

// header is what stands above the data: the title and the legend. A legend up there covers no data, whatever they are.
type header struct {
	title  []string
	legend [][]legendEntry // rows
	height vg.Length
}

func newHeader(title string, entries []legendEntry, width vg.Length) header {
	inner := width - 2*margin
	h := header{title: titleStyle.wrap(oneLine(title), inner, 4)}
	h.height = margin
	if len(h.title) > 0 {
		h.height += vg.Length(len(h.title))*titleStyle.line() + 3
	}
	var x vg.Length
	for _, e := range entries {
		e.name = tickStyle.fit(oneLine(e.name), inner-e.width-thumbGap)
		w := e.width + thumbGap + tickStyle.width(e.name) + legendGap
		if len(h.legend) == 0 || x+w-legendGap > inner {
			h.legend = append(h.legend, nil)
			x = 0
		}
		last := len(h.legend) - 1
		h.legend[last] = append(h.legend[last], e)
		x += w
	}
	if len(h.legend) > 0 {
		h.height += vg.Length(len(h.legend))*legendLine + 4
	}
	return h
}

const legendLine = 14 * vg.Length(1)

// paint draws the header at the top of the canvas and returns the part below it.
func (h header) paint(c canvas) canvas {
	y := c.Max.Y - margin
	for _, line := range h.title {
		c.text(titleStyle, line, vg.Point{X: c.Min.X + margin, Y: y}, atStart, atEnd, 0)
		y -= titleStyle.line()
	}
	if len(h.title) > 0 {
		y -= 3
	}
	for _, row := range h.legend {
		x := c.Min.X + margin
		for _, e := range row {
			e.thumb(c, vg.Rectangle{Min: vg.Point{X: x, Y: y - legendLine + 2}, Max: vg.Point{X: x + e.width, Y: y}})
			x += e.width + thumbGap
			c.text(tickStyle, e.name, vg.Point{X: x, Y: y - legendLine/2 + 1}, atStart, atMiddle, 0)
			x += tickStyle.width(e.name) + legendGap
		}
		y -= legendLine
	}
	c.Canvas = draw.Crop(c.Canvas, 0, 0, 0, -h.height)
	return c
}

// body returns the canvas inside the margins.
func (c canvas) body() canvas {
	c.Canvas = draw.Crop(c.Canvas, margin, -margin, margin, -2)
	return c
}

// line draws a line between points.
func (c canvas) line(col color.Color, width vg.Length, dashes []vg.Length, points ...vg.Point) {
	c.StrokeLines(draw.LineStyle{Color: col, Width: width, Dashes: dashes}, points)
}

// fill fills the polygon between points.
func (c canvas) fill(col color.Color, points ...vg.Point) {
	c.SetColor(col)
	c.Fill(polygon(points))
}

func polygon(points []vg.Point) vg.Path {
	var p vg.Path
	p.Move(points[0])
	for _, q := range points[1:] {
		p.Line(q)
	}
	p.Close()
	return p
}

// box fills a rectangle.
func (c canvas) box(col color.Color, r vg.Rectangle) {
	c.fill(col, r.Min, vg.Point{X: r.Max.X, Y: r.Min.Y}, r.Max, vg.Point{X: r.Min.X, Y: r.Max.Y})
}

// frame draws the outline of a rectangle.
func (c canvas) frame(col color.Color, width vg.Length, r vg.Rectangle) {
	c.SetLineStyle(draw.LineStyle{Color: col, Width: width})
	c.Stroke(polygon([]vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}}))
}
