package plots

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
)

// layout implements [Figure].
func (cfg DiagramConfig) layout(width vg.Length) (vg.Length, painter) {
	groups := cfg.groups()
	var entries []legendEntry
	for i, name := range groups {
		entries = append(entries, legendEntry{name, boxThumb, func(c canvas, box vg.Rectangle) {
			c.box(lightened(Category(i)), box)
			c.frame(Category(i), 1, box)
		}})
	}
	head := newHeader(cfg.Title, entries, width)
	d := cfg.place(width - 2*margin)
	return head.height + d.bottom + margin, func(c canvas) {
		c = head.paint(c)
		p := diagramPainter{diagramLayout: d, canvas: c, origin: vg.Point{X: c.Min.X + margin, Y: c.Max.Y}}
		paths := p.paths()
		for i, path := range paths {
			p.arrow(cfg.Arrows[i], path)
		}
		for i, b := range cfg.Boxes {
			p.paintBox(b, d.lines[i], slices.Index(groups, b.Group))
		}
		for i, path := range paths {
			p.label(cfg.Arrows[i], path)
		}
	}
}

// lightened is a light form of a colour, on which black text can be read.
func lightened(col color.RGBA) color.RGBA { return mix(col, rgb(0xffffff), 0.82) }

type diagramPainter struct {
	*diagramLayout
	canvas
	origin vg.Point // top left of the boxes
}

// rect is where a box is drawn, with those behind it.
func (p diagramPainter) rect(b DiagramBox) vg.Rectangle {
	right, low := b.Column+b.Columns-1, b.Row+b.Rows-1
	return vg.Rectangle{
		Min: vg.Point{X: snap(p.origin.X + p.left[b.Column]), Y: snap(p.origin.Y - p.top[low] - p.diagramLayout.height[low])},
		Max: vg.Point{X: snap(p.origin.X + p.left[right] + p.width[right]), Y: snap(p.origin.Y - p.top[b.Row])},
	}
}

func (p diagramPainter) paintBox(b DiagramBox, lines []textLine, group int) {
	r := p.rect(b)
	edge, fill := color.RGBA(axisColor), rgb(0xffffff)
	if group >= 0 {
		edge, fill = Category(group), lightened(Category(group))
	}
	front := r
	if b.Stack {
		front.Max = front.Max.Sub(vg.Point{X: 2 * stackStep, Y: 2 * stackStep})
	}
	if !b.Plain || b.Stack {
		for k := vg.Length(2); k >= 0; k-- {
			if k > 0 && !b.Stack {
				continue
			}
			off := vg.Point{X: k * stackStep, Y: k * stackStep}
			behind := vg.Rectangle{Min: front.Min.Add(off), Max: front.Max.Add(off)}
			p.box(fill, behind)
			p.frame(edge, 1.2, behind)
		}
	}
	text := vg.Length(0)
	for _, line := range lines {
		text += line.style.line()
	}
	all := text + b.matrixSide()
	if b.Matrix > 0 && text > 0 {
		all += boxPadY
	}
	middle, y := (front.Min.X+front.Max.X)/2, (front.Min.Y+front.Max.Y+all)/2
	if b.Matrix > 0 {
		p.paintMatrix(b, vg.Point{X: snap(middle - b.matrixSide()/2), Y: snap(y)}, edge)
		y -= b.matrixSide() + boxPadY
	}
	for _, line := range lines {
		p.text(line.style, line.text, vg.Point{X: middle, Y: y - line.style.line()/2}, atMiddle, atMiddle, 0)
		y -= line.style.line()
	}
}

// paintMatrix draws a square of cells from its top left corner.
func (p diagramPainter) paintMatrix(b DiagramBox, at vg.Point, col color.RGBA) {
	cell := b.matrixCell()
	for row := range b.Matrix {
		for column := range b.Matrix {
			r := vg.Rectangle{Min: vg.Point{X: at.X + vg.Length(column)*cell, Y: at.Y - vg.Length(row+1)*cell}}
			r.Max = r.Min.Add(vg.Point{X: cell, Y: cell})
			fill := rgb(0xffffff)
			if row == column {
				fill = col
			}
			p.box(fill, r)
			p.frame(axisColor, 0.6, r)
		}
	}
}

// paths are the corners of all arrows, from their beginning to their tip.
func (p diagramPainter) paths() [][]vg.Point {
	type side struct {
		box   string
		route ArrowRoute
	}
	ends, used := map[side]int{}, map[side]int{} // how many arrows touch a box there
	for _, a := range p.cfg.Arrows {
		if a.Route != Straight {
			ends[side{a.From, a.Route}]++
			ends[side{a.To, a.Route}]++
		}
	}
	port := func(name string, route ArrowRoute) vg.Point {
		r, s := p.rect(p.cfg.Boxes[p.cfg.box(name)]), side{name, route}
		used[s]++
		at := vg.Point{X: r.Min.X + (r.Max.X-r.Min.X)*vg.Length(used[s])/vg.Length(ends[s]+1), Y: r.Min.Y}
		if route == Above {
			at.Y = r.Max.Y
		}
		return at
	}
	var all [][]vg.Point
	for i, a := range p.cfg.Arrows {
		if a.Route == Straight {
			all = append(all, p.straight(a))
			continue
		}
		from, to := port(a.From, a.Route), port(a.To, a.Route)
		y := p.origin.Y - p.lanes[lane(i)]
		all = append(all, []vg.Point{from, {X: from.X, Y: y}, {X: to.X, Y: y}, to})
	}
	return all
}

// straight is the line between two boxes: level or upright where they face each other, from side to side elsewhere.
func (p diagramPainter) straight(a DiagramArrow) []vg.Point {
	f, t := p.rect(p.cfg.Boxes[p.cfg.box(a.From)]), p.rect(p.cfg.Boxes[p.cfg.box(a.To)])
	apart := vg.Length(0) // of two arrows between the same boxes
	if slices.ContainsFunc(p.cfg.Arrows, func(other DiagramArrow) bool {
		return other.Route == Straight && other.From == a.To && other.To == a.From
	}) {
		apart = 5
		if p.cfg.box(a.From) > p.cfg.box(a.To) {
			apart = -5
		}
	}
	near := func(low, high, low2, high2 vg.Length) (x, x2 vg.Length) { // the sides that face each other
		if high <= low2 {
			return high, low2
		}
		return low, high2
	}
	fx, tx := near(f.Min.X, f.Max.X, t.Min.X, t.Max.X)
	fy, ty := near(f.Min.Y, f.Max.Y, t.Min.Y, t.Max.Y)
	switch {
	case min(f.Max.Y, t.Max.Y) > max(f.Min.Y, t.Min.Y):
		y := (min(f.Max.Y, t.Max.Y)+max(f.Min.Y, t.Min.Y))/2 + apart
		return []vg.Point{{X: fx, Y: y}, {X: tx, Y: y}}
	case min(f.Max.X, t.Max.X) > max(f.Min.X, t.Min.X):
		x := (min(f.Max.X, t.Max.X)+max(f.Min.X, t.Min.X))/2 + apart
		return []vg.Point{{X: x, Y: fy}, {X: x, Y: ty}}
	}
	return []vg.Point{{X: fx, Y: (f.Min.Y+f.Max.Y)/2 + apart}, {X: tx, Y: (t.Min.Y+t.Max.Y)/2 + apart}}
}

func (p diagramPainter) arrow(a DiagramArrow, path []vg.Point) {
	tip, before := path[len(path)-1], path[len(path)-2]
	along := tip.Sub(before)
	length := vg.Length(math.Hypot(float64(along.X), float64(along.Y)))
	if length == 0 {
		return
	}
	along = along.Scale(1 / length)
	foot := tip.Sub(along.Scale(min(headLength, length)))
	across := vg.Point{X: -along.Y, Y: along.X}.Scale(headLength / 2)
	var dashes []vg.Length
	if a.Dashed {
		dashes = []vg.Length{4, 3}
	}
	p.line(axisColor, 1.2, dashes, append(slices.Clone(path[:len(path)-1]), foot)...)
	p.fill(axisColor, tip, foot.Add(across), foot.Sub(across))
}

// label writes an arrow's label above its level part, below that of one that goes around below, or to the right of an upright one.
func (p diagramPainter) label(a DiagramArrow, path []vg.Point) {
	from, to := path[0], path[1]
	if a.Route != Straight {
		from, to = path[1], path[2]
	}
	middle := from.Add(to).Scale(0.5)
	if from.X == to.X && a.Route == Straight {
		p.text(detailStyle, oneLine(a.Label), middle.Add(vg.Point{X: 5}), atStart, atMiddle, 0)
		return
	}
	room := max(from.X, to.X) - min(from.X, to.X) - headLength
	if a.Route != Straight {
		room = p.Max.X - p.Min.X - 2*margin
		half := min(room, detailStyle.width(oneLine(a.Label))) / 2
		middle.X = min(max(middle.X, p.Min.X+margin+half), p.Max.X-margin-half)
	}
	text := detailStyle.fit(oneLine(a.Label), room)
	if a.Route == Below {
		p.text(detailStyle, text, middle.Sub(vg.Point{Y: 4}), atMiddle, atEnd, 0)
		return
	}
	p.text(detailStyle, text, middle.Add(vg.Point{Y: 4}), atMiddle, atStart, 0)
}
