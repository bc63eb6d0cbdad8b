package history

import (
	"fmt"
	"math"

	"github.com/glimpse-ml/glimpse/plots"
)

// points is how many points of a curve are drawn: more cannot be told apart in a figure.
const points = 500

// Overlay draws the curve called name of several runs over one axis: that of a group of several seeds as the mean of the steps
// that all of its runs have recorded, with a band from the least to the greatest. Runs without the curve are left out; the
// figure is nil when there is none at all. curves holds those of each run.
func Overlay(curves [][]Curve, groups []Group, name string) (*plots.Figure, error) {
	cfg := plots.CurvesConfig{Title: name, XLabel: "step", YLabel: name}
	for _, g := range groups {
		var found []Curve
		for _, i := range g.Runs {
			if c, ok := Find(curves[i], name); ok {
				found = append(found, c)
			}
		}
		switch s := band(found); {
		case len(s.X) == 0:
		default:
			s.Name = g.Name
			if n := len(found); n > 1 && n < len(g.Runs) {
				s.Name = fmt.Sprintf("%s (%d of them here)", g.Name, n)
			}
			cfg.Series = append(cfg.Series, s)
		}
	}
	if len(cfg.Series) == 0 {
		return nil, nil
	}
	return plots.Curves(cfg)
}

// Draw draws one curve.
func Draw(c Curve) (*plots.Figure, error) {
	return plots.Curves(plots.CurvesConfig{Title: c.Name, XLabel: "step", YLabel: c.Name, Series: []plots.Series{band([]Curve{c})}})
}

// band is the mean of curves where all have a value, and from the least to the greatest.
func band(curves []Curve) plots.Series {
	if len(curves) == 0 {
		return plots.Series{}
	}
	mean, low, high := Curve{}, Curve{}, Curve{}
	values := make([]map[float64]float64, len(curves))
	for i, c := range curves {
		values[i] = map[float64]float64{}
		for j, step := range c.Steps {
			values[i][step] = c.Values[j]
		}
	}
steps:
	for _, step := range curves[0].Steps {
		sum, least, greatest := 0.0, math.Inf(1), math.Inf(-1)
		for i := range values {
			v, ok := values[i][step]
			if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
				continue steps
			}
			sum, least, greatest = sum+v, min(least, v), max(greatest, v)
		}
		mean.Steps, mean.Values = append(mean.Steps, step), append(mean.Values, sum/float64(len(curves)))
		low.Steps, low.Values = append(low.Steps, step), append(low.Values, least)
		high.Steps, high.Values = append(high.Steps, step), append(high.Values, greatest)
	}
	mean = mean.Thin(points)
	s := plots.Series{X: mean.Steps, Y: mean.Values}
	if len(curves) > 1 {
		s.Low, s.High = low.Thin(points).Values, high.Thin(points).Values
		for i, v := range s.Y { // rounding of sums must not put a mean outside
			s.Low[i], s.High[i] = min(s.Low[i], v), max(s.High[i], v)
		}
	}
	return s
}
