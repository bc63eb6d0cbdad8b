package captioning

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"pgregory.net/rapid"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// shares are how often a drawer draws each word when u goes through [0, 1) evenly, in steps of 1/20000.
func shares(o SampleOptions, may words, logits []float32) []float64 {
	const n = 20_000
	d := drawer{options: o, may: may}
	counts := make([]float64, len(logits))
	for i := range n {
		counts[d.draw(logits, (float64(i)+0.5)/n)] += 1.0 / n
	}
	return counts
}

// sharesBySorting is what shares should be: temperature, then top-k, then top-p of what is left.
func sharesBySorting(o SampleOptions, may words, logits []float32) []float64 {
	order := []int{}
	p := make([]float64, len(logits))
	for i, x := range logits {
		if may.say(int32(i)) {
			p[i] = math.Exp(float64(x) / o.Temperature)
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return int(math.Copysign(1, p[j]-p[i])) * btoi(p[i] != p[j]) })
	if o.TopK > 0 {
		order = order[:min(o.TopK, len(order))]
	}
	total := 0.0
	for _, i := range order {
		total += p[i]
	}
	sum, kept := 0.0, 0
	for kept < len(order) && (kept == 0 || o.TopP == 0 || sum < o.TopP*total) {
		sum += p[order[kept]]
		kept++
	}
	want := make([]float64, len(logits))
	for _, i := range order[:kept] {
		want[i] = p[i] / sum
	}
	return want
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Words are drawn in the right shares, exactly: nothing here is left to chance.
func TestDrawShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := SampleOptions{
			Temperature: rapid.SampledFrom([]float64{0.3, 1, 2}).Draw(t, "temperature"),
			TopK:        rapid.SampledFrom([]int{0, 0, 1, 3, 100}).Draw(t, "top-k"),
			TopP:        rapid.SampledFrom([]float64{0, 0, 0.2, 0.7, 0.95}).Draw(t, "top-p"),
		}
		V := rapid.SampledFrom([]int{3, 7, 200}).Draw(t, "V")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		logits := make([]float32, V)
		for i := range logits {
			logits[i] = 2*float32(rng.NormFloat64()) + 50 // not normalised
		}
		var may words
		if rapid.Bool().Draw(t, "forbid") {
			may, _ = allowed(V, []int32{1, int32(V) - 1})
		}
		got, want := shares(o, may, logits), sharesBySorting(o, may, logits)
		for i := range want {
			if !(math.Abs(got[i]-want[i]) < 1.1/20_000) {
				t.Fatalf("word %d of logits %v: drawn with share %g, want %g", i, logits, got[i], want[i])
			}
		}
	})
}

// However small the temperature, the likeliest word is left, and words of probability 0 are never drawn.
func TestDrawAtTheEdge(t *testing.T) {
	logits := []float32{-100, float32(math.Inf(-1)), 3, 2.999, float32(math.Inf(-1))}
	for _, o := range []SampleOptions{{Temperature: 1e-9}, {Temperature: 1e-9, TopP: 0.5}, {TopK: 1}, {TopP: 1e-12}} {
		if got := shares(o, nil, logits); !(got[2] > 1-1e-9) {
			t.Errorf("%+v: got the shares %v, want word 2 alone", o, got)
		}
	}
	d := drawer{}
	for _, u := range []float64{0, 0.5, math.Nextafter(1, 0)} {
		if word := d.draw(logits, u); word != 2 && word != 3 && word != 0 {
			t.Errorf("u = %g: got word %d, which has probability 0", u, word)
		}
	}
}

// Captions are drawn as often as they are likely: 3000 captions of each picture of beam_exhaustive, whose most likely
// captions and log p are golden. The seed is fixed; four standard errors are allowed.
func TestSampleFrequencies(t *testing.T) {
	g, want, features, n := loadBeam(t, "beam_exhaustive")
	const N = 3000
	b := backendtest.Go(t)
	for i, captions := range sampled(t, b, g, 2, SampleOptions{N: N}, features, n, 7) {
		counts := map[string]int{}
		for _, c := range captions {
			counts[fmt.Sprint(c.IDs)]++
			checkLogProbs(t, c)
		}
		for _, w := range want.Images[i].Top {
			p := math.Exp(w.Score)
			got := float64(counts[fmt.Sprint(w.Tokens)]) / N
			if !(math.Abs(got-p) < 4*math.Sqrt(p*(1-p)/N)) {
				t.Errorf("picture %d: drew %v with frequency %.4f, its probability is %.4f", i, w.Tokens, got, p)
			}
		}
	}
}

func sampled(t *testing.T, b compute.Backend, g golden, batch int, o SampleOptions, features []float32, n int, seed int64) [][]Caption {
	t.Helper()
	s, err := NewSampler(b, g.store(t).RootScope(), g.cfg, batch, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	captions, err := s.Captions(features, n, seed)
	if err != nil {
		t.Fatal(err)
	}
	return captions
}

// The captions of a picture are those of the seed and the picture: not of its batch, not of the pictures before it, not of
// how many more are drawn.
func TestSampleDependsOnSeedAndPicture(t *testing.T) {
	g, _, features, n := loadBeam(t, "beam")
	size := len(features) / n
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		o := SampleOptions{N: 4, Temperature: 1.5, TopK: 15, TopP: 0.99}
		want := sampled(t, b, g, 5, o, features, n, 11)
		equal := func(what string, i int, got []Caption) {
			t.Helper()
			for k := range got {
				if !slices.Equal(got[k].IDs, want[i][k].IDs) || !(math.Abs(got[k].LogProb-want[i][k].LogProb) < 1e-4) {
					t.Errorf("%s, picture %d, caption %d: got %v, want %v", what, i, k, got[k].IDs, want[i][k].IDs)
				}
			}
		}
		var backwards []float32
		for i := n - 1; i >= 0; i-- {
			backwards = append(backwards, features[i*size:][:size]...)
		}
		for i, got := range sampled(t, b, g, 2, o, backwards, n, 11) {
			equal("backwards", n-1-i, got)
		}
		equal("alone", 3, sampled(t, b, g, 1, o, features[3*size:4*size], 1, 11)[0])
		o.N = 2
		equal("fewer", 0, sampled(t, b, g, 8, o, features, n, 11)[0])

		same := 0
		for i, got := range sampled(t, b, g, 5, o, features, n, 12) {
			for k := range got {
				same += btoi(slices.Equal(got[k].IDs, want[i][k].IDs))
			}
		}
		if same > n {
			t.Errorf("another seed drew %d of %d captions again", same, 2*n)
		}
	})
}

// Drawn from the one likeliest word, captions are greedy; log p is the decoder's, whatever the temperature.
func TestSampleOfOneWordIsGreedy(t *testing.T) {
	g, want, features, n := loadBeam(t, "beam")
	b := backendtest.Go(t)
	for i, got := range sampled(t, b, g, 3, SampleOptions{TopK: 1, Temperature: 0.1}, features, n, 1) {
		sameCaptions(t, fmt.Sprintf("picture %d", i), got, []hypothesis{want.Images[i].Greedy})
	}
	teller, cfg := loadTeller(t)
	pictures, shape, err := teller.io.Float32s("image_features")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSampler(b, teller.store(t).RootScope(), cfg, 3, SampleOptions{N: 2, Forbid: []int32{End, 5}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	captions, err := s.Captions(pictures, shape[0], 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range slices.Concat(captions...) {
		if len(c.IDs) != cfg.MaxLen || c.Finished || slices.Contains(c.IDs, 5) {
			t.Errorf("without an end word and word 5, got %v", c)
		}
	}
}

func TestSamplerRefuses(t *testing.T) {
	b := backendtest.Go(t)
	g, _, features, n := loadBeam(t, "beam")
	for want, o := range map[string]SampleOptions{
		"found -1":            {N: -1},
		"temperature above 0": {Temperature: -1},
		"found NaN":           {Temperature: math.NaN()},
		"top-k":               {TopK: -1},
		"top-p":               {TopP: 1.1},
		"forbidden words":     {Forbid: []int32{-1}},
	} {
		if _, err := NewSampler(b, g.store(t).RootScope(), g.cfg, 1, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got the error %v, want one with %q", err, want)
		}
	}
	s, err := NewSampler(b, g.store(t).RootScope(), g.cfg, 2, SampleOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Captions(features, n-1, 1); err == nil || !strings.Contains(err.Error(), "for 4 pictures") {
		t.Errorf("too many features: got the error %v", err)
	}
	broken := slices.Clone(features)
	broken[0] = float32(math.NaN())
	if _, err := s.Captions(broken, n, 1); err == nil || !strings.Contains(err.Error(), "word 1 of picture 0") {
		t.Errorf("NaN features: got the error %v", err)
	}
}
