package spelling

import (
	"testing"

	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	for _, c := range []struct {
		word       string
		candidates []string
		want       string
	}{
		{"beta3", []string{"lr", "beta1", "beta2"}, "beta1"}, // the first of equally near ones
		{"", []string{"ab", "a"}, "a"},
		{"learning_rate", []string{"lr", "eps"}, "lr"},
		{"ab", []string{"ba", "abc"}, "abc"}, // a swap is two changes
		{"x", nil, ""},
		{"same", []string{"sam", "same"}, "same"},
	} {
		if got := Nearest(c.word, c.candidates); got != c.want {
			t.Errorf("%q among %q: expected %q, found %q", c.word, c.candidates, c.want, got)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"kitten", "sitting", 3}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"flaw", "lawn", 2}} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: expected %d, found %d", c.a, c.b, c.want, got)
		}
	}
	letters := rapid.StringMatching(`[ab]{0,6}`)
	rapid.Check(t, func(t *rapid.T) { // it is a distance
		a, b, c := letters.Draw(t, "a"), letters.Draw(t, "b"), letters.Draw(t, "c")
		if Distance(a, b) != Distance(b, a) || (Distance(a, b) == 0) != (a == b) || Distance(a, c) > Distance(a, b)+Distance(b, c) {
			t.Fatalf("%q %q %q", a, b, c)
		}
	})
}
