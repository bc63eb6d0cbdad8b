package lesson

import (
	"math"
	"reflect"
	"testing"
)

func TestExercise(t *testing.T) {
	for _, c := range []struct {
		found, expected any
		tolerance       float64
		want            string
	}{
		{0.5, 0.5, 0, "x: right"},
		{0.5 + 1e-10, 0.5, 1e-9, "x: right"},
		{0.0, math.Ln2, 1e-9, "x: not yet: expected 0.6931, found 0"},
		{0.693147, math.Ln2, 1e-9, "x: not yet: expected 0.6931472, found 0.693147"}, // as many digits as it takes
		{math.NaN(), 1.0, 1e-9, "x: not yet: expected 1, found NaN"},
		{math.Inf(1), math.Inf(1), 0, "x: right"},
		{float32(1), float32(2), 1, "x: right"},
		{3, 4, 0, "x: not yet: expected 4, found 3"},
		{"a dog", "a cat", 0, "x: not yet: expected a cat, found a dog"},
		{true, true, 0, "x: right"},
		{[]float64{1, 2}, []float64{1, 2.1}, 0.2, "x: right"},
		{[]float64{1, 2}, []float64{1, 3}, 0.2, "x: not yet: expected 3 at [1], found 2"},
		{[]float64(nil), []float64{1, 3}, 0.2, "x: not yet: expected 2 values, found 0"},
		{[][]float64{{1}, {2, 3}}, [][]float64{{1}, {2, 4}}, 0, "x: not yet: expected 4 at [1][1], found 3"},
		{[][]float64{{1}, {2}}, [][]float64{{1}, {2, 4}}, 0, "x: not yet: expected 2 values at [1], found 1"},
	} {
		if got := exercise("x", reflect.ValueOf(c.found), reflect.ValueOf(c.expected), c.tolerance); got != c.want {
			t.Errorf("%v beside %v: %q, expected %q", c.found, c.expected, got, c.want)
		}
	}
}

func ExampleExercise() {
	entropy := func(p []float64) float64 { return 0 } // yours
	Exercise("entropy", entropy([]float64{.5, .5}), math.Ln2, 1e-9)
	// Output: entropy: not yet: expected 0.6931, found 0
}
