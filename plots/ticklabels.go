package plots

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// tickLabels are names along a horizontal axis, a fixed distance apart: level where they fit, else upright, and
// thinned out where even that is too tight.
type tickLabels struct {
	names   []string // as drawn, possibly shortened
	every   int      // every how many are drawn; 0 for none
	upright bool
	height  vg.Length
}

func newTickLabels(names []string, pitch, maxHeight vg.Length) tickLabels {
	t := tickLabels{names: names, every: 1, height: tickStyle.line()}
	if tickStyle.widest(names)+4 <= pitch*vg.Length(stride(names)) {
		return t
	}
	t.upright = true
	t.every = thinning(pitch)
	t.names = make([]string, len(names))
	for i, n := range names {
		t.names[i] = tickStyle.fit(n, maxHeight)
	}
	t.height = tickStyle.widest(t.names)
	return t
}

// stride is the least distance between names that are not empty.
func stride(names []string) int {
	least, last := len(names), -len(names)
	for i, n := range names {
		if n != "" {
			least, last = min(least, i-last), i
		}
	}
	return max(least, 1)
}

// thinning returns every how many labels can be drawn at this pitch, across the lines of text; 0 for none.
func thinning(pitch vg.Length) int {
	every := 1
	for vg.Length(every)*pitch < tickStyle.size*1.1 {
		every++
	}
	if every > 8 {
		return 0
	}
	return every
}

// setOn makes the names the labels of a horizontal axis that counts from 0.
func (t tickLabels) setOn(x *plot.Axis, c canvas) {
	x.Tick.Marker = t.ticks(c)
	x.Tick.Color = color.Transparent // gonum leaves room between axis and labels only for ticks that are drawn.
	if t.upright {
		x.Tick.Label.Rotation = quarterTurn
		x.Tick.Label.XAlign, x.Tick.Label.YAlign = draw.XRight, -0.35
	}
}

func (t tickLabels) ticks(c canvas) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for i, n := range t.names {
		if t.every > 0 && i%t.every == 0 && n != "" {
			ticks = append(ticks, plot.Tick{Value: float64(i), Label: c.drawable(tickStyle, n)})
		}
	}
	return ticks
}
