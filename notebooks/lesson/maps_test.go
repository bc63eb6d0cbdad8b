package lesson

import (
	"image/color"
	"math"
	"slices"
	"testing"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/plots"
)

func TestFlat(t *testing.T) {
	data, rows, cols := Flat([][]float32{{1, 2}}, [][]float32{{3, 4}, {5, 6}})
	if rows != 3 || cols != 2 || !slices.Equal(data, []float64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("found %v, %d x %d", data, rows, cols)
	}
}

// Four pictures and their texts as one map: the first of each joined, if there are no more than 16.
func TestMapOfBoth(t *testing.T) {
	var points []float64
	for i := range 40 { // 20 pairs
		points = append(points, float64(i), float64(-i))
	}
	cfg := mapOfBoth("a map", points)
	want := []struct {
		first float64
		n     int
	}{{16, 4}, {36, 4}, {0, 16}, {20, 16}}
	for i, g := range cfg.Groups {
		if len(g.X) != want[i].n || len(g.Y) != want[i].n || g.X[0] != want[i].first || g.Y[0] != -want[i].first {
			t.Errorf("group %d, %q: expected %d points from %g on, found x %v", i, g.Name, want[i].n, want[i].first, g.X)
		}
	}
	if _, err := MapOfBoth("a map", points); err != nil {
		t.Error(err)
	}
}

// Pictures right of texts; pairs differ up and down.
func TestGapAxes(t *testing.T) {
	images, texts := [][]float32{{1, 3, 0}, {1, -3, 0}}, [][]float32{{-1, 3, 0}, {-1, -3, 0}}
	axes := NewGapAxes(images, texts)
	for i, want := range []float64{1, 0, 0} {
		if math.Abs(axes.Along[i]-want) > 1e-12 || math.Abs(math.Abs(axes.Across[i])-[]float64{0, 1, 0}[i]) > 1e-12 {
			t.Fatalf("expected the first direction along and the second across, found %+v", axes)
		}
	}
	if _, err := axes.Map("a map", images, texts); err != nil {
		t.Error(err)
	}
}

// Pictures have the colour of what they show; what is rare, or has no attribute, is grey.
func TestMapOfPictures(t *testing.T) {
	var examples []datasets.Example
	for _, colour := range []string{"red", "blue", "blue", ""} {
		examples = append(examples, datasets.Example{Attributes: map[string]string{"colour": colour}})
	}
	p := &Pairs{&evaluate.Embedded{Examples: examples}, &TrainedCLIP{Data: "scenes"}}
	groups := p.coloured([]float64{0, 0, 1, 1, 2, 2, 3, 3})
	for i, want := range []plots.PointGroup{
		{Name: "others", X: []float64{3}, Color: color.Gray{Y: 200}},
		{Name: "blue", X: []float64{1, 2}, Color: scenes.Blue},
		{Name: "red", X: []float64{0}, Color: scenes.Red},
	} {
		if g := groups[i]; g.Name != want.Name || !slices.Equal(g.X, want.X) || g.Color != want.Color {
			t.Errorf("group %d: expected %+v, found %+v", i, want, g)
		}
	}
	if _, err := p.MapOfPictures("a map", []float64{0, 0, 1, 1}); err != nil { // without a picture that is grey
		t.Error(err)
	}
}
