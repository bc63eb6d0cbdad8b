package plots

import (
	"fmt"
	"image"
	"math"

	"gonum.org/v1/plot/vg"
)

// SheetPicture is a picture on a sheet.
type SheetPicture struct {
	Picture image.Image
	Note    string // small, below the picture
	Marked  bool   // with a frame around it
}

// SheetRow is a row of pictures with what there is to say of them.
type SheetRow struct {
	Heading  string         // above the pictures
	Pictures []SheetPicture // beside each other; of one row at most 12
	Lines    []string       // right of the pictures
}

// SheetConfig says what [Sheet] draws.
type SheetConfig struct {
	Title string
	Rows  []SheetRow
}

const (
	sheetGap  = 8 * vg.Length(1)
	sheetSide = 90 * vg.Length(1) // the longest side of a picture
	fewLetter = 120 * vg.Length(1)
)

// Sheet draws pictures in rows with texts: the texts that were found for each picture, or the pictures for each text. Texts that
// are too long for their place are wrapped and, after three lines, shortened.
//
// Errors: no rows, a row without a picture or with more than 12, a picture without a pixel.
func Sheet(cfg SheetConfig) (*Figure, error) {
	if len(cfg.Rows) == 0 {
		return nil, fmt.Errorf("sheet %q: expected at least one row, found none", cfg.Title)
	}
	for i, row := range cfg.Rows {
		if n := len(row.Pictures); n == 0 || n > maxPerRow {
			return nil, fmt.Errorf("sheet %q, row %d: expected 1 to %d pictures, found %d", cfg.Title, i, maxPerRow, n)
		}
		for _, p := range row.Pictures {
			if err := checkPicture(p.Picture); err != nil {
				return nil, fmt.Errorf("sheet %q, row %d: %w", cfg.Title, i, err)
			}
		}
	}
	return &Figure{title: cfg.Title, layout: cfg.layout, photos: true}, nil
}

func (cfg SheetConfig) layout(width vg.Length) (vg.Length, painter) {
	head := newHeader(cfg.Title, nil, width)
	height := snapUp(head.height)
	var rows []sheetRow
	for _, r := range cfg.Rows {
		row := newSheetRow(r, width)
		row.top = height
		rows = append(rows, row)
		height += row.height
	}
	return height + margin, func(c canvas) {
		head.paint(c)
		for _, r := range rows {
			r.paint(c)
		}
	}
}

// sheetRow is a row with everything in its place.
type sheetRow struct {
	SheetRow
	top, height vg.Length // from the top of the sheet
	side        vg.Length // of the square that a picture has for itself
	heading     []string
	notes       [][]string // by picture
	lines       [][]string // by line, wrapped
}

func newSheetRow(row SheetRow, width vg.Length) sheetRow {
	r := sheetRow{SheetRow: row}
	inner, n := width-2*margin, vg.Length(len(row.Pictures))
	forPictures := inner
	if len(row.Lines) > 0 {
		forPictures = max(inner-fewLetter, inner/2)
	}
	r.side = snap(min(sheetSide, (forPictures-(n-1)*sheetGap)/n))
	r.heading = subtitleStyle.wrap(oneLine(row.Heading), inner, 3)
	below, beside := 0, 0
	for _, p := range row.Pictures {
		note := noteStyle.wrap(oneLine(p.Note), r.side+sheetGap-2, 3)
		r.notes, below = append(r.notes, note), max(below, len(note))
	}
	for _, line := range row.Lines {
		wrapped := tickStyle.wrap(oneLine(line), inner-n*(r.side+sheetGap), 3)
		r.lines, beside = append(r.lines, wrapped), beside+len(wrapped)
	}
	body := max(r.side+4+vg.Length(below)*noteStyle.line(), vg.Length(beside)*tickStyle.line())
	r.height = snapUp(vg.Length(len(r.heading))*subtitleStyle.line() + 4 + body + sheetGap)
	return r
}

func (r sheetRow) paint(c canvas) {
	y := c.Max.Y - r.top
	for _, line := range r.heading {
		c.text(subtitleStyle, line, vg.Point{X: margin, Y: y}, atStart, atEnd, 0)
		y -= subtitleStyle.line()
	}
	y = snap(y - 4)
	x := margin
	for i, p := range r.Pictures {
		fit := fitInto(p.Picture.Bounds().Size(), r.side, r.side)
		dots := func(l vg.Length) int { return max(1, int(math.Round(l.Dots(c.dpi)))) }
		lower := vg.Point{X: x, Y: y - fit.Y}
		box := vg.Rectangle{Min: lower, Max: lower.Add(fit)}
		c.DrawImage(box, onWhite(p.Picture, image.Point{X: dots(fit.X), Y: dots(fit.Y)}))
		if p.Marked {
			c.frame(Category(2), 2.5, box)
		}
		for k, line := range r.notes[i] {
			c.text(noteStyle, line, vg.Point{X: x, Y: y - r.side - 4 - vg.Length(k)*noteStyle.line()}, atStart, atEnd, 0)
		}
		x += r.side + sheetGap
	}
	for _, wrapped := range r.lines {
		for _, line := range wrapped {
			c.text(tickStyle, line, vg.Point{X: x, Y: y}, atStart, atEnd, 0)
			y -= tickStyle.line()
		}
	}
}
