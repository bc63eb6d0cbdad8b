package scenes

import (
	"image"
	"math"
	"slices"
)

// All geometry is in whole numbers, so that every machine draws the same bytes: floating-point sums may be
// fused, and then rounded differently, on some processors. Lengths are in subpixels, 256 to a pixel.
const (
	subpixels = 256
	sublines  = 8 // scan lines per row of pixels
)

// point is a place in subpixels; y grows downwards.
type point struct{ x, y int }

// outlines are the polygons, in thousandths of the object's radius around (0, 0). Sizes are chosen so that the
// shapes look equally large, not so that their radii are equal. The star's inner radius is wider than a
// pentagram's (0.38 of the outer one), or its points would vanish when it is small.
var outlines = map[Shape][]point{
	Square:   {{-870, -870}, {870, -870}, {870, 870}, {-870, 870}},
	Triangle: {{0, -970}, {1090, 930}, {-1090, 930}},
	Star: {{0, -1200}, {323, -445}, {1141, -371}, {523, 170}, {705, 971},
		{0, 550}, {-705, 971}, {-523, 170}, {-1141, -371}, {-323, -445}},
	Cross: {{-370, -1080}, {370, -1080}, {370, -370}, {1080, -370}, {1080, 370}, {370, 370},
		{370, 1080}, {-370, 1080}, {-370, 370}, {-1080, 370}, {-1080, -370}, {-370, -370}},
}

const (
	ringOuter = 1060 // thousandths of the radius
	ringInner = 480
)

// turned is the polygon scaled to radius r and turned by 2*atan(k/256): with t = tan(angle/2), the cosine is
// (1-t*t)/(1+t*t) and the sine 2t/(1+t*t), so a turn needs no trigonometric function.
func turned(polygon []point, r, k int) []point {
	cos, sin, one := 65536-k*k, 512*k, 65536+k*k
	out := make([]point, len(polygon))
	for i, p := range polygon {
		out[i] = point{(p.x*cos - p.y*sin) * r / (one * 1000), (p.x*sin + p.y*cos) * r / (one * 1000)}
	}
	return out
}

// stencil is a shape without a place: how much of each pixel it covers.
type stencil struct {
	w, h   int
	cover  []uint8         // w*h, 255 for a pixel that lies wholly inside
	cx, cy int             // the shape's own centre, in subpixels from the stencil's corner
	solid  image.Rectangle // smallest rectangle around the pixels covered by half or more
}

// half is the coverage from which on a pixel counts as part of an object.
const half = 128

// cut rasterises a shape of radius r (subpixels), turned as in turned, its centre moved by (dx, dy) of a
// subpixel 0..255 so that edges fall differently on the pixels each time.
func cut(shape Shape, r, k, dx, dy int) stencil {
	reach := r*3/2/subpixels + 2 // in pixels; no corner lies further out than 1.5 radii
	side := 2 * reach
	sum := make([]uint16, side*side)
	cx, cy := reach*subpixels+dx, reach*subpixels+dy

	var corners []point
	if polygon, ok := outlines[shape]; ok {
		corners = turned(polygon, r, k)
	}
	var buf [8]int
	for line := range side * sublines {
		y := line*(subpixels/sublines) + subpixels/sublines/2
		row := sum[line/sublines*side:][:side]
		edges := buf[:0]
		switch shape {
		case Circle:
			edges = chord(edges, r, y-cy)
		case Ring:
			edges = chord(edges, r*ringOuter/1000, y-cy)
			edges = chord(edges, r*ringInner/1000, y-cy)
		default:
			edges = crossings(edges, corners, y-cy)
		}
		// Between the first edge and the second one is inside, between the second and the third outside, ...
		slices.Sort(edges)
		for i := 0; i+1 < len(edges); i += 2 {
			addSpan(row, edges[i]+cx, edges[i+1]+cx)
		}
	}
	return trim(sum, side, cx, cy)
}

// chord appends where the line y cuts the circle of radius r around (0, 0).
func chord(edges []int, r, y int) []int {
	if y <= -r || y >= r {
		return edges
	}
	x := root(r*r - y*y)
	return append(edges, -x, x)
}

// crossings appends where the line y cuts the polygon's edges.
func crossings(edges []int, polygon []point, y int) []int {
	a := polygon[len(polygon)-1]
	for _, b := range polygon {
		if (a.y <= y) != (b.y <= y) {
			edges = append(edges, a.x+(y-a.y)*(b.x-a.x)/(b.y-a.y))
		}
		a = b
	}
	return edges
}

// addSpan adds the span from..to (subpixels) of one scan line to a row of pixels.
func addSpan(row []uint16, from, to int) {
	first, last := from/subpixels, to/subpixels
	if first == last {
		row[first] += uint16(to - from)
		return
	}
	row[first] += uint16(subpixels - from%subpixels)
	for x := first + 1; x < last; x++ {
		row[x] += subpixels
	}
	row[last] += uint16(to % subpixels)
}

// trim turns sums of spans into coverage and cuts away the empty border.
func trim(sum []uint16, side, cx, cy int) stencil {
	x0, y0, x1, y1 := side, side, 0, 0
	for y := range side {
		for x, v := range sum[y*side:][:side] {
			if v != 0 {
				x0, x1 = min(x0, x), max(x1, x+1)
				y0, y1 = min(y0, y), max(y1, y+1)
			}
		}
	}
	s := stencil{w: x1 - x0, h: y1 - y0, cx: cx - x0*subpixels, cy: cy - y0*subpixels}
	s.cover = make([]uint8, 0, s.w*s.h)
	for y := y0; y < y1; y++ {
		for x, v := range sum[y*side+x0 : y*side+x1] {
			cover := uint8(int(v) * 255 / (subpixels * sublines))
			if cover >= half {
				s.solid = s.solid.Union(image.Rect(x, y-y0, x+1, y-y0+1))
			}
			s.cover = append(s.cover, cover)
		}
	}
	return s
}

// inside says whether the pixel and its four neighbours are covered wholly, or nearly so.
func (s stencil) inside(x, y int) bool {
	if x == 0 || y == 0 || x == s.w-1 || y == s.h-1 {
		return false
	}
	i := y*s.w + x
	const most = 240
	return s.cover[i] >= most && s.cover[i-1] >= most && s.cover[i+1] >= most &&
		s.cover[i-s.w] >= most && s.cover[i+s.w] >= most
}

// root is the whole part of the square root; exact, since math.Sqrt rounds correctly everywhere.
func root(n int) int { return int(math.Sqrt(float64(n))) }
