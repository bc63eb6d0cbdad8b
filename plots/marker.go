package plots

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
)

// Marker is the shape of a point. The zero Marker lets the figure choose: another one for each group.
type Marker int

// The shapes. All have about the same area, so that none looks more important.
const (
	AutoMarker Marker = iota
	Circle
	Triangle
	Square
	Diamond
	Cross
	TriangleDown
	Plus
	Star
	markerCount = int(Star)
)

// paint draws the marker with a thin rim, so that points that overlap can be told apart.
func (m Marker) paint(c canvas, p vg.Point, r vg.Length, col color.Color) {
	if m == Circle {
		var path vg.Path
		path.Move(vg.Point{X: p.X + r, Y: p.Y})
		path.Arc(p, r, 0, 2*math.Pi)
		path.Close()
		c.paintMarker(path, col)
		return
	}
	corners := m.corners()
	points := make([]vg.Point, len(corners))
	for i, q := range corners {
		points[i] = vg.Point{X: p.X + r*vg.Length(q[0]), Y: p.Y + r*vg.Length(q[1])}
	}
	c.paintMarker(polygon(points), col)
}

func (c canvas) paintMarker(path vg.Path, col color.Color) {
	c.SetColor(col)
	c.Fill(path)
	c.SetColor(rim(col))
	c.SetLineWidth(0.4)
	c.SetLineDash(nil, 0)
	c.Stroke(path)
}

// rim is white, but dark around colours that are themselves faint on white.
func rim(col color.Color) color.Color {
	if g := color.GrayModel.Convert(col).(color.Gray); g.Y > 200 {
		return axisColor
	}
	return color.White
}

// corners returns the polygon for a marker of radius 1.
func (m Marker) corners() [][2]float64 {
	switch m {
	case Triangle:
		return regular(3, math.Pi/2, 1.35)
	case TriangleDown:
		return regular(3, -math.Pi/2, 1.35)
	case Square:
		return regular(4, math.Pi/4, 1.25)
	case Diamond:
		return regular(4, 0, 1.3)
	case Star:
		var star [][2]float64
		outer, inner := regular(5, math.Pi/2, 1.5), regular(5, math.Pi/2+math.Pi/5, 0.65)
		for i := range outer {
			star = append(star, outer[i], inner[i])
		}
		return star
	case Plus:
		return plusCorners(0)
	default: // Cross
		return plusCorners(math.Pi / 4)
	}
}

func regular(n int, start, r float64) [][2]float64 {
	out := make([][2]float64, n)
	for i := range out {
		sin, cos := math.Sincos(start + 2*math.Pi*float64(i)/float64(n))
		out[i] = [2]float64{r * cos, r * sin}
	}
	return out
}

func plusCorners(turn float64) [][2]float64 {
	const a, b = 0.4, 1.3 // half the thickness of the arms, and their length
	sin, cos := math.Sincos(turn)
	out := [][2]float64{{a, a}, {a, b}, {-a, b}, {-a, a}, {-b, a}, {-b, -a}, {-a, -a}, {-a, -b}, {a, -b}, {a, -a},
		{b, -a}, {b, a}}
	for i, q := range out {
		out[i] = [2]float64{q[0]*cos - q[1]*sin, q[0]*sin + q[1]*cos}
	}
	return out
}
