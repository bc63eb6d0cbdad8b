package main

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/captioner"
)

// Half of the attention on each of two places is an entropy of ln 2, two places; a quarter on each of four is ln 4.
func TestLooks(t *testing.T) {
	looks := looksOf(captioner.Described{
		Words: []string{"dog", "a"}, Rows: 2, Cols: 2,
		Alphas: [][]float64{{0, 0.5, 0.5, 0}, {0.25, 0.25, 0.25, 0.25}},
	})
	if len(looks) != 3 || looks[2].Word != "all words" || !looks[2].All || looks[1].All {
		t.Fatalf("expected two words and their sum, found %+v", looks)
	}
	if !slices.Equal(looks[2].Weights, []float64{0.25, 0.75, 0.75, 0.25}) {
		t.Errorf("the sum over words is %v", looks[2].Weights)
	}
	shares := []float64{1. / 8, 3. / 8, 3. / 8, 1. / 8}
	want := 0.0
	for _, s := range shares {
		want -= s * math.Log(s)
	}
	for i, entropy := range []float64{math.Log(2), math.Log(4), want} {
		if math.Abs(looks[i].Entropy-entropy) > 1e-12 || math.Abs(looks[i].Places-math.Exp(entropy)) > 1e-12 {
			t.Errorf("%s: entropy %g and %g places, expected %g", looks[i].Word, looks[i].Entropy, looks[i].Places, entropy)
		}
	}
	for i, part := range []string{
		"“dog”: as sharp a look as at 2.0 of 4 places alike (H = 0.69 nats of at most 1.39). The brightest place has 50.0% of the attention, 2.0 times an even share.",
		"“a”: it looked everywhere alike (H = 1.39 nats of at most 1.39).",
		"A place got 0.50 on average, the least 0.25, the most 0.75.",
	} {
		if !strings.Contains(looks[i].note(), part) {
			t.Errorf("expected %q, found %q", part, looks[i].note())
		}
	}
	if looks[0].short() != "2.0 places" || looks[0].line() != "looks at 2.0 of 4 places (H = 0.69 nats)" {
		t.Errorf("found %q and %q", looks[0].short(), looks[0].line())
	}
	if got := looksOf(captioner.Described{Rows: 2, Cols: 2}); got != nil {
		t.Errorf("expected no looks without words, found %v", got)
	}
}
