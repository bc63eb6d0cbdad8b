package metrics

import (
	"maps"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/glimpse-ml/glimpse/internal/stats"
)

func evaluated(t testing.TB, pictures []Picture) *Evaluation {
	t.Helper()
	e, err := Evaluate(pictures)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A resample's BLEU and METEOR-like are those of the corpus that it draws, ROUGE-L is a mean of it, and CIDEr-D a mean
// of the figures with the whole set's document frequencies.
func TestResampleIsACorpus(t *testing.T) {
	pictures := goldenPictures(t)[:20]
	e := evaluated(t, pictures)
	rapid.Check(t, func(t *rapid.T) {
		pick := rapid.SliceOfN(rapid.IntRange(0, len(pictures)-1), 1, 20).Draw(t, "pick")
		var drawn []Picture
		cider := 0.0
		for _, i := range pick {
			drawn = append(drawn, pictures[i])
			cider += e.PerImage[i].CIDEr / float64(len(pick))
		}
		corpus, err := Evaluate(drawn)
		if err != nil {
			t.Fatal(err)
		}
		want := corpus.Corpus
		want.CIDEr = cider
		for i, s := range e.sum(pick).scores(len(pick)).List() {
			near(t, s.Name, s.Value, want.List()[i].Value, 1e-12)
		}
	})
}

func TestBootstrap(t *testing.T) {
	e := evaluated(t, goldenPictures(t))
	intervals, err := e.Bootstrap(1000, 7)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range e.Corpus.List() {
		m := intervals[s.Name]
		if m.Value != s.Value || m.N != 200 || !(m.Low < m.Value && m.Value < m.High) {
			t.Errorf("%s: found %+v for %v", s.Name, m, s.Value)
		}
	}
	// ROUGE-L is a mean: 1.96 standard errors to either side.
	var values []float64
	for _, p := range e.PerImage {
		values = append(values, p.ROUGEL)
	}
	mean, sum := intervals["ROUGE_L"].Value, 0.0
	for _, v := range values {
		sum += (v - mean) * (v - mean)
	}
	half := 1.96 * math.Sqrt(sum) / 200
	near(t, "lower end", intervals["ROUGE_L"].Low, mean-half, half/8)
	near(t, "upper end", intervals["ROUGE_L"].High, mean+half, half/8)
	again, _ := e.Bootstrap(1000, 7)
	other, _ := e.Bootstrap(1000, 8)
	if !maps.Equal(again, intervals) || maps.Equal(other, intervals) {
		t.Error("expected the same intervals with the same seed, others with another")
	}
}

// With equal pictures there is nothing to vary.
func TestBootstrapOfEqualPictures(t *testing.T) {
	var pictures []Picture
	for i := range 5 {
		pictures = append(pictures, Picture{NumberID(int64(i)), "a dog runs on grass", []string{"a dog runs in a park"}})
	}
	e := evaluated(t, pictures)
	intervals, err := e.Bootstrap(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range intervals {
		if math.Abs(m.Low-m.Value) > 1e-12 || math.Abs(m.High-m.Value) > 1e-12 || m.N != 5 {
			t.Errorf("%s: found %+v", name, m)
		}
	}
}

// A system that is a little better on every picture is better beyond doubt, though the intervals of the two overlap.
func TestComparePairs(t *testing.T) {
	worse, better := goldenPictures(t), goldenPictures(t)
	for i := range worse {
		better[i].Candidate = better[i].References[0]
		worse[i].Candidate = better[i].Candidate[:strings.LastIndex(better[i].Candidate, " ")]
	}
	a, b := evaluated(t, better), evaluated(t, worse)
	differences, err := Compare(a, b, 500, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range a.Corpus.List() {
		d := differences[s.Name]
		if !(d.Low > 0) || d.Better != 1 || d.N != 200 {
			t.Errorf("%s: found %+v", s.Name, d)
		}
		near(t, s.Name, d.Value, s.Value-b.Corpus.List()[i].Value, 1e-15)
	}
	for name, d := range must(Compare(a, a, 100, 1)) {
		if d.Mean != (stats.Mean{N: 200}) || d.Better != 0 {
			t.Errorf("%s: found %+v for a system and itself", name, d)
		}
	}
	back := must(Compare(b, a, 500, 1))
	for name, d := range differences {
		near(t, name+" the other way", back[name].Value, -d.Value, 1e-15)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestBootstrapErrors(t *testing.T) {
	pictures := goldenPictures(t)
	e, fewer := evaluated(t, pictures), evaluated(t, pictures[:3])
	pictures[1].ID = TextID("another")
	renamed := evaluated(t, pictures)
	for want, f := range map[string]func() error{
		"found 99":                    func() error { _, err := e.Bootstrap(99, 1); return err },
		"found 2000000":               func() error { _, err := e.Bootstrap(2_000_000, 1); return err },
		"at least one picture":        func() error { _, err := (&Evaluation{}).Bootstrap(100, 1); return err },
		"found 200 and 3":             func() error { _, err := Compare(e, fewer, 100, 1); return err },
		"1369 and another in place 2": func() error { _, err := Compare(e, renamed, 100, 1); return err },
		"resamples, found 0":          func() error { _, err := Compare(e, e, 0, 1); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected an error with %q, found %v", want, err)
		}
	}
}
