package observatory

import (
	"math"
	"testing"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
)

// The two pairs of TestShift with a text that is nobody's first: the gap, its shifts, and what was moved.
func TestMeasure(t *testing.T) {
	e := &evaluate.Embedded{
		Images: [][]float32{{2, 0, 1}, {0, 1, 0.5}}, Owner: []int{0, 1, 1}, // of any length
		Texts: [][]float32{{1, 0, -0.5}, {0, 1, -0.5}, {-1, 0, 0}},
	}
	still := 2 * 0.5 / math.Sqrt(1.25)
	shifts := MeasureShifts(e, []float64{-0.5, 0, 0.5}, 2, 2)
	near(t, "gap", shifts[1].Gap, still, 1e-6)
	near(t, "gap, closed", shifts[2].Gap, 0, 1e-6)
	near(t, "loss", shifts[1].Losses[0], math.Log(1+math.Exp(-2*0.8)), 1e-6)
	if shifts[0].Gap <= shifts[1].Gap || shifts[0].Lambda != -0.5 {
		t.Errorf("expected a wider gap, found %+v", shifts[0])
	}
	moved := Move(e, 0.5)
	near(t, "a picture, moved", float64(moved.Images[0][0]), 1, 1e-6)
	near(t, "a text, moved", float64(moved.Texts[1][1]), 1, 1e-6)
	near(t, "the first picture as it was", float64(e.Images[0][0]), 2, 0)
	if len(moved.Texts) != 3 {
		t.Errorf("expected three texts, found %v", moved.Texts)
	}
	if _, err := MeasureGap(t.Context(), e); err == nil {
		t.Error("expected too few pairs to be refused")
	}
	e.Images, e.Texts, e.Owner = append(e.Images, e.Images...), append(e.Texts[:2:2], e.Texts[:2]...), []int{0, 1, 2, 3}
	gap, err := MeasureGap(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "gap of four pairs", gap.Length, still, 1e-6)
}
