package metrics

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// "dogs play ball" to "a dog played ball": three pairs in one chunk, two by stem (0.6). All matched words are content:
// P = 0.75 (0.6+0.6+1) / (0.75*3), R = 0.75*2.2 / (0.75*3 + 0.25*1) with "a" a function word.
func TestMETEORByHand(t *testing.T) {
	c := CountMETEOR("dogs play ball", []string{"a dog played ball"})
	if c.Matches != 3 || c.Chunks != 1 {
		t.Errorf("found %+v, expected 3 matches in 1 chunk", c)
	}
	p, r := 2.2/3, 0.75*2.2/2.5
	f := p * r / (0.85*p + 0.15*r)
	near(t, "score", c.Score(), f*(1-0.6*math.Pow(1.0/3, 0.2)), 1e-15)
}

func TestMETEORLimits(t *testing.T) {
	for _, text := range []string{"a dog runs", "dog", "a"} {
		near(t, text+" to itself", CountMETEOR(text, []string{"x", text}).Score(), 1, 1e-15)
	}
	two := CountMETEOR("a dog", []string{"a dog"})
	near(t, "two captions that equal their references", two.Plus(two).Score(), 1, 1e-15)
	for candidate, reference := range map[string]string{"": "a", "a": "", "dog": "cat"} {
		near(t, candidate+" to "+reference, CountMETEOR(candidate, []string{reference}).Score(), 0, 0)
	}
	near(t, "two empty texts", CountMETEOR("", []string{""}).Score(), 0, 0)
	near(t, "no references", CountMETEOR("a dog", nil).Score(), 0, 0)
	// The better reference counts; a swapped order costs.
	swapped, right := CountMETEOR("runs dog", []string{"dog runs"}).Score(), CountMETEOR("runs dog", []string{"dog runs", "runs dog"}).Score()
	if !(swapped < right) || right != 1 {
		t.Errorf("found %v for swapped words and %v for the right ones", swapped, right)
	}
}

// Fewest chunks among the largest matches: not the first "the", but the one before "dog".
func TestAlignPrefersFewChunks(t *testing.T) {
	pairs := align(strings.Fields("see the dog"), strings.Fields("the cat and the dog"))
	if len(pairs) != 2 || pairs[0].reference != 3 || pairs[1].reference != 4 {
		t.Errorf("found %+v", pairs)
	}
	// Of equal chunks the equal word, of equal words the nearer one.
	if pairs := align([]string{"dog"}, []string{"dogs", "dog", "dog"}); len(pairs) != 1 || pairs[0].reference != 1 || !pairs[0].exact {
		t.Errorf("found %+v", pairs)
	}
}

// everyAlignment finds the most pairs and, among those, the fewest chunks by trying all alignments.
func everyAlignment(a, b []string, i int, used []bool, lastI, lastJ, pairs, chunks int, best *[2]int) {
	if i == len(a) {
		if pairs > best[0] || pairs == best[0] && chunks < best[1] {
			*best = [2]int{pairs, chunks}
		}
		return
	}
	everyAlignment(a, b, i+1, used, lastI, lastJ, pairs, chunks, best)
	for j := range b {
		if used[j] || Stem(a[i]) != Stem(b[j]) {
			continue
		}
		used[j] = true
		more := 1
		if lastI == i-1 && lastJ == j-1 && pairs > 0 {
			more = 0
		}
		everyAlignment(a, b, i+1, used, i, j, pairs+1, chunks+more, best)
		used[j] = false
	}
}

func TestAlignProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := strings.Fields(text(6).Draw(t, "a")), strings.Fields(text(6).Draw(t, "b"))
		var best [2]int
		everyAlignment(a, b, 0, make([]bool, len(b)), -2, -2, 0, 0, &best)
		c := countPair(a, b)
		if c.Matches != best[0] || c.Chunks != best[1] && strings.Join(a, " ") != strings.Join(b, " ") {
			t.Fatalf("%q to %q: found %d pairs in %d chunks, expected %d in %d", a, b, c.Matches, c.Chunks, best[0], best[1])
		}
		used := map[int]bool{}
		for _, p := range align(a, b) {
			if used[p.reference] || Stem(a[p.candidate]) != Stem(b[p.reference]) || p.exact != (a[p.candidate] == b[p.reference]) {
				t.Fatalf("%q to %q: found %+v", a, b, p)
			}
			used[p.reference] = true
		}
		if s := c.Score(); !(s >= 0 && s <= 1) {
			t.Fatalf("found the score %v", s)
		}
	})
}

// Many equal words are more than the search follows: the pairs are as many still.
func TestAlignManyChoices(t *testing.T) {
	a, b := strings.Fields(strings.Repeat("a b ", 20)), strings.Fields(strings.Repeat("b a c ", 15))
	if got := len(align(a, b)); got != 30 {
		t.Errorf("found %d pairs, expected 30", got)
	}
}
