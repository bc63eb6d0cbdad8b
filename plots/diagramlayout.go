package plots

import (
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
)

const (
	boxPadX, boxPadY = 8 * vg.Length(1), 6 * vg.Length(1)
	minColumn        = 44 * vg.Length(1)
	columnGap        = 28 * vg.Length(1)
	rowGap           = 24 * vg.Length(1)
	laneGap          = 13 * vg.Length(1) // between a box and an arrow that passes it, and between two such
	stackStep        = 4 * vg.Length(1)
	headLength       = 6 * vg.Length(1) // of an arrow's head
	maxBoxLines      = 6
)

// diagramLayout is a diagram with all places. Lengths downwards are from the top of the part below title and legend.
type diagramLayout struct {
	cfg    DiagramConfig
	left   []vg.Length // of each column
	width  []vg.Length
	top    []vg.Length // of each row
	height []vg.Length
	bottom vg.Length // of everything
	lanes  map[lane]vg.Length
	lines  [][]textLine // of each box
}

// lane is where an arrow passes above or below a row, by the index of the arrow.
type lane int

type textLine struct {
	text  string
	style style
}

var (
	boxStyle    = labelStyle
	detailStyle = style{size: 9, color: axisColor}
)

func (cfg DiagramConfig) place(inner vg.Length) *diagramLayout {
	d := &diagramLayout{cfg: cfg, lanes: map[lane]vg.Length{}}
	d.placeColumns(inner)
	d.placeRows()
	return d
}

// matrixSide is how large a box's matrix is drawn.
func (b DiagramBox) matrixSide() vg.Length { return vg.Length(b.Matrix) * b.matrixCell() }

func (b DiagramBox) matrixCell() vg.Length {
	if b.Matrix == 0 {
		return 0
	}
	return min(15, max(7, 84/vg.Length(b.Matrix)))
}

// wanted is the width that a box's text has on its own lines.
func (b DiagramBox) wanted() vg.Length {
	w := b.matrixSide()
	for i, line := range strings.Split(b.Text, "\n") {
		w = max(w, lineStyle(i).width(oneLine(line)))
	}
	return w + 2*boxPadX + b.stack()
}

// stack is the room that the boxes behind a box take, at its top and right.
func (b DiagramBox) stack() vg.Length {
	if b.Stack {
		return 2 * stackStep
	}
	return 0
}

func lineStyle(i int) style {
	if i == 0 {
		return boxStyle
	}
	return detailStyle
}

func (d *diagramLayout) placeColumns(inner vg.Length) {
	columns := 0
	for _, b := range d.cfg.Boxes {
		columns = max(columns, b.Column+b.Columns)
	}
	d.width, d.left = make([]vg.Length, columns), make([]vg.Length, columns)
	gaps := d.columnGaps(columns, inner)
	for c := range d.width {
		d.width[c] = minColumn
	}
	wide := slices.Clone(d.cfg.Boxes)
	slices.SortStableFunc(wide, func(a, b DiagramBox) int { return a.Columns - b.Columns })
	for _, b := range wide { // those of several columns last: they widen their last one, where it takes that
		last := b.Column + b.Columns - 1
		have := sum(d.width[b.Column:last]) + sum(gaps[b.Column:last])
		d.width[last] = max(d.width[last], b.wanted()-have)
	}
	room := inner - sum(gaps)
	shrink(d.width, room)
	if rest := room - sum(d.width); rest > 0 && columns > 1 {
		more := min(rest/vg.Length(columns-1), 40)
		for c := range gaps {
			gaps[c] += more
		}
	}
	x := (inner - sum(gaps) - sum(d.width)) / 2
	for c := range d.width {
		d.left[c] = x
		x += d.width[c]
		if c < len(gaps) {
			x += gaps[c]
		}
	}
}

// columnGaps are the gaps behind all columns but the last: wide enough for the labels of the arrows across them, but for half of the
// figure at most.
func (d *diagramLayout) columnGaps(columns int, inner vg.Length) []vg.Length {
	gaps := make([]vg.Length, columns-1)
	most := max(columnGap, inner/2/vg.Length(columns))
	for c := range gaps {
		gaps[c] = columnGap
	}
	for _, a := range d.cfg.Arrows {
		from, to := d.cfg.Boxes[d.cfg.box(a.From)], d.cfg.Boxes[d.cfg.box(a.To)]
		if from.Column > to.Column {
			from, to = to, from
		}
		if c := from.Column + from.Columns; a.Route == Straight && c == to.Column {
			gaps[c-1] = min(most, max(gaps[c-1], detailStyle.width(oneLine(a.Label))+2*headLength+4))
		}
	}
	return gaps
}

// shrink makes the widest columns narrower until all fit the room, as long as that leaves a word its place.
func shrink(widths []vg.Length, room vg.Length) {
	for cap := slices.Max(widths); cap > minColumn && sum(widths) > room; cap-- {
		for c := range widths {
			widths[c] = min(widths[c], cap)
		}
	}
	if all := sum(widths); all > room && room > 0 {
		for c := range widths {
			widths[c] *= room / all
		}
	}
}

func (d *diagramLayout) placeRows() {
	rows := 0
	for _, b := range d.cfg.Boxes {
		rows = max(rows, b.Row+b.Rows)
	}
	d.height, d.top = make([]vg.Length, rows), make([]vg.Length, rows)
	for r := range d.height {
		d.height[r] = boxStyle.line() + 2*boxPadY
	}
	gaps := d.rowGaps(rows)
	tall := slices.Clone(d.cfg.Boxes)
	slices.SortStableFunc(tall, func(a, b DiagramBox) int { return a.Rows - b.Rows })
	for _, b := range tall {
		last := b.Row + b.Rows - 1
		have := sum(d.height[b.Row:last]) + sum(gaps[b.Row+1:last+1])
		d.height[last] = max(d.height[last], d.boxHeight(b)-have)
	}
	for _, b := range d.cfg.Boxes {
		d.lines = append(d.lines, d.wrapped(b))
	}
	y := vg.Length(0)
	for r := range rows {
		y += gaps[r]
		d.top[r] = y
		y += d.height[r]
	}
	d.bottom = y + gaps[rows]
	d.placeLanes()
}

// rowGaps are the gaps above each row, and below the last: what lies between boxes, and the arrows that pass there.
func (d *diagramLayout) rowGaps(rows int) []vg.Length {
	gaps := make([]vg.Length, rows+1)
	for r := 1; r < rows; r++ {
		gaps[r] = rowGap
	}
	for _, a := range d.cfg.Arrows {
		if a.Route == Straight {
			from, to := d.cfg.Boxes[d.cfg.box(a.From)], d.cfg.Boxes[d.cfg.box(a.To)]
			for r := min(from.Row+from.Rows, to.Row+to.Rows); r < max(from.Row, to.Row)+1 && a.Label != ""; r++ {
				gaps[r] = max(gaps[r], rowGap+detailStyle.line())
			}
			continue
		}
		gaps[d.laneGapOf(a)] += laneHeight(a)
	}
	return gaps
}

// laneGapOf is the index of the gap that an arrow passes through.
func (d *diagramLayout) laneGapOf(a DiagramArrow) int {
	from, to := d.cfg.Boxes[d.cfg.box(a.From)], d.cfg.Boxes[d.cfg.box(a.To)]
	if a.Route == Above {
		return min(from.Row, to.Row)
	}
	return max(from.Row+from.Rows, to.Row+to.Rows)
}

func laneHeight(a DiagramArrow) vg.Length {
	if a.Label == "" {
		return laneGap
	}
	return laneGap + detailStyle.line()
}

// placeLanes puts each arrow that goes around at its height: the first of each side next to the row, its label beyond it.
func (d *diagramLayout) placeLanes() {
	below, above := map[int]vg.Length{}, map[int]vg.Length{}
	for i, a := range d.cfg.Arrows {
		gap := d.laneGapOf(a)
		switch a.Route {
		case Below:
			below[gap] += laneGap
			d.lanes[lane(i)] = d.top[gap-1] + d.height[gap-1] + below[gap]
			below[gap] += laneHeight(a) - laneGap
		case Above:
			above[gap] += laneGap
			d.lanes[lane(i)] = d.top[gap] - above[gap]
			above[gap] += laneHeight(a) - laneGap
		}
	}
}

func (d *diagramLayout) wrapped(b DiagramBox) (lines []textLine) {
	last := b.Column + b.Columns - 1
	room := d.left[last] + d.width[last] - d.left[b.Column] - 2*boxPadX - b.stack()
	for i, line := range strings.Split(b.Text, "\n") {
		for _, piece := range lineStyle(i).wrap(oneLine(line), room+0.01, maxBoxLines) {
			lines = append(lines, textLine{piece, lineStyle(i)})
		}
	}
	return lines
}

func (d *diagramLayout) boxHeight(b DiagramBox) vg.Length {
	h := 2*boxPadY + b.stack() + b.matrixSide()
	lines := d.wrapped(b)
	for _, line := range lines {
		h += line.style.line()
	}
	if b.Matrix > 0 && len(lines) > 0 {
		h += boxPadY
	}
	return h
}

func sum(lengths []vg.Length) (total vg.Length) {
	for _, l := range lengths {
		total += l
	}
	return total
}
