package lesson

import (
	"math"
	"slices"
	"testing"

	"github.com/glimpse-ml/glimpse/attention"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
)

func TestUnheard(t *testing.T) {
	d := captioner.Described{Words: []string{"a", "blue", "dog", "and", "a", "blue", "cat"}}
	example := datasets.Example{Captions: []string{"A dog, and nothing else.", "a cat"}}
	if got := Unheard(d, example); !slices.Equal(got, []string{"blue"}) {
		t.Errorf("expected blue alone, found %q", got)
	}
}

// Steps against the gradient that was found by hand bring attention to the place that the loss asks for; and autodiff finds
// the same gradient.
func TestDescendBringsAttentionToThePlace(t *testing.T) {
	p := attention.Picture{
		A: [][]float64{{1, 0}, {0, 0}, {0, 1}, {0, 0.4}}, H: []float64{0.5},
		W_a: [][]float64{{-1, 2}, {1, 0.5}}, W_h: [][]float64{{1}, {-1}}, B: []float64{0, 0}, V: []float64{3, 0.1},
	}
	const place = 0
	first, g := WalkToward(p, place)
	auto := Autodiff(p, g.Z)
	for k, w := range g.W_a {
		for i := range w {
			if math.Abs(w[i]-auto.W_a[k][i]) > 1e-9 {
				t.Errorf("dL/dW_a[%d][%d] is %g by hand and %g by autodiff", k, i, w[i], auto.W_a[k][i])
			}
		}
	}
	for range 200 {
		_, g := WalkToward(p, place)
		Descend(p, g, 0.02)
	}
	last, _ := WalkToward(p, place)
	if first.Alpha[place] > 0.1 || last.Alpha[place] < 0.8 {
		t.Errorf("the weight of the place was %.3f and is %.3f", first.Alpha[place], last.Alpha[place])
	}
	if n := PlacesLookedAt([]float64{0.5, 0, 0.5}); math.Abs(n-2) > 1e-12 {
		t.Errorf("half of the attention on each of two places is %g places", n)
	}
}

// The first sentence that fits is taken; where none does, the beginning of the first.
func TestFirstSentences(t *testing.T) {
	found := FirstSentences([]datasets.Example{
		{ID: "a", Captions: []string{"A red circle, above a square.", "A circle.", "Shapes."}},
		{ID: "b", Captions: []string{"A dog runs on grass", "Two dogs run on grass"}},
	}, 3)
	if want := [][]string{{"a", "circle"}, {"a", "dog", "runs"}}; !slices.EqualFunc(found, want, slices.Equal) {
		t.Errorf("expected %v, found %v", want, found)
	}
}
