package metrics

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func near(t interface{ Errorf(string, ...any) }, what string, got, want, tolerance float64) {
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: found %v, expected %v", what, got, want)
	}
}

// The first example of the paper (section 2.1): of seven "the" two are correct, because no reference has more.
func TestBLEUClips(t *testing.T) {
	c := CountBLEU("the the the the the the the", []string{"the cat is on the mat", "there is a cat on the mat"})
	if c.Correct != [4]int{2, 0, 0, 0} || c.Guessed != [4]int{7, 6, 5, 4} || c.Length != 7 || c.Reference != 7 {
		t.Errorf("found %+v", c)
	}
	near(t, "BLEU-1", c.Scores()[0], 2.0/7, 1e-9)
}

// Three of four words and one of three pairs; the penalty for 4 words instead of 5 is exp(1 - 5/4).
func TestBLEUByHand(t *testing.T) {
	c := CountBLEU("a dog in park", []string{"a dog runs in the", "park"})
	if c.Correct != [4]int{4, 1, 0, 0} || c.Length != 4 || c.Reference != 5 {
		t.Errorf("found %+v", c)
	}
	penalty := math.Exp(1 - 5.0/4)
	near(t, "BLEU-1", c.Scores()[0], penalty, 1e-8)
	near(t, "BLEU-2", c.Scores()[1], penalty*math.Sqrt(1.0/3), 1e-8)
	sum := c.Plus(BLEUCounts{Correct: [4]int{1, 1, 1, 1}, Guessed: [4]int{4, 3, 2, 1}, Length: 4, Reference: 3})
	near(t, "BLEU-1 of both", sum.Scores()[0], 5.0/8, 1e-8) // 8 words, references of 8
}

// The closest reference counts, of two the shorter, whatever their order.
func TestBLEUClosestLength(t *testing.T) {
	for _, c := range []struct {
		candidate, references string
		want                  int
	}{
		{"a b c d", "x x x|x x x x x", 3},
		{"a b c d", "x x x x x|x x x", 3},
		{"a b c d", "x|x x x x x x|x x x x x", 5},
		{"", "x x|x", 1},
	} {
		if got := CountBLEU(c.candidate, strings.Split(c.references, "|")).Reference; got != c.want {
			t.Errorf("%q to %q: found the length %d, expected %d", c.candidate, c.references, got, c.want)
		}
	}
}

// text is a random caption of few words, so that captions have n-grams in common.
func text(longest int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "dog", "dogs", "runs", "running", "the"}), 0, longest).Draw(t, "words"), " ")
	})
}

func textsOf(longest int) *rapid.Generator[[]string] { return rapid.SliceOfN(text(longest), 1, 3) }

// gramTexts are the n-grams of a text as texts, with repetitions: another way to count.
func gramTexts(text string, n int) []string {
	w := strings.Fields(text)
	var out []string
	for i := 0; i+n <= len(w); i++ {
		out = append(out, strings.Join(w[i:i+n], "_"))
	}
	return out
}

func occurrences(grams []string, gram string) int {
	n := 0
	for _, g := range grams {
		if g == gram {
			n++
		}
	}
	return n
}

// The counts are those of the definition, and no order of references changes them.
func TestBLEUCountsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		candidate, references := text(9).Draw(t, "candidate"), textsOf(9).Draw(t, "references")
		got := CountBLEU(candidate, references)
		for k := range 4 {
			grams := gramTexts(candidate, k+1)
			correct := 0
			for _, gram := range slices.Compact(slices.Sorted(slices.Values(grams))) {
				most := 0
				for _, r := range references {
					most = max(most, occurrences(gramTexts(r, k+1), gram))
				}
				correct += min(most, occurrences(grams, gram))
			}
			if got.Correct[k] != correct || got.Guessed[k] != len(grams) {
				t.Fatalf("%d-grams: found %d of %d, expected %d of %d", k+1, got.Correct[k], got.Guessed[k], correct, len(grams))
			}
		}
		slices.Reverse(references)
		if again := CountBLEU(candidate, references); again != got {
			t.Fatalf("the references in another order gave %+v, then %+v", got, again)
		}
		for _, s := range got.Scores() {
			if !(s >= 0 && s <= 1.0001) {
				t.Fatalf("found the score %v", s)
			}
		}
	})
}
