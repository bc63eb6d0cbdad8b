package plots

import (
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot/vg"
)

func (l *heatLayout) paint(c canvas) {
	l.head.paint(c)
	for i, m := range l.cfg.Matrices {
		l.paintPanel(c, i, m, vg.Point{X: l.left[i%l.perRow], Y: c.Max.Y - l.top[i/l.perRow]})
	}
	bar := vg.Point{X: snapUp(l.right + heatGap), Y: c.Max.Y - l.top[0]}
	l.paintBar(c, vg.Rectangle{Min: vg.Point{X: bar.X, Y: bar.Y - l.bar}, Max: vg.Point{X: bar.X + barWidth, Y: bar.Y}})
	l.paintAxisLabels(c)
}

// paintAxisLabels writes what rows and columns are along the middles of all panels together. A label longer than they
// are goes over their ends.
func (l *heatLayout) paintAxisLabels(c canvas) {
	start, end := margin+l.yLabelWidth(), l.width-margin
	below := l.bottom + l.foot
	if l.top[0]+l.bar+tickStyle.size > below {
		end = l.right // The bar or its lowest number is beside the label.
	}
	x := labelStyle.fit(oneLine(l.cfg.XLabel), end-start)
	half := labelStyle.width(x) / 2
	mid := min(max((l.left[0]+l.right)/2, start+half), end-half)
	c.text(labelStyle, x, vg.Point{X: mid, Y: c.Max.Y - below - labelStyle.line() + 3}, atMiddle, atStart, 0)

	start, end = l.head.height, l.height-margin
	y := labelStyle.fit(oneLine(l.cfg.YLabel), end-start)
	half = labelStyle.width(y) / 2
	mid = min(max((l.top[0]+l.bottom)/2, start+half), end-half)
	c.text(labelStyle, y, vg.Point{X: margin + labelStyle.size*capHeight, Y: c.Max.Y - mid}, atMiddle, atStart, quarterTurn)
}

// paintPanel draws one matrix with its upper left cell at corner.
func (l *heatLayout) paintPanel(c canvas, i int, m Matrix, corner vg.Point) {
	rows, cols := len(m.Values), len(m.Values[0])
	at := func(r, col int) vg.Point {
		return vg.Point{X: corner.X + vg.Length(col)*l.cell, Y: corner.Y - vg.Length(r)*l.cell}
	}
	for r, row := range m.Values {
		for col, v := range row {
			// Each cell reaches a little under its right and lower neighbours, which are drawn later: otherwise
			// viewers that smooth edges show hairlines between the cells.
			p, q := at(r, col), at(min(r+1, rows), col+1)
			if col+1 < cols {
				q.X += pixel / 2
			}
			if r+1 < rows {
				q.Y -= pixel / 2
			}
			c.box(l.color(v), vg.Rectangle{Min: vg.Point{X: p.X, Y: q.Y}, Max: vg.Point{X: q.X, Y: p.Y}})
		}
	}
	l.paintDiagonal(c, m, at)
	l.paintValues(c, m, at)
	y := corner.Y + 4
	for j := len(l.titles[i]) - 1; j >= 0; j-- {
		c.text(subtitleStyle, l.titles[i][j], vg.Point{X: corner.X, Y: y}, atStart, atStart, 0)
		y += subtitleStyle.line()
	}
	l.paintLabels(c, i, m, at)
}

// color returns the colour for a value on the common scale.
func (l *heatLayout) color(v float64) color.RGBA {
	return l.cfg.Colors.At((v - l.cfg.Min) / (l.cfg.Max - l.cfg.Min))
}

func (l *heatLayout) paintLabels(c canvas, i int, m Matrix, at func(r, col int) vg.Point) {
	rows := len(m.Values)
	half := l.cell / 2
	apart := stride(m.RowLabels)
	if every := thinning(l.cell * vg.Length(apart)); every > 0 && l.showsRowLabels(i) {
		room := l.rowLabels[i%l.perRow] - heatTick - 3
		for r := 0; r < rows; r++ {
			name := tickStyle.fit(m.RowLabels[r], room)
			if name == "" || (r/apart)%every != 0 {
				continue
			}
			p := at(r, 0)
			p.Y -= half
			c.line(axisColor, 0.75, nil, p, vg.Point{X: p.X - heatTick, Y: p.Y})
			c.text(tickStyle, name, vg.Point{X: p.X - heatTick - 2, Y: p.Y}, atEnd, atMiddle, 0)
		}
	}
	labels := l.colLabels[i]
	for _, t := range labels.ticks(c) {
		p := at(rows, int(t.Value))
		p.X += half
		c.line(axisColor, 0.75, nil, p, vg.Point{X: p.X, Y: p.Y - heatTick})
		p.Y -= heatTick + 2
		if labels.upright {
			c.text(tickStyle, t.Label, p, atEnd, atMiddle, quarterTurn)
		} else {
			c.text(tickStyle, t.Label, p, atMiddle, atEnd, 0)
		}
	}
}

// paintDiagonal outlines the diagonal's cells on their inside: black in a matrix of light cells, white in a dark one.
func (l *heatLayout) paintDiagonal(c canvas, m Matrix, at func(r, col int) vg.Point) {
	if !l.cfg.HighlightDiagonal {
		return
	}
	width := vg.Length(math.Min(2, math.Max(0.75, float64(l.cell)/12)))
	in := width / 2
	sum := 0.0
	for _, row := range m.Values {
		for _, v := range row {
			sum += v
		}
	}
	outline := textOn(l.color(sum / float64(len(m.Values)*len(m.Values[0]))))
	for i := range min(len(m.Values), len(m.Values[0])) {
		p, q := at(i, i), at(i+1, i+1)
		c.frame(outline, width, vg.Rectangle{
			Min: vg.Point{X: p.X + in, Y: q.Y + in}, Max: vg.Point{X: q.X - in, Y: p.Y - in}})
	}
}

// paintValues writes the numbers into the cells when they fit at a legible size.
func (l *heatLayout) paintValues(c canvas, m Matrix, at func(r, col int) vg.Point) {
	if !l.cfg.ShowValues {
		return
	}
	format := valueFormat(m.Values)
	s := tickStyle
	var widest vg.Length
	for _, row := range m.Values {
		for _, v := range row {
			widest = max(widest, s.width(cellText(format, v)))
		}
	}
	s.size *= min(1, (l.cell-4)/widest)
	if s.size < 7.5 || s.size+3 > l.cell {
		return
	}
	for r, row := range m.Values {
		for col, v := range row {
			p := at(r, col)
			s.color = textOn(l.color(v))
			c.text(s, cellText(format, v), vg.Point{X: p.X + l.cell/2, Y: p.Y - l.cell/2}, atMiddle, atMiddle, 0)
		}
	}
}

// cellText formats a value; what rounds to zero has no sign.
func cellText(format string, v float64) string {
	if txt := fmt.Sprintf(format, v); strings.Trim(txt, "-0.") != "" {
		return txt
	}
	return fmt.Sprintf(format, 0.0)
}

// valueFormat chooses about three digits: whole numbers stay whole.
func valueFormat(values [][]float64) string {
	largest, whole := 0.0, true
	for _, row := range values {
		for _, v := range row {
			largest = math.Max(largest, math.Abs(v))
			whole = whole && v == math.Trunc(v)
		}
	}
	switch {
	case whole && largest < 1e6, largest >= 100 && largest < 1e6:
		return "%.0f"
	case largest >= 10 && largest < 100:
		return "%.1f"
	case largest >= 0.1 && largest < 10:
		return "%.2f"
	}
	return "%.2g"
}

func (l *heatLayout) paintBar(c canvas, r vg.Rectangle) {
	const steps = 128
	h := r.Size().Y
	for i := range steps {
		// From the top down, each step reaching to the lower end: the next one covers the rest.
		hi := r.Max.Y - h*vg.Length(i)/steps
		c.box(l.cfg.Colors.At(1-(float64(i)+0.5)/steps),
			vg.Rectangle{Min: r.Min, Max: vg.Point{X: r.Max.X, Y: hi}})
	}
	c.frame(axisColor, 0.5, r)
	widest := vg.Length(0)
	for _, t := range barTicks.Ticks(l.cfg.Min, l.cfg.Max) {
		y := r.Min.Y + h*vg.Length((t.Value-l.cfg.Min)/(l.cfg.Max-l.cfg.Min))
		c.line(axisColor, 0.75, nil, vg.Point{X: r.Max.X, Y: y}, vg.Point{X: r.Max.X + heatTick, Y: y})
		c.text(tickStyle, t.Label, vg.Point{X: r.Max.X + heatTick + 2, Y: y}, atStart, atMiddle, 0)
		widest = max(widest, tickStyle.width(t.Label))
	}
	label := labelStyle.fit(oneLine(l.cfg.ValueLabel), h)
	x := r.Max.X + heatTick + 2 + widest + 4 + labelStyle.size*capHeight
	c.text(labelStyle, label, vg.Point{X: x, Y: (r.Min.Y + r.Max.Y) / 2}, atMiddle, atStart, quarterTurn)
}
