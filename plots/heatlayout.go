package plots

import (
	"slices"

	"gonum.org/v1/plot/vg"
)

const (
	heatGap      = 14 * vg.Length(1) // between panels
	heatTick     = 3 * vg.Length(1)
	maxCell      = 56 * vg.Length(1)
	maxHeatSide  = 520 * vg.Length(1) // of one panel's cells
	labelledCell = 14 * pixel         // a cell of which every row can have its label
	barWidth     = 12 * vg.Length(1)
	minBarHeight = 96 * vg.Length(1)
	minPanel     = 100 * vg.Length(1) // of the figure's width for each panel in a row, else fewer stand there
	rowLabelPart = 0.24               // of the figure's width, for all columns of panels together, at most
	colLabelPart = 0.26               // of the figure's width, likewise
	colLabelMax  = 120 * vg.Length(1)
)

// heatLayout is where the parts of a heat map lie. Panels fill rows from the top left; all have one cell size.
type heatLayout struct {
	cfg       HeatmapConfig
	head      header
	width     vg.Length
	height    vg.Length
	perRow    int
	cell      vg.Length
	rowLabels []vg.Length  // width of the row labels left of each column of panels
	left      []vg.Length  // where the cells of each column of panels begin, from the left
	right     vg.Length    // where the last column's cells end
	top       []vg.Length  // where the cells of each row of panels begin, from the top
	bottom    vg.Length    // where the last row's cells end
	foot      vg.Length    // height of the labels below them
	colLabels []tickLabels // of each panel
	titles    [][]string   // of each panel, wrapped
	bar       vg.Length    // height of the colour bar
}

// barTicks are the numbers at the colour bar.
var barTicks = linearTicks{n: 8}

func (cfg HeatmapConfig) layout(width vg.Length) (vg.Length, painter) {
	l := &heatLayout{cfg: cfg, head: newHeader(cfg.Title, nil, width), width: width,
		perRow: min(cfg.PerRow, len(cfg.Matrices), int(width/minPanel))}
	l.measureRowLabels()
	l.measureColumns()
	l.measureRows()
	return l.height, l.paint
}

// measureRowLabels gives each column of panels the room its row labels want, within a share of the width. A panel
// whose labels are those of the panel to its left does without.
func (l *heatLayout) measureRowLabels() {
	k := l.perRow
	l.rowLabels = make([]vg.Length, k)
	columns := 0
	for i, m := range l.cfg.Matrices {
		if !l.showsRowLabels(i) {
			continue
		}
		if l.rowLabels[i%k] == 0 {
			columns++
		}
		l.rowLabels[i%k] = max(l.rowLabels[i%k], tickStyle.widest(m.RowLabels)+heatTick+3)
	}
	for c, w := range l.rowLabels {
		l.rowLabels[c] = snapUp(min(w, rowLabelPart*l.width/vg.Length(columns)))
	}
}

func (l *heatLayout) showsRowLabels(i int) bool {
	return i%l.perRow == 0 || !slices.Equal(l.cfg.Matrices[i].RowLabels, l.cfg.Matrices[i-1].RowLabels)
}

// measureColumns finds the size of the cells and where each column of panels stands.
func (l *heatLayout) measureColumns() {
	k := l.perRow
	maxCols, maxRows, cols := make([]int, k), 0, 0
	for i, m := range l.cfg.Matrices {
		maxCols[i%k] = max(maxCols[i%k], len(m.Values[0]))
		maxRows = max(maxRows, len(m.Values))
	}
	free := l.width - 2*margin - l.yLabelWidth() - l.barSpace() - vg.Length(k-1)*heatGap
	for c := range k {
		free -= l.rowLabels[c]
		cols += maxCols[c]
	}
	side := maxHeatSide
	if l.cfg.LabelEveryRow && maxRows <= 64 {
		side = max(side, labelledCell*vg.Length(maxRows))
	}
	l.cell = min(free/vg.Length(cols), side/vg.Length(maxRows), maxCell)
	if l.cell > pixel {
		l.cell = snap(l.cell)
	}
	l.right = margin + l.yLabelWidth() - heatGap
	for c := range k {
		l.left = append(l.left, snapUp(l.right+heatGap+l.rowLabels[c]))
		l.right = l.left[c] + l.cell*vg.Length(maxCols[c])
	}
}

func (l *heatLayout) yLabelWidth() vg.Length {
	if oneLine(l.cfg.YLabel) == "" {
		return 0
	}
	return snapUp(labelStyle.line() + 2)
}

// barSpace is the width that the colour bar takes with its numbers and its label.
func (l *heatLayout) barSpace() vg.Length {
	w := heatGap + barWidth + 4
	var numbers []string
	for _, t := range barTicks.Ticks(l.cfg.Min, l.cfg.Max) {
		numbers = append(numbers, t.Label)
	}
	w += tickStyle.widest(numbers)
	if oneLine(l.cfg.ValueLabel) != "" {
		w += labelStyle.line() + 2
	}
	return w
}

// measureRows wraps the titles, chooses how the columns are labelled, and finds where each row of panels stands.
func (l *heatLayout) measureRows() {
	l.bottom = snapUp(l.head.height) - heatGap
	for first := 0; first < len(l.cfg.Matrices); first += l.perRow {
		var title, cells, foot vg.Length
		for i, m := range l.cfg.Matrices[first:min(first+l.perRow, len(l.cfg.Matrices))] {
			labels := newTickLabels(m.ColLabels, l.cell, min(colLabelMax, colLabelPart*l.width))
			lines := subtitleStyle.wrap(oneLine(m.Title), l.titleRoom(first, i), 3)
			l.colLabels, l.titles = append(l.colLabels, labels), append(l.titles, lines)
			title = max(title, vg.Length(len(lines))*subtitleStyle.line()+2)
			cells = max(cells, l.cell*vg.Length(len(m.Values)))
			foot = max(foot, labels.height+heatTick+4)
		}
		l.top = append(l.top, snapUp(l.bottom+l.foot+heatGap+title))
		l.bottom, l.foot = l.top[len(l.top)-1]+cells, foot
		if first == 0 {
			l.bar = snapUp(max(cells, minBarHeight))
		}
	}
	l.height = l.bottom + l.foot
	if oneLine(l.cfg.XLabel) != "" {
		l.height += labelStyle.line() + 2
	}
	l.height = max(l.height, l.top[0]+l.bar+tickStyle.size/2) + margin
}

// titleRoom is how wide a title may be: up to the next column of panels, or over the colour bar, which stands beside
// the first row.
func (l *heatLayout) titleRoom(first, column int) vg.Length {
	switch {
	case column+1 < l.perRow:
		return l.left[column+1] - l.rowLabels[column+1] - 4 - l.left[column]
	case first == 0:
		return l.right - l.left[column] + l.barSpace()
	default:
		return l.right - l.left[column] + heatGap - 4
	}
}
