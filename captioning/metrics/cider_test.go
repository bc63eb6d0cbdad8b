package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// Two pictures, so n-grams of one weigh ln 2 and those of both nothing. For n = 1 the candidate has the weights
// (dog 1, cat 1) ln 2, the reference (dog 1, runs 1) ln 2: a product of 1/2; for n = 2 "a dog" of (a dog, dog cat) and
// (a dog, dog runs): 1/2; for n = 3 nothing. The lengths are equal. (1/2 + 1/2 + 0 + 0)/4 * 10 = 2.5.
func TestCIDErByHand(t *testing.T) {
	d := CountDocuments([][]string{{"a dog runs"}, {"a bird"}})
	near(t, "a dog cat", d.Target([]string{"a dog runs"}).CIDEr("a dog cat"), 2.5, 1e-14)
	// One word less: the penalty is exp(-1/72), the reference's vectors keep their lengths.
	want := math.Exp(-1.0/72) * (1/math.Sqrt2 + 1/math.Sqrt2) / 4 * 10
	near(t, "a dog", d.Target([]string{"a dog runs"}).CIDEr("a dog"), want, 1e-14)
	// Twice the same word counts as often as the reference has it: min(2, 1) * 1 / (2 * sqrt 2).
	want = 10.0 / 4 * (1 / (2 * math.Sqrt2))
	near(t, "dog dog a", d.Target([]string{"a dog runs"}).CIDEr("dog dog a"), want, 1e-14)
	// A second reference that has nothing of it halves the score.
	near(t, "two references", d.Target([]string{"a dog runs", "x y z"}).CIDEr("a dog cat"), 1.25, 1e-14)
}

// slowCIDEr is the definition with maps of texts.
func slowCIDEr(documents [][]string, references []string, candidate string) float64 {
	weights := func(text string, n int) map[string]float64 {
		v := map[string]float64{}
		for _, gram := range gramTexts(text, n) {
			in := 0
			for _, picture := range documents {
				if slices.ContainsFunc(picture, func(r string) bool { return slices.Contains(gramTexts(r, n), gram) }) {
					in++
				}
			}
			v[gram] += math.Log(float64(len(documents)) / float64(max(1, in)))
		}
		return v
	}
	norm := func(v map[string]float64) float64 {
		sum := 0.0
		for _, x := range v {
			sum += x * x
		}
		return math.Sqrt(sum)
	}
	score := 0.0
	for n := 1; n <= 4; n++ {
		h := weights(candidate, n)
		for _, reference := range references {
			r := weights(reference, n)
			dot := 0.0
			for gram, x := range h {
				dot += min(x, r[gram]) * r[gram]
			}
			if norm(h) != 0 && norm(r) != 0 {
				dot /= norm(h) * norm(r)
			}
			d := float64(len(gramTexts(candidate, 2)) - len(gramTexts(reference, 2)))
			score += dot * math.Exp(-d*d/72) / 4 / float64(len(references)) * 10
		}
	}
	return score
}

// Equal to the definition, with words that the document frequencies do not know on either side or both.
func TestCIDErProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		documents := rapid.SliceOfN(textsOf(6), 1, 4).Draw(t, "documents")
		strange := rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "dog", "the", "new", "zebra", "zebras"}), 0, 8).Draw(t, "words"), " ")
		})
		references := rapid.SliceOfN(strange, 1, 3).Draw(t, "references")
		candidate := strange.Draw(t, "candidate")
		got := CountDocuments(documents).Target(references).CIDEr(candidate)
		if want := slowCIDEr(documents, references, candidate); !(math.Abs(got-want) < 1e-12) {
			t.Fatalf("found %v, expected %v", got, want)
		}
		if !(got >= 0 && got <= 10+1e-9) {
			t.Fatalf("found %v outside 0 to 10", got)
		}
	})
}

// A caption that is the only reference scores 10 when it has four words that weigh something; nothing counted weighs
// nothing.
func TestCIDErLimits(t *testing.T) {
	d := CountDocuments([][]string{{"two cats sit on a sofa"}, {"one dog"}})
	near(t, "the reference itself", d.Target([]string{"two cats sit on a sofa"}).CIDEr("two cats sit on a sofa"), 10, 1e-12)
	if d.Documents() != 2 {
		t.Errorf("found %d documents", d.Documents())
	}
	for what, got := range map[string]float64{
		"no documents":  CountDocuments(nil).Target([]string{"a b c d"}).CIDEr("a b c d"),
		"one document":  CountDocuments([][]string{{"a b c d"}}).Target([]string{"a b c d"}).CIDEr("a b c d"),
		"no references": d.Target(nil).CIDEr("two cats"),
		"empty caption": d.Target([]string{"two cats"}).CIDEr(""),
	} {
		near(t, what, got, 0, 0)
	}
}

// One target scores captions from several goroutines.
func TestCIDErConcurrently(t *testing.T) {
	d := CountDocuments([][]string{{"a dog runs"}, {"a bird"}})
	target := d.Target([]string{"a dog runs", "new words"})
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 100 {
				if got := target.CIDEr("a dog cat new"); got <= 0 {
					t.Errorf("found %v", got)
				}
			}
		})
	}
	wait.Wait()
}

// madeUpCaptions are captions of 8 to 13 words from a vocabulary of 2,000 that is used as unevenly as words are.
func madeUpCaptions(pictures, each int) [][]string {
	rng := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(rng, 1.2, 3, 1999)
	all := make([][]string, pictures)
	for i := range all {
		for range each {
			w := make([]string, 8+rng.IntN(6))
			for j := range w {
				w[j] = fmt.Sprint("w", zipf.Uint64())
			}
			all[i] = append(all[i], strings.Join(w, " "))
		}
	}
	return all
}

// What self-critical training does for every caption it samples: CIDEr-D against five references, with the document
// frequencies of 6,000 training pictures.
func BenchmarkCIDEr(b *testing.B) {
	training := madeUpCaptions(6000, 5)
	d := CountDocuments(training)
	targets := make([]*Target, len(training))
	for i, references := range training {
		targets[i] = d.Target(references)
	}
	var candidates [][]string
	for _, c := range madeUpCaptions(500, 1) {
		candidates = append(candidates, words(c[0]))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		targets[i%len(targets)].CIDErOfWords(candidates[i%len(candidates)])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "captions/s")
}

func BenchmarkCountDocuments(b *testing.B) {
	training := madeUpCaptions(6000, 5)
	for b.Loop() {
		CountDocuments(training)
	}
}
