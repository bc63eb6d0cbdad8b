package plots

import (
	"cmp"
	"errors"
	"fmt"
	"image/color"

	"gonum.org/v1/plot/vg"
)

// PointGroup is a set of points that look alike and share a line in the legend.
type PointGroup struct {
	Name string
	X, Y []float64 // of one length, finite

	// Labels, when not nil, holds a text for each point; points with "" get none.
	Labels []string

	// Color and Marker are chosen by the group's position when left out. Set them when the groups cross two
	// distinctions, such as the class (colour) and picture or text (marker).
	Color  color.Color
	Marker Marker
}

// ScatterConfig says what [Scatter] draws.
type ScatterConfig struct {
	Title          string
	XLabel, YLabel string // may be empty where the axes mean nothing, as for t-SNE
	Groups         []PointGroup

	// Join holds pairs of group indices: the i-th points of both groups are joined by a thin line, such as each
	// picture with its caption. Both groups must have the same number of points.
	Join [][2]int

	EqualScale bool // one unit is as long on both axes, as distances in a PCA map need
	HideTicks  bool // no numbers on the axes, where they mean nothing
}

// Scatter draws groups of points in the plane: a map of picture and text embeddings.
//
// Errors: no points at all, X, Y or Labels of different lengths, numbers that are not finite, a Join of groups that do
// not exist or have different sizes, several groups that the legend cannot tell apart.
func Scatter(cfg ScatterConfig) (*Figure, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("scatter %q: %w", cfg.Title, err)
	}
	x, y := emptySpan(), emptySpan()
	for _, g := range cfg.Groups {
		x.add(g.X...)
		y.add(g.Y...)
	}
	axes := xyAxes{xLabel: cfg.XLabel, yLabel: cfg.YLabel, hideTicks: cfg.HideTicks, equalScale: cfg.EqualScale,
		x: x.padded(0.04, false), y: y.padded(0.05, false)}

	return &Figure{title: cfg.Title, layout: func(width vg.Length) (vg.Length, painter) {
		head := newHeader(cfg.Title, cfg.legend(), width)
		bodyHeight := min(0.72*width, 600)
		return head.height + bodyHeight, func(c canvas) {
			axes.paint(head.paint(c).body(), cfg.paint)
		}
	}}, nil
}

func (cfg ScatterConfig) check() error {
	var names []string
	points := 0
	for _, g := range cfg.Groups {
		names = append(names, g.Name)
		points += len(g.X)
		what := fmt.Sprintf("group %q", g.Name)
		if len(g.X) != len(g.Y) {
			return fmt.Errorf("%s: expected as many x as y values, found %d and %d", what, len(g.X), len(g.Y))
		}
		if g.Labels != nil && len(g.Labels) != len(g.X) {
			return fmt.Errorf("%s: expected %d labels (empty ones for points without), found %d",
				what, len(g.X), len(g.Labels))
		}
		if g.Marker < AutoMarker || int(g.Marker) > markerCount {
			return fmt.Errorf("%s: expected one of the markers of this package, found Marker(%d)", what, g.Marker)
		}
		if err := cmp.Or(checkFinite(what+", x", g.X), checkFinite(what+", y", g.Y)); err != nil {
			return err
		}
	}
	if points == 0 {
		return errors.New("expected at least one point, found none")
	}
	for _, j := range cfg.Join {
		for _, g := range j {
			if g < 0 || g >= len(cfg.Groups) {
				return fmt.Errorf("expected Join to hold indices of the %d groups, found %d", len(cfg.Groups), g)
			}
		}
		if a, b := cfg.Groups[j[0]], cfg.Groups[j[1]]; len(a.X) != len(b.X) {
			return fmt.Errorf("expected groups of one size to join, found %q with %d and %q with %d points",
				a.Name, len(a.X), b.Name, len(b.X))
		}
	}
	return checkNames("group", names)
}

// look returns the group's colour and marker, and the radius for this many points on the figure.
func (cfg ScatterConfig) look(i int) (color.Color, Marker, vg.Length) {
	g := cfg.Groups[i]
	col, marker := g.Color, g.Marker
	if col == nil {
		col = Category(i)
	}
	if marker == AutoMarker {
		// After eight groups the colours repeat, with the next marker.
		marker = Marker(1 + (i+i/len(okabeIto))%markerCount)
	}
	n := 0
	for _, g := range cfg.Groups {
		n += len(g.X)
	}
	switch {
	case n <= 100:
		return col, marker, 4
	case n <= 1000:
		return col, marker, 3
	default:
		return col, marker, 2.2
	}
}

func (cfg ScatterConfig) legend() []legendEntry {
	var entries []legendEntry
	for i, g := range cfg.Groups {
		if oneLine(g.Name) == "" {
			continue
		}
		col, marker, _ := cfg.look(i)
		entries = append(entries, legendEntry{g.Name, boxThumb, func(c canvas, box vg.Rectangle) {
			mid := vg.Point{X: box.Max.X - boxThumb/2, Y: (box.Min.Y + box.Max.Y) / 2}
			marker.paint(c, mid, 4, col)
		}})
	}
	return entries
}

func (cfg ScatterConfig) paint(c canvas, at func(x, y float64) vg.Point) {
	for _, j := range cfg.Join {
		a, b := cfg.Groups[j[0]], cfg.Groups[j[1]]
		for i := range a.X {
			c.line(color.NRGBA{A: 70}, 0.7, nil, at(a.X[i], a.Y[i]), at(b.X[i], b.Y[i]))
		}
	}
	var all []vg.Point
	var labels []pointLabel
	var radius vg.Length
	for i, g := range cfg.Groups {
		col, marker, r := cfg.look(i)
		radius = r
		for k := range g.X {
			p := at(g.X[k], g.Y[k])
			marker.paint(c, p, r, col)
			all = append(all, p)
			if g.Labels != nil && oneLine(g.Labels[k]) != "" {
				labels = append(labels, pointLabel{oneLine(g.Labels[k]), p})
			}
		}
	}
	placeLabels(c, labels, all, radius)
}
