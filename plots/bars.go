package plots

import (
	"cmp"
	"errors"
	"fmt"
	"image/color"

	"gonum.org/v1/plot/vg"
)

// BarSeries is one bar in each category.
type BarSeries struct {
	Name   string
	Values []float64 // one for each category, finite

	// Low and High, both or neither, are the ends of the error bars, such as 95% intervals.
	Low, High []float64
}

// BarsConfig says what [Bars] draws.
type BarsConfig struct {
	Title          string
	XLabel, YLabel string // say in one of them what the error bars are: "accuracy (95% interval)"
	Categories     []string
	Series         []BarSeries

	// Chance is what guessing reaches: one number for all categories or one for each. It is drawn as a dashed line.
	Chance      []float64
	ChanceLabel string // "chance" when empty

	Percent bool // values are fractions, shown as percentages
}

// Bars draws grouped bars from zero, with error bars and the value above each bar where there is room for it:
// zero-shot accuracy, recall@k against chance. Names of categories that are too long for their place are turned
// upright.
//
// Errors: no categories or series, a series without one value for each category, numbers that are not finite, Low
// above High, a wrong number of chances, a missing y label, several series that the legend cannot tell apart.
func Bars(cfg BarsConfig) (*Figure, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("bars %q: %w", cfg.Title, err)
	}
	cfg.ChanceLabel = cmp.Or(oneLine(cfg.ChanceLabel), "chance")
	y := emptySpan()
	y.add(0)
	y.add(cfg.Chance...)
	for _, s := range cfg.Series {
		y.add(s.Values...)
		y.add(s.Low...)
		y.add(s.High...)
	}
	if y.min == y.max {
		y.max = 1
	}
	axes := xyAxes{xLabel: cfg.XLabel, yLabel: cfg.YLabel, percentY: cfg.Percent,
		x: span{-0.5, float64(len(cfg.Categories)) - 0.5}}

	return &Figure{title: cfg.Title, layout: func(width vg.Length) (vg.Length, painter) {
		head := newHeader(cfg.Title, cfg.legend(), width)
		pitch := (width - 60) / vg.Length(len(cfg.Categories))
		labels := newTickLabels(oneLines(cfg.Categories), pitch, 130)
		bodyHeight := min(max(0.45*width, 130), 400) + labels.height
		return head.height + bodyHeight, func(c canvas) {
			axes := axes
			axes.names = &labels
			axes.y = withRoom(y, 14, bodyHeight-labels.height-50)
			axes.paint(head.paint(c).body(), cfg.paint)
		}
	}}, nil
}

// withRoom widens the span on the sides where bars go, so that a value fits beyond their ends: room of height is the
// share that one value takes.
func withRoom(y span, room, height vg.Length) span {
	share := float64(room / height)
	sides := 0.0
	if y.max > 0 {
		sides++
	}
	if y.min < 0 {
		sides++
	}
	extra := (y.max - y.min) * share / (1 - sides*share)
	if y.max > 0 {
		y.max += extra
	}
	if y.min < 0 {
		y.min -= extra
	}
	return y
}

func (cfg BarsConfig) check() error {
	n := len(cfg.Categories)
	if n == 0 || len(cfg.Series) == 0 {
		return fmt.Errorf("expected at least one category and one series, found %d and %d", n, len(cfg.Series))
	}
	if oneLine(cfg.YLabel) == "" {
		return errors.New("expected a label for the y axis, with its unit, found an empty one")
	}
	var names []string
	for _, s := range cfg.Series {
		names = append(names, s.Name)
		what := fmt.Sprintf("series %q", s.Name)
		if len(s.Values) != n {
			return fmt.Errorf("%s: expected a value for each of the %d categories, found %d", what, n, len(s.Values))
		}
		if err := cmp.Or(checkFinite(what, s.Values), checkBand(what, n, s.Low, s.High)); err != nil {
			return err
		}
	}
	if k := len(cfg.Chance); k > 1 && k != n {
		return fmt.Errorf("expected one chance for all categories or one for each of the %d, found %d", n, k)
	}
	return cmp.Or(checkFinite("chance", cfg.Chance), checkNames("series", names))
}

func (cfg BarsConfig) legend() []legendEntry {
	var entries []legendEntry
	for i, s := range cfg.Series {
		if oneLine(s.Name) == "" {
			continue
		}
		entries = append(entries, legendEntry{s.Name, boxThumb, func(c canvas, box vg.Rectangle) {
			c.box(Category(i), box)
		}})
	}
	if len(cfg.Chance) > 0 {
		entries = append(entries, legendEntry{cfg.ChanceLabel, lineThumb, func(c canvas, box vg.Rectangle) {
			paintLineThumb(c, box, inkColor, 1.3, referenceDashes(0))
		}})
	}
	return entries
}

// A category is one unit wide; its bars fill this much of it.
const barShare = 0.8

func (cfg BarsConfig) paint(c canvas, at func(x, y float64) vg.Point) {
	each := barShare / float64(len(cfg.Series))
	for i, s := range cfg.Series {
		for k, v := range s.Values {
			x := float64(k) - barShare/2 + float64(i)*each
			lo, hi := at(x+0.04*each, 0), at(x+0.96*each, v)
			c.box(Category(i), vg.Rectangle{Min: lo, Max: hi})
			end := v
			if s.Low != nil {
				c.errorBar(at(x+each/2, s.Low[k]), at(x+each/2, s.High[k]), min(4, 0.25*(hi.X-lo.X)))
				if end = s.High[k]; v < 0 {
					end = s.Low[k]
				}
			}
			cfg.paintValue(c, at(x+each/2, end), v, hi.X-lo.X)
		}
	}
	last := float64(len(cfg.Categories)) - 0.5
	c.line(axisColor, 0.75, nil, at(-0.5, 0), at(last, 0))
	if len(cfg.Chance) == 1 {
		c.line(inkColor, 1.3, referenceDashes(0), at(-0.5, cfg.Chance[0]), at(last, cfg.Chance[0]))
		return
	}
	for k, v := range cfg.Chance {
		c.line(inkColor, 1.3, referenceDashes(0), at(float64(k)-0.46, v), at(float64(k)+0.46, v))
	}
}

// paintValue writes the value beyond the end of its bar, if the letters are not much wider than the bar.
func (cfg BarsConfig) paintValue(c canvas, p vg.Point, v float64, barWidth vg.Length) {
	txt := tickText(v, 0.01)
	if cfg.Percent {
		txt = tickText(100*v, 0.1) + "%"
	}
	small := tickStyle
	small.size = 8
	if small.width(txt) > barWidth*1.05 {
		return
	}
	if v < 0 {
		c.text(small, txt, vg.Point{X: p.X, Y: p.Y - 3}, atMiddle, atEnd, 0)
	} else {
		c.text(small, txt, vg.Point{X: p.X, Y: p.Y + 3}, atMiddle, atStart, 0)
	}
}

// errorBar draws an interval with caps; a white rim keeps it visible on dark bars.
func (c canvas) errorBar(lo, hi vg.Point, cap vg.Length) {
	for _, pen := range []struct {
		col   color.Color
		width vg.Length
	}{{color.NRGBA{R: 255, G: 255, B: 255, A: 160}, 2.6}, {inkColor, 1}} {
		c.line(pen.col, pen.width, nil, lo, hi)
		for _, p := range []vg.Point{lo, hi} {
			c.line(pen.col, pen.width, nil, vg.Point{X: p.X - cap, Y: p.Y}, vg.Point{X: p.X + cap, Y: p.Y})
		}
	}
}
