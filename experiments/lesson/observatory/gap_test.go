package observatory

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s: expected %g, found %g", what, want, got)
	}
}

// Pairs in two dimensions, by hand: pictures up and right, texts up and left.
func TestGapByHand(t *testing.T) {
	images := [][]float32{{1, 0}, {0, 1}, {1, 0}, {0, 1}}
	texts := [][]float32{{-1, 0}, {0, 1}, {-1, 0}, {0, 1}}
	g, err := gapOf(t.Context(), images, texts, 4)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "length", g.Length, 1, 1e-6)             // (0.5, 0.5) less (-0.5, 0.5)
	near(t, "pictures", g.Images, 1.0/3, 1e-6)       // of 6 couples 2 with cosine 1, 4 with 0
	near(t, "texts", g.Texts, 1.0/3, 1e-6)           //
	near(t, "pairs", g.Pairs, 0, 1e-6)               // -1, 1, -1, 1
	near(t, "others", g.Others, 0, 1e-6)             // of 12 two -1, two 1
	near(t, "variance", g.Variance, 1.0/3, 1e-6)     // common centroid (0, 0.5): the whole is 1 - 0.25, a quarter of 1 lies between
	near(t, "first axis", math.Abs(g.Axis), 1, 1e-6) // the x axis has the variance 0.5, the y axis 0.25
	if g.N != 4 {
		t.Errorf("expected 4 pairs, found %d", g.N)
	}
	if _, err := gapOf(t.Context(), images[:3], texts[:3], 3); err == nil {
		t.Error("expected too few pairs to be refused")
	}
}

// Two clouds that lie apart are told apart, two that do not are not.
func TestSeparable(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	cloud := func(n int, at float64) (rows [][]float32) {
		for range n {
			row := make([]float32, 6)
			for d := range row {
				row[d] = float32(rng.NormFloat64())
			}
			row[0] += float32(at)
			rows = append(rows, row)
		}
		return unit(rows)
	}
	for _, c := range []struct{ at, low, high float64 }{{6, 0.99, 1}, {0, 0.35, 0.65}} {
		p, err := separable(t.Context(), cloud(200, c.at), cloud(200, -c.at))
		if err != nil {
			t.Fatal(err)
		}
		if p.Value < c.low || p.Value > c.high || p.N != 200 {
			t.Errorf("%g apart: found %+v", 2*c.at, p)
		}
	}
}

func TestPairs(t *testing.T) {
	e := &evaluate.Embedded{Images: [][]float32{{2, 0}, {0, 1}, {1, 0}}, Texts: [][]float32{{0, 3}, {1, 0}, {0, 1}}, Owner: []int{0, 0, 2}}
	images, texts := pairsOf(e) // the second picture has no text
	if len(images) != 2 || len(texts) != 2 || images[0][0] != 1 || texts[0][1] != 1 || texts[1][1] != 1 {
		t.Errorf("found %v and %v", images, texts)
	}
}

func TestCones(t *testing.T) {
	right, up := [][]float32{{1, 0}, {1, 0}}, [][]float32{{0, 1}, {0, 1}}
	c := conesOf([][][]float32{right, up, right, right}, [][][]float32{up, up, up, up})
	near(t, "pictures", c.Images.Value, 1, 1e-9)
	near(t, "gap", c.Gap.Value, 0.75*math.Sqrt2, 1e-6)
	near(t, "image towers", c.ImageTower.Value, math.Sqrt2/2, 1e-6) // a right angle apart, and not at all
	near(t, "text towers", c.TextTower.Value, 0, 1e-9)
}

// Two pairs by hand, apart along one axis: closing the gap finds what it hid.
func TestShift(t *testing.T) {
	e := &evaluate.Embedded{
		Images: [][]float32{{1, 0, 0.5}, {0, 1, 0.5}}, Owner: []int{0, 1},
		Texts: [][]float32{{1, 0, -0.5}, {0, 1, -0.5}},
	}
	s := newShiftable(e, [][]float32{{0, 1, -0.5}, {1, 0, -0.5}}, []int{1, 1})
	out := shiftsOf(s, []float64{0, 0.5, 1}, []float64{0.1}, 2, 2)
	still := 2 * 0.5 / math.Sqrt(1.25)
	near(t, "gap", out.Shifts[0].Gap, still, 1e-6)
	near(t, "gap, closed", out.Shifts[1].Gap, 0, 1e-6)
	near(t, "gap, turned around", out.Shifts[2].Gap, -still, 1e-6)
	// Unit pictures and texts have the cosines (1 - 0.25)/1.25 = 0.6 and -0.25/1.25 = -0.2; closed 1 and 0.
	near(t, "loss", out.Shifts[0].Losses[0], math.Log(1+math.Exp(-2*0.8)), 1e-6)
	near(t, "loss at 0.1", out.Shifts[0].Losses[1], math.Log(1+math.Exp(-10*0.8)), 1e-6)
	near(t, "loss, closed", out.Shifts[1].Losses[0], math.Log(1+math.Exp(-2)), 1e-6)
	if z := out.Shifts[1].ZeroShot; z.N != 2 || z.Value != 0.5 || out.Shifts[1].At1.Value != 1 {
		t.Errorf("found %+v", out.Shifts[1])
	}
	if out.Closed.At1.Value != 0 || out.Closed.ZeroShot.N != 2 || out.Pairs != 2 || out.Texts != 2 {
		t.Errorf("found %+v", out)
	}
	near(t, "gap, centred", out.Centred.Gap, 0, 1e-6)
}

func TestRankCorrelation(t *testing.T) {
	for _, c := range []struct {
		a, b []float64
		want float64
	}{{[]float64{1, 2, 3}, []float64{1, 10, 100}, 1}, {[]float64{1, 2, 3}, []float64{3, 2, 1}, -1}, {[]float64{1, 2, 3}, []float64{5, 5, 5}, 0},
		{[]float64{1, 2, 3, 4}, []float64{1, 3, 2, 4}, 0.8}, {[]float64{1, 1, 2, 3}, []float64{1, 1, 5, 9}, 1}} {
		near(t, "rank correlation", rankCorrelation(c.a, c.b), c.want, 1e-12)
	}
}

func TestLayout(t *testing.T) {
	between, spreads := layout([]float64{0, 0, 2, 0, 1, 3, 1, 5}, 2, []int{0, 0, 1, 1}, 2)
	if !slices.Equal(between, []float64{4}) || !slices.Equal(spreads, []float64{1, 1}) {
		t.Errorf("found %v and %v", between, spreads)
	}
	var c ClassMaps
	kept, of := c.sort([][]float32{{1}, {2}, {3}, {4}}, []int{0, 1, -1, 1}, []string{"hat", "shoe"})
	if len(kept) != 3 || !slices.Equal(of, []int{1, 0, 0}) || !slices.Equal(c.Names, []string{"shoe", "hat"}) || !slices.Equal(c.Sizes, []int{2, 1}) {
		t.Errorf("found %v of %v, %+v", of, kept, c)
	}
}

func TestNumbers(t *testing.T) {
	data, err := json.Marshal(numbers{1, -0.25, 1e-9})
	if err != nil || string(data) != `"1 -0.25 1e-09"` {
		t.Errorf("found %s, %v", data, err)
	}
	var back numbers
	if err := json.Unmarshal(data, &back); err != nil || !slices.Equal(back, numbers{1, -0.25, 1e-9}) {
		t.Errorf("found %v, %v", back, err)
	}
	for _, bad := range []string{`"1 x"`, `[1]`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s was taken for numbers", bad)
		}
	}
	if _, err := json.Marshal(numbers{math.NaN()}); err == nil {
		t.Error("NaN was written")
	}
	if got := points(stats.Mean{Value: 0.05, Low: -0.01, High: 0.11, N: 9}); got != "+5.0 points (-1.0 to +11.0)" {
		t.Errorf("found %q", got)
	}
}
