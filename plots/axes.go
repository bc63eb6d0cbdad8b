package plots

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// xyAxes describes the axes of a figure with numbers on y, and numbers or names on x.
type xyAxes struct {
	xLabel, yLabel string
	x, y           span
	logX, logY     bool
	percentY       bool
	wholeX         bool
	ticksX         []float64 // instead of round numbers
	hideTicks      bool
	equalScale     bool
	names          *tickLabels // of the categories 0, 1, ... on x
}

// A plotArea draws data on the inner part of the axes; at says where on it a pair of numbers lies.
type plotArea func(c canvas, at func(x, y float64) vg.Point)

// paint draws the axes with a light grid, and the data on them.
func (a xyAxes) paint(body canvas, data plotArea) {
	inner := body
	var room struct{ left, bottom vg.Length }
	xLabel, yLabel := oneLine(a.xLabel), oneLine(a.yLabel)
	if yLabel != "" {
		room.left = labelStyle.line() + 3
	}
	if xLabel != "" {
		room.bottom = labelStyle.line() + 2
	}
	inner.Canvas = draw.Crop(body.Canvas, room.left, 0, room.bottom, 0)
	p := a.plot(inner)
	p.Add(plotFunc(func(c draw.Canvas, p *plot.Plot) {
		x, y := p.Transforms(&c)
		area := inner
		area.Canvas = c
		data(area, func(xv, yv float64) vg.Point { return vg.Point{X: x(xv), Y: y(yv)} })
	}))
	if a.equalScale {
		equalScale(p, inner.Canvas)
	}
	p.Draw(inner.Canvas)

	// gonum misplaces the label of a logarithmic axis, so ours are drawn here, along the axes' middles.
	d := p.DataCanvas(inner.Canvas)
	mid := d.Center()
	body.text(labelStyle, labelStyle.fit(xLabel, d.Size().X), vg.Point{X: mid.X, Y: body.Min.Y + 2}, atMiddle, atStart, 0)
	body.text(labelStyle, labelStyle.fit(yLabel, d.Size().Y), vg.Point{X: body.Min.X + labelStyle.size*capHeight, Y: mid.Y},
		atMiddle, atStart, quarterTurn)
}

type plotFunc func(c draw.Canvas, p *plot.Plot)

// Plot implements plot.Plotter.
func (f plotFunc) Plot(c draw.Canvas, p *plot.Plot) { f(c, p) }

// plot makes gonum's plot for a canvas, without data.
func (a xyAxes) plot(c canvas) *plot.Plot {
	width, height := c.Size().X, c.Size().Y
	if a.names != nil {
		height -= a.names.height
	}
	p := plot.New()
	p.BackgroundColor = nil // The canvas is white, and the legend is on it already.
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = a.x.min, a.x.max, a.y.min, a.y.max
	for _, ax := range []*plot.Axis{&p.X, &p.Y} {
		ax.Padding = 0
		ax.Color, ax.Width = axisColor, 0.75
		ax.Tick.Color, ax.Tick.Width, ax.Tick.Length = axisColor, 0.75, 4
		ax.Tick.Label.Font, ax.Tick.Label.Color = tickStyle.font(), tickStyle.color
	}
	nx, ny := max(2, int((width-50)/60)), max(2, int(height/30))
	p.X.Tick.Marker, p.Y.Tick.Marker = linearTicks{n: nx, whole: a.wholeX}, linearTicks{n: ny, percent: a.percentY}
	if a.logX {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, logTicks{n: nx}
	}
	if a.logY {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, logTicks{n: ny}
	}
	if len(a.ticksX) > 0 {
		p.X.Tick.Marker = givenTicks(a.ticksX)
	}
	if a.hideTicks {
		p.X.Tick.Marker, p.Y.Tick.Marker = plot.ConstantTicks{}, plot.ConstantTicks{}
	}
	grid := plotter.NewGrid()
	grid.Horizontal = draw.LineStyle{Color: gridColor, Width: 0.5}
	grid.Vertical = grid.Horizontal
	if a.names != nil {
		grid.Vertical.Color = nil
		a.names.setOn(&p.X, c)
	}
	p.Add(grid)
	return p
}

// equalScale widens the range of one axis until a unit has one length on both.
func equalScale(p *plot.Plot, c draw.Canvas) {
	for range 3 { // The tick labels' widths depend on the range, and the space on the labels.
		d := p.DataCanvas(c).Size()
		perX, perY := (p.X.Max-p.X.Min)/float64(d.X), (p.Y.Max-p.Y.Min)/float64(d.Y)
		if perX > perY {
			widen(&p.Y, perX*float64(d.Y))
		} else {
			widen(&p.X, perY*float64(d.X))
		}
	}
}

func widen(a *plot.Axis, span float64) {
	mid := (a.Min + a.Max) / 2
	a.Min, a.Max = mid-span/2, mid+span/2
}
