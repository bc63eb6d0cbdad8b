package plots

import (
	"image/color"

	"gonum.org/v1/plot/vg"
)

// pointLabel is a text that belongs to a point of a scatter map.
type pointLabel struct {
	text  string
	point vg.Point
}

// placeLabels writes each label beside its point, where it hides least: eight places around the point are tried, and
// the one that leaves the frame, covers other labels or covers points the least wins. A white ground behind the
// letters keeps them legible over lines.
func placeLabels(c canvas, labels []pointLabel, points []vg.Point, radius vg.Length) {
	var taken []vg.Rectangle
	for _, l := range labels {
		txt := tickStyle.fit(l.text, min(140, c.Size().X/2))
		w, h := tickStyle.width(txt)+2, tickStyle.size+1
		var best vg.Rectangle
		bestCost := -1.0
		for _, d := range [][2]vg.Length{{1, 0}, {-1, 0}, {0, 1}, {0, -1}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}} {
			mid := vg.Point{X: l.point.X + d[0]*(w/2+radius+1), Y: l.point.Y + d[1]*(h/2+radius+1)}
			r := inside(vg.Rectangle{
				Min: vg.Point{X: mid.X - w/2, Y: mid.Y - h/2}, Max: vg.Point{X: mid.X + w/2, Y: mid.Y + h/2},
			}, c.Rectangle)
			if cost := labelCost(r, taken, points, radius); bestCost < 0 || cost < bestCost {
				best, bestCost = r, cost
			}
		}
		taken = append(taken, best)
		c.box(color.NRGBA{R: 255, G: 255, B: 255, A: 190}, best)
		c.text(tickStyle, txt, vg.Point{X: best.Min.X + 1, Y: (best.Min.Y + best.Max.Y) / 2}, atStart, atMiddle, 0)
	}
}

// labelCost counts what a label would cover. Another label costs as much as several points; its own point too,
// when the frame has pushed the label onto it.
func labelCost(r vg.Rectangle, taken []vg.Rectangle, points []vg.Point, radius vg.Length) float64 {
	cost := 0.0
	for _, t := range taken {
		if r.Min.X < t.Max.X && t.Min.X < r.Max.X && r.Min.Y < t.Max.Y && t.Min.Y < r.Max.Y {
			cost += 10
		}
	}
	for _, p := range points {
		if p.X > r.Min.X-radius && p.X < r.Max.X+radius && p.Y > r.Min.Y-radius && p.Y < r.Max.Y+radius {
			cost++
		}
	}
	return cost
}

// inside moves a rectangle into the bounds.
func inside(r, bounds vg.Rectangle) vg.Rectangle {
	var d vg.Point
	d.X = max(0, bounds.Min.X-r.Min.X) - max(0, r.Max.X-bounds.Max.X)
	d.Y = max(0, bounds.Min.Y-r.Min.Y) - max(0, r.Max.Y-bounds.Max.Y)
	return vg.Rectangle{Min: r.Min.Add(d), Max: r.Max.Add(d)}
}
