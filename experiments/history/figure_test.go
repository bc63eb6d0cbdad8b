package history

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Figures with intervals come first; what only looks like a part of another is a figure of its own.
func TestFigures(t *testing.T) {
	got := Figures(map[string]float64{"b": 2, "b_low": 1, "b_high": 3, "b_n": 7, "a": 5, "c_n": 9, "recall@10": 1, "recall@5": 1})
	want := []Figure{{Name: "b", Value: 2, Low: 1, High: 3, N: 7, HasInterval: true, HasN: true}, {Name: "a", Value: 5}, {Name: "c_n", Value: 9},
		{Name: "recall@5", Value: 1}, {Name: "recall@10", Value: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got[0].String() != "2 (1 to 3)" || got[1].String() != "5" || got[1].Interval() != "" {
		t.Errorf("in words: %s, %s", got[0], got[1])
	}
}
