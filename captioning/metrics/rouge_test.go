package metrics

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The example of the paper (section 3.1): "police kill the gunman" has 3 of 4 words in order, "the gunman kill police"
// 2.
func TestROUGELByHand(t *testing.T) {
	reference := []string{"police killed the gunman"}
	near(t, "police kill the gunman", ROUGEL("police kill the gunman", reference), 0.75, 1e-15)
	near(t, "the gunman kill police", ROUGEL("the gunman kill police", reference), 0.5, 1e-15)
	// Precision 1 of the first reference, recall 1 of the second.
	near(t, "two references", ROUGEL("a b", []string{"a b c d", "b"}), 1, 1e-15)
	// P = 1/2, R = 1/3: 2.44/6 / (1/3 + 0.72) = 0.386075949...
	near(t, "one of two and of three", ROUGEL("a x", []string{"a b c"}), 2.44/6/(1.0/3+0.72), 1e-15)
	near(t, "nothing in common", ROUGEL("a", []string{"b"}), 0, 0)
	near(t, "no references", ROUGEL("a", nil), 0, 0)
	near(t, "two empty texts, which are one empty word", ROUGEL("", []string{""}), 1, 0)
}

// subsequences is the length of the longest common subsequence by trying all of them.
func subsequences(a, b []string) int {
	best := 0
	for mask := range 1 << len(a) {
		taken, j := 0, 0
		for i := range a {
			if mask>>i&1 == 0 {
				continue
			}
			for j < len(b) && b[j] != a[i] {
				j++
			}
			if j == len(b) {
				taken = -1
				break
			}
			taken++
			j++
		}
		best = max(best, taken)
	}
	return best
}

func TestCommonSubsequenceProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := strings.Fields(text(8).Draw(t, "a")), strings.Fields(text(12).Draw(t, "b"))
		if got, want := commonSubsequence(a, b), subsequences(a, b); got != want || commonSubsequence(b, a) != want {
			t.Fatalf("%q and %q: found %d, expected %d", a, b, got, want)
		}
	})
}
