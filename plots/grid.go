package plots

import (
	"errors"
	"fmt"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// GridConfig says what [Grid] draws.
type GridConfig struct {
	Title   string
	Figures []*Figure // from the top left, row by row
	PerRow  int       // figures beside each other, fewer where they would be too narrow; 2 when 0
}

// gridGap is between figures, which have blank edges of their own.
const gridGap = 6 * pixel

// Grid puts figures beside and below each other: small multiples, such as the curves of one run. Each is laid out for its share of
// the width; a row is as high as its highest figure.
//
// Errors: no figures or an empty one among them, fewer than 0 beside each other.
func Grid(cfg GridConfig) (*Figure, error) {
	if len(cfg.Figures) == 0 || cfg.PerRow < 0 {
		return nil, fmt.Errorf("grid %q: expected at least one figure and 1 or more beside each other (0 for two), found %d and %d", cfg.Title, len(cfg.Figures), cfg.PerRow)
	}
	photos := false
	for _, f := range cfg.Figures {
		if f == nil || f.layout == nil {
			return nil, fmt.Errorf("grid %q: %w", cfg.Title, errors.New("expected figures made by functions of package plots, found an empty one"))
		}
		photos = photos || f.photos
	}
	if cfg.PerRow == 0 {
		cfg.PerRow = 2
	}
	return &Figure{title: cfg.Title, layout: cfg.layout, photos: photos}, nil
}

func (cfg GridConfig) layout(width vg.Length) (vg.Length, painter) {
	perRow := max(1, min(cfg.PerRow, len(cfg.Figures), int((width+gridGap)/(minWidth+gridGap))))
	each := snap((width - vg.Length(perRow-1)*gridGap) / vg.Length(perRow))
	head := newHeader(cfg.Title, nil, width)
	type placed struct {
		left, top, height vg.Length // from the top left
		paint             painter
	}
	var all []placed
	bottom := snapUp(head.height)
	for first := 0; first < len(cfg.Figures); first += perRow {
		var highest vg.Length
		for i, f := range cfg.Figures[first:min(first+perRow, len(cfg.Figures))] {
			height, paint := f.layout(each)
			height = snapUp(height)
			all = append(all, placed{vg.Length(i) * (each + gridGap), bottom, height, paint})
			highest = max(highest, height)
		}
		bottom += highest
	}
	return bottom, func(c canvas) {
		head.paint(c)
		for _, p := range all {
			c.Push()
			c.Translate(vg.Point{X: c.Min.X + p.left, Y: c.Max.Y - p.top - p.height})
			part := c
			part.Canvas = draw.NewCanvas(c.Canvas.Canvas, each, p.height)
			p.paint(part)
			c.Pop()
		}
	}
}
