package plots

import (
	"cmp"
	"errors"
	"fmt"
	"image/color"

	"gonum.org/v1/plot/vg"
)

// Series is one curve.
type Series struct {
	Name string
	X, Y []float64 // of one length, finite

	// Low and High, both or neither, bound a band around the curve, such as the spread over seeds.
	Low, High []float64
}

// ReferenceLine is a horizontal line to read the curves against, such as the loss at chance.
type ReferenceLine struct {
	Label string
	Y     float64
}

// CurvesConfig says what [Curves] draws.
type CurvesConfig struct {
	Title          string
	XLabel, YLabel string // with units where there are any: "loss (nats)"
	Series         []Series
	References     []ReferenceLine
	LogX, LogY     bool      // logarithmic axes, for positive numbers
	WholeX         bool      // x counts something: no ticks between whole numbers
	XTicks         []float64 // where the x axis has its ticks; none for round numbers
}

// Curves draws series over a common x axis: loss, temperature, accuracy over steps. The axes hold all curves, bands
// and reference lines; the legend stands above them. A series of one point is drawn as a dot.
//
// Errors: no series or an empty one, X and Y of different lengths, numbers that are not finite, numbers that are not
// positive on a logarithmic axis, Low above High, missing axis labels, several series that the legend cannot tell apart.
func Curves(cfg CurvesConfig) (*Figure, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("curves %q: %w", cfg.Title, err)
	}
	x, y := emptySpan(), emptySpan()
	for _, s := range cfg.Series {
		x.add(s.X...)
		y.add(s.Y...)
		y.add(s.Low...)
		y.add(s.High...)
	}
	for _, r := range cfg.References {
		y.add(r.Y)
	}
	axes := xyAxes{xLabel: cfg.XLabel, yLabel: cfg.YLabel, logX: cfg.LogX, logY: cfg.LogY, wholeX: cfg.WholeX, ticksX: cfg.XTicks,
		x: x.padded(0.02, cfg.LogX), y: y.padded(0.05, cfg.LogY)}

	return &Figure{title: cfg.Title, layout: func(width vg.Length) (vg.Length, painter) {
		head := newHeader(cfg.Title, cfg.legend(), width)
		bodyHeight := min(max(0.5*width, 150), 420)
		return head.height + bodyHeight, func(c canvas) {
			axes.paint(head.paint(c).body(), cfg.paint)
		}
	}}, nil
}

func (cfg CurvesConfig) check() error {
	if len(cfg.Series) == 0 {
		return errors.New("expected at least one series, found none")
	}
	if oneLine(cfg.XLabel) == "" || oneLine(cfg.YLabel) == "" {
		return errors.New("expected labels for both axes, with units, in XLabel and YLabel; found an empty one")
	}
	if err := cmp.Or(checkFinite("ticks of x", cfg.XTicks), checkPositive(cfg.LogX, "ticks of x", cfg.XTicks)); err != nil {
		return err
	}
	names := make([]string, len(cfg.Series))
	for i, s := range cfg.Series {
		names[i] = s.Name
		what := fmt.Sprintf("series %q", s.Name)
		if len(s.X) != len(s.Y) || len(s.X) == 0 {
			return fmt.Errorf("%s: expected as many x as y values, and at least one, found %d and %d",
				what, len(s.X), len(s.Y))
		}
		if err := cmp.Or(checkFinite(what+", x", s.X), checkFinite(what+", y", s.Y)); err != nil {
			return err
		}
		if err := checkBand(what, len(s.X), s.Low, s.High); err != nil {
			return err
		}
		if err := checkPositive(cfg.LogX, what+", x", s.X); err != nil {
			return err
		}
		for _, ys := range [][]float64{s.Y, s.Low, s.High} {
			if err := checkPositive(cfg.LogY, what+", y", ys); err != nil {
				return err
			}
		}
	}
	for _, r := range cfg.References {
		what := fmt.Sprintf("reference line %q", r.Label)
		if oneLine(r.Label) == "" {
			return errors.New("expected a label for every reference line, found an empty one")
		}
		if err := cmp.Or(checkFinite(what, []float64{r.Y}), checkPositive(cfg.LogY, what, []float64{r.Y})); err != nil {
			return err
		}
	}
	return checkNames("series", names)
}

func checkPositive(log bool, what string, values []float64) error {
	if !log {
		return nil
	}
	for i, v := range values {
		if v <= 0 {
			return fmt.Errorf("%s: expected positive numbers for a logarithmic axis, found %g at index %d", what, v, i)
		}
	}
	return nil
}

// curveLook tells the i-th curve from the others: by colour, and by dashes once the colours repeat.
func curveLook(i int) (color.RGBA, []vg.Length) {
	dashes := [][]vg.Length{nil, {6, 2}, {2, 2}, {8, 2, 2, 2}}
	return Category(i), dashes[(i/len(okabeIto))%len(dashes)]
}

// Reference lines are grey, each with dashes of its own.
func referenceDashes(i int) []vg.Length {
	dashes := [][]vg.Length{{5, 3}, {1.5, 2}, {8, 3, 1.5, 3}}
	return dashes[i%len(dashes)]
}

const curveWidth = 1.6 * vg.Length(1)

func (cfg CurvesConfig) paint(c canvas, at func(x, y float64) vg.Point) {
	for i, s := range cfg.Series {
		if len(s.Low) < 2 {
			continue
		}
		col, _ := curveLook(i)
		var ring []vg.Point
		for j, x := range s.X {
			ring = append(ring, at(x, s.High[j]))
		}
		for j := len(s.X) - 1; j >= 0; j-- {
			ring = append(ring, at(s.X[j], s.Low[j]))
		}
		c.fill(translucent(col, 0.2), ring...)
	}
	for i, r := range cfg.References {
		y := at(cfg.Series[0].X[0], r.Y).Y
		c.line(axisColor, 1.1, referenceDashes(i), vg.Point{X: c.Min.X, Y: y}, vg.Point{X: c.Max.X, Y: y})
	}
	for i, s := range cfg.Series {
		col, dashes := curveLook(i)
		points := make([]vg.Point, len(s.X))
		for j := range s.X {
			points[j] = at(s.X[j], s.Y[j])
		}
		if len(points) == 1 {
			if s.Low != nil {
				c.line(col, 1, nil, at(s.X[0], s.Low[0]), at(s.X[0], s.High[0]))
			}
			Circle.paint(c, points[0], 3, col)
			continue
		}
		c.line(col, curveWidth, dashes, points...)
	}
}

func (cfg CurvesConfig) legend() []legendEntry {
	var entries []legendEntry
	for i, s := range cfg.Series {
		if oneLine(s.Name) == "" {
			continue
		}
		col, dashes := curveLook(i)
		entries = append(entries, legendEntry{s.Name, lineThumb, func(c canvas, box vg.Rectangle) {
			if s.Low != nil {
				c.box(translucent(col, 0.2), box)
			}
			paintLineThumb(c, box, col, curveWidth, dashes)
		}})
	}
	for i, r := range cfg.References {
		entries = append(entries, legendEntry{r.Label, lineThumb, func(c canvas, box vg.Rectangle) {
			paintLineThumb(c, box, axisColor, 1.1, referenceDashes(i))
		}})
	}
	return entries
}

func paintLineThumb(c canvas, box vg.Rectangle, col color.Color, width vg.Length, dashes []vg.Length) {
	y := (box.Min.Y + box.Max.Y) / 2
	c.line(col, width, dashes, vg.Point{X: box.Min.X, Y: y}, vg.Point{X: box.Max.X, Y: y})
}
