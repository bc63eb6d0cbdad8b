package metrics

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The parts of CIDEr-D add up to it, and what is credited to the counts of BLEU.
func TestExplainAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		documents := rapid.SliceOfN(textsOf(7), 1, 4).Draw(t, "documents")
		p := Picture{TextID("p"), text(8).Draw(t, "candidate"), textsOf(7).Draw(t, "references")}
		d := CountDocuments(documents)
		x, err := Explain(d, p)
		if err != nil {
			t.Fatal(err)
		}
		sum, counts := 0.0, BLEUCounts{}
		for _, g := range x.Grams {
			sum += g.CIDEr
			counts.Correct[g.N-1] += g.Credited
			counts.Guessed[g.N-1] += g.Count
			if (g.Credited > 0) != (len(g.References) > 0) || g.Credited > g.Count || len(strings.Fields(g.Text)) != g.N || g.Weight < 0 {
				t.Fatalf("found %+v", g)
			}
		}
		near(t, "CIDEr-D", sum, d.Target(p.References).CIDEr(p.Candidate), 1e-12)
		want := CountBLEU(p.Candidate, p.References)
		if counts.Correct != want.Correct || counts.Guessed != want.Guessed {
			t.Fatalf("found %+v, expected %+v", counts, want)
		}
		if x.String() == "" {
			t.Fatal("expected a text, found none")
		}
	})
}

func TestExplainText(t *testing.T) {
	p := Picture{NumberID(7), "a dog and a dog", []string{"a dog runs", "two dogs"}}
	d := CountDocuments([][]string{p.References, {"a bird"}})
	x, err := Explain(d, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`picture 7: "a dog and a dog"`, `reference 2: "two dogs"`, "1-grams: 2 of 5 credited", "in reference: a (1), dog (1)", "not credited: a, dog, and",
		"2-grams: 1 of 4 credited", "3-grams: 0 of 3 credited", "most of it from", `"a dog" `,
	} {
		if !strings.Contains(x.String(), want) {
			t.Errorf("expected %q in\n%s", want, x)
		}
	}
	if _, err := Explain(d, Picture{ID: NumberID(8)}); err == nil || !strings.Contains(err.Error(), "none for 8") {
		t.Errorf("a picture without references: found the error %v", err)
	}
}
