package lesson

import (
	"cmp"
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/gonum/floats"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/plots"
)

// Flat are sets of vectors of one length below each other as functions of package plots take them: row-major [rows, cols].
func Flat(sets ...[][]float32) (data []float64, rows, cols int) {
	for _, vectors := range sets {
		for _, vector := range vectors {
			for _, x := range vector {
				data = append(data, float64(x))
			}
			rows, cols = rows+1, len(vector)
		}
	}
	return data, rows, cols
}

// joinedPairs are the pairs that a map of both modalities joins with lines. All would hide the points.
const joinedPairs = 16

// MapOfBoth draws a map of n pictures and, behind them, their n texts: points is [2n, 2], row-major. Lines join the first 16 pairs. The axes have no
// numbers, as distances in most maps mean nothing.
func MapOfBoth(title string, points []float64) (*plots.Figure, error) {
	return plots.Scatter(mapOfBoth(title, points))
}

func mapOfBoth(title string, points []float64) plots.ScatterConfig {
	x, y := columns(points)
	n := len(x) / 2
	k := min(joinedPairs, n)
	return plots.ScatterConfig{Title: title, EqualScale: true, HideTicks: true, Join: [][2]int{{2, 3}}, Groups: []plots.PointGroup{
		{Name: "pictures", X: x[k:n], Y: y[k:n], Color: paler(plots.Category(0)), Marker: plots.Circle},
		{Name: "texts", X: x[n+k:], Y: y[n+k:], Color: paler(plots.Category(1)), Marker: plots.Triangle},
		{Name: fmt.Sprintf("%d of the pictures", k), X: x[:k], Y: y[:k], Color: plots.Category(0), Marker: plots.Circle},
		{Name: "their texts", X: x[n : n+k], Y: y[n : n+k], Color: plots.Category(1), Marker: plots.Triangle},
	}}
}

// colouredValues is how many values of an attribute have a colour in a map.
const colouredValues = 8

// MapOfPictures draws a map of the first n pictures, points [n, 2] row-major, coloured by the first of [Pairs.Attributes]: the eight most frequent
// values, the others in grey. Scenes have the colours of what they show.
func (p *Pairs) MapOfPictures(title string, points []float64) (*plots.Figure, error) {
	return plots.Scatter(plots.ScatterConfig{Title: title, EqualScale: true, HideTicks: true, Groups: p.coloured(points)})
}

func (p *Pairs) coloured(points []float64) []plots.PointGroup {
	x, y := columns(points)
	attribute := p.Attributes()[0]
	values := p.frequent(attribute, len(x))
	groups := []plots.PointGroup{{Name: "others", Color: color.Gray{Y: 200}, Marker: plots.Circle}}
	for i, value := range values[:min(colouredValues, len(values))] {
		group := plots.PointGroup{Name: value, Color: plots.Category(i), Marker: plots.Circle}
		if p.model.Data == "scenes" {
			group.Color = scenes.Colour(value)
		}
		groups = append(groups, group)
	}
	for i := range x {
		value := p.Examples[i].Attributes[attribute]
		g := &groups[max(0, slices.IndexFunc(groups, func(g plots.PointGroup) bool { return g.Name == value }))]
		g.X, g.Y = append(g.X, x[i]), append(g.Y, y[i])
	}
	if len(groups[0].X) == 0 {
		return groups[1:]
	}
	return groups
}

// frequent are the values of an attribute that the first n pictures have, the most frequent first.
func (p *Pairs) frequent(attribute string, n int) (values []string) {
	counts := map[string]int{}
	for _, e := range p.Examples[:n] {
		if value := e.Attributes[attribute]; value != "" {
			if counts[value]++; counts[value] == 1 {
				values = append(values, value)
			}
		}
	}
	slices.SortStableFunc(values, func(a, b string) int { return cmp.Compare(counts[b], counts[a]) })
	return values
}

// columns are the two columns of points, [n, 2] row-major.
func columns(points []float64) (x, y []float64) {
	for i := 0; i+1 < len(points); i += 2 {
		x, y = append(x, points[i]), append(y, points[i+1])
	}
	return x, y
}

// paler is a colour mixed with white, for points that stand behind others.
func paler(c color.RGBA) color.RGBA {
	mix := func(v uint8) uint8 { return uint8((int(v) + 255) / 2) }
	return color.RGBA{R: mix(c.R), G: mix(c.G), B: mix(c.B), A: 255}
}

// GapAxes are the two directions from which the gap between pictures and texts is seen best: along it, and across it where the points are spread out most.
type GapAxes struct {
	Along, Across []float64 // of length 1
}

// NewGapAxes finds the axes of pairs of vectors; row i of both is a pair.
func NewGapAxes(images, texts [][]float32) GapAxes {
	data, rows, cols := Flat(images, texts)
	along := make([]float64, cols)
	for i := range rows {
		sign := 1.
		if i >= len(images) {
			sign = -1
		}
		floats.AddScaled(along, sign, data[i*cols:(i+1)*cols])
	}
	floats.Scale(1/floats.Norm(along, 2), along)
	for i := range rows {
		row := data[i*cols : (i+1)*cols]
		floats.AddScaled(row, -floats.Dot(row, along), along)
	}
	return GapAxes{along, Try(plots.PCA(data, rows, cols, 1)).Components}
}

// Map draws pictures and texts as seen along these axes, see [MapOfBoth].
func (a GapAxes) Map(title string, images, texts [][]float32) (*plots.Figure, error) {
	data, rows, cols := Flat(images, texts)
	var points []float64
	for i := range rows {
		row := data[i*cols : (i+1)*cols]
		points = append(points, floats.Dot(row, a.Along), floats.Dot(row, a.Across))
	}
	cfg := mapOfBoth(title, points)
	cfg.HideTicks, cfg.XLabel, cfg.YLabel = false, "along the gap", "across, where the spread is largest"
	return plots.Scatter(cfg)
}
