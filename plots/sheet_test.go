package plots

import (
	"image"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
)

func TestSheetErrors(t *testing.T) {
	good := func() SheetConfig {
		return SheetConfig{Rows: []SheetRow{{Pictures: []SheetPicture{{Picture: image.NewRGBA(image.Rect(0, 0, 4, 4))}}}}}
	}
	if _, err := Sheet(good()); err != nil {
		t.Fatal(err)
	}
	for phrase, spoil := range map[string]func(*SheetConfig){
		"expected at least one row":    func(c *SheetConfig) { c.Rows = nil },
		"row 0: expected 1 to 12":      func(c *SheetConfig) { c.Rows[0].Pictures = nil },
		"pictures, found 13":           func(c *SheetConfig) { c.Rows[0].Pictures = make([]SheetPicture, 13) },
		"row 0: expected a picture of": func(c *SheetConfig) { c.Rows[0].Pictures[0].Picture = nil },
	} {
		cfg := good()
		spoil(&cfg)
		_, err := Sheet(cfg)
		checkSentence(t, err, phrase)
	}
}

// A row is high enough for its texts, and what is beside it stays within the width.
func TestSheetRowHoldsItsTexts(t *testing.T) {
	long := strings.Repeat("a long caption of many words ", 40)
	row := SheetRow{Heading: long, Pictures: make([]SheetPicture, 3), Lines: []string{long, long, long, long}}
	for i := range row.Pictures {
		row.Pictures[i] = SheetPicture{Picture: image.NewRGBA(image.Rect(0, 0, 40, 20)), Note: long}
	}
	for width := minWidth; width < 900; width += 83 {
		r := newSheetRow(row, width)
		beside := margin + 3*(r.side+sheetGap)
		for _, lines := range r.lines {
			if len(lines) > 3 || beside+tickStyle.widest(lines) > width-margin+1 {
				t.Errorf("width %g: a text of %d lines reaches to %g", width, len(lines), beside+tickStyle.widest(lines))
			}
		}
		below := r.height - r.side
		for _, note := range r.notes {
			below = min(below, r.height-r.side-4-vg.Length(len(note))*noteStyle.line())
		}
		if r.side <= 0 || below < vg.Length(len(r.heading))*subtitleStyle.line() {
			t.Errorf("width %g: pictures of %g do not fit into a row of %g", width, r.side, r.height)
		}
	}
}
