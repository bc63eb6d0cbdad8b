package captioning

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// hypothesis is a caption as golden/captioning/attention has it: our own search in PyTorch in float64, rules as in its
// README.
type hypothesis struct {
	Tokens   []int32
	Score    float64
	Finished bool
}

type goldenBeam struct {
	K      int
	MaxLen int `json:"max_len"`
	Images []struct {
		Greedy       hypothesis
		Shrink, Pool []hypothesis
		Top          []hypothesis
		BestFinished []hypothesis `json:"best_finished"`
	}
}

func loadBeam(t *testing.T, name string) (g golden, want goldenBeam, features []float32, n int) {
	t.Helper()
	data, err := os.ReadFile(testdata.Golden(t, "captioning/attention/"+name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	g = loadGolden(t, name)
	g.cfg.MaxLen = want.MaxLen
	features, shape, err := g.io.Float32s("a")
	if err != nil {
		t.Fatal(err)
	}
	return g, want, features, shape[0]
}

// captionsBy writes captions with a search made for one call.
func captionsBy(t *testing.T, b compute.Backend, g golden, batch int, o BeamOptions, features []float32, n int) [][]Caption {
	t.Helper()
	beam, err := NewBeam(b, g.store(t).RootScope(), g.cfg, batch, o)
	if err != nil {
		t.Fatal(err)
	}
	defer beam.Close()
	captions, err := beam.Captions(features, n)
	if err != nil {
		t.Fatal(err)
	}
	return captions
}

// sameCaptions compares captions, and returns the largest difference of a score.
func sameCaptions(t *testing.T, what string, got []Caption, want []hypothesis) (worst float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %d captions, want %d", what, len(got), len(want))
		return
	}
	for i, c := range got {
		w := want[i]
		d := math.Abs(c.LogProb - w.Score)
		worst = max(worst, d)
		if !slices.Equal(c.IDs, w.Tokens) || c.Finished != w.Finished || !(d < 1e-4) || c.Score != c.LogProb {
			t.Errorf("%s, caption %d: got %v %v %g, want %v %v %g", what, i, c.IDs, c.Finished, c.LogProb, w.Tokens, w.Finished, w.Score)
		}
	}
	return worst
}

// Both rules of beam.json, at batches that divide the five pictures, do not, and are larger.
func TestBeamGolden(t *testing.T) {
	g, want, features, n := loadBeam(t, "beam")
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, rule := range []BeamRule{Shrink, Pool} {
			for _, batch := range []int{1, 2, 5, 8} {
				t.Run(fmt.Sprintf("%s/batch%d", rule, batch), func(t *testing.T) {
					worst := 0.0
					for i, got := range captionsBy(t, b, g, batch, BeamOptions{K: want.K, Rule: rule}, features, n) {
						golden := want.Images[i].Shrink
						if rule == Pool {
							golden = want.Images[i].Pool
						}
						worst = max(worst, sameCaptions(t, fmt.Sprintf("picture %d", i), got, golden))
						for _, c := range got {
							checkAlphas(t, c, g.cfg.Locations)
							checkLogProbs(t, c)
						}
					}
					t.Logf("largest difference of a score: %.2g", worst)
				})
			}
		}
	})
}

func checkLogProbs(t *testing.T, c Caption) {
	t.Helper()
	sum := 0.0
	for _, p := range c.LogProbs {
		sum += p
	}
	if len(c.LogProbs) != len(c.IDs) || !(math.Abs(sum-c.LogProb) < 1e-9) {
		t.Errorf("got %d log p with the sum %g, want %d with the sum %g", len(c.LogProbs), sum, len(c.IDs), c.LogProb)
	}
}

// A beam as wide as there are captions finds all 781 of beam_exhaustive.json, in order, and their probabilities add up
// to 1.
func TestBeamFindsAll(t *testing.T) {
	g, want, features, n := loadBeam(t, "beam_exhaustive")
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		pool := captionsBy(t, b, g, 2, BeamOptions{K: 781, Rule: Pool}, features, n)
		shrink := captionsBy(t, b, g, 2, BeamOptions{K: 781, Rule: Shrink}, features, n)
		worst := 0.0
		for i := range n {
			worst = max(worst, sameCaptions(t, fmt.Sprintf("picture %d", i), pool[i][:5], want.Images[i].Top))
			for k := range want.Images[i].BestFinished {
				want.Images[i].BestFinished[k].Finished = true
			}
			worst = max(worst, sameCaptions(t, fmt.Sprintf("picture %d, finished", i), shrink[i][:5], want.Images[i].BestFinished))
			total := 0.0
			for _, c := range pool[i] {
				total += math.Exp(c.LogProb)
			}
			if len(pool[i]) != 781 || !(math.Abs(total-1) < 1e-5) {
				t.Errorf("picture %d: got %d captions of probability %g together, want 781 of 1", i, len(pool[i]), total)
			}
		}
		t.Logf("largest difference of a score: %.2g", worst)
	})
}

// What a picture's captions are does not depend on which pictures are beside it, on who had its place before, or on when
// it came: pictures of captions from one word to twelve, in three orders.
func TestBeamKeepsPicturesApart(t *testing.T) {
	g, want, features, n := loadBeam(t, "beam")
	size := len(features) / n
	order := []int{0, 1, 2, 3, 4, 4, 3, 2, 1, 0, 2, 3, 3, 3, 4, 0, 0, 2, 1, 1, 2, 3, 4}
	var many []float32
	for _, i := range order {
		many = append(many, features[i*size:][:size]...)
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, batch := range []int{3, 4, 9} {
			for k, got := range captionsBy(t, b, g, batch, BeamOptions{K: want.K, Rule: Shrink}, many, len(order)) {
				sameCaptions(t, fmt.Sprintf("batch %d, picture %d", batch, k), got, want.Images[order[k]].Shrink)
			}
		}
	})
}

func TestBeamOptions(t *testing.T) {
	b := backendtest.Go(t)
	g, want, features, n := loadBeam(t, "beam")
	plain := captionsBy(t, b, g, 5, BeamOptions{K: 8}, features, n)

	for i, got := range captionsBy(t, b, g, 5, BeamOptions{K: 8, NBest: 2}, features, n) {
		if len(got) != 2 || !slices.Equal(got[0].IDs, plain[i][0].IDs) || !slices.Equal(got[1].IDs, plain[i][1].IDs) {
			t.Errorf("picture %d: two of eight are %v, want the first two of %v", i, got, plain[i])
		}
	}
	for i, got := range captionsBy(t, b, g, 5, BeamOptions{K: 3, Rule: Shrink, Forbid: []int32{End}}, features, n) {
		for _, c := range got {
			if c.Finished || len(c.IDs) != g.cfg.MaxLen {
				t.Errorf("picture %d: without an end word got %v", i, c)
			}
		}
	}
	for i, got := range captionsBy(t, b, g, 5, BeamOptions{K: want.K, Rule: Shrink, Forbid: []int32{Pad, Start, 13, 14}}, features, n) {
		for _, c := range got {
			if slices.ContainsFunc(c.IDs, func(w int32) bool { return w == Pad || w == Start || w == 13 || w == 14 }) {
				t.Errorf("picture %d: got a forbidden word in %v", i, c.IDs)
			}
		}
	}
	for i, got := range captionsBy(t, b, g, 5, BeamOptions{K: 8, LengthExponent: 1}, features, n) {
		for j, c := range got {
			if mean := c.LogProb / float64(len(c.IDs)); !(math.Abs(c.Score-mean) < 1e-12) || j > 0 && c.Score > got[j-1].Score {
				t.Errorf("picture %d, caption %d: got the score %g, want log p a word, %g, in falling order", i, j, c.Score, mean)
			}
		}
		if len(got[0].IDs) <= len(plain[i][0].IDs) {
			t.Errorf("picture %d: dividing by the length chose %v over %v", i, got[0].IDs, plain[i][0].IDs)
		}
	}
}

func TestBeamRefuses(t *testing.T) {
	b := backendtest.Go(t)
	g, _, features, n := loadBeam(t, "beam")
	for want, o := range map[string]BeamOptions{
		"k = 1 or more, found 0": {},
		`"shrink" or "pool"`:     {K: 1, Rule: "grow"},
		"found NaN":              {K: 1, LengthExponent: math.NaN()},
		"found -1":               {K: 1, LengthExponent: -1},
		"n-best":                 {K: 1, NBest: -1},
		"found 20":               {K: 1, Forbid: []int32{20}},
	} {
		if _, err := NewBeam(b, g.store(t).RootScope(), g.cfg, 1, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got the error %v, want one with %q", err, want)
		}
	}
	beam, err := NewBeam(b, g.store(t).RootScope(), g.cfg, 2, BeamOptions{K: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer beam.Close()
	if _, err := beam.Captions(features[1:], n); err == nil || !strings.Contains(err.Error(), "for 5 pictures, found 299") {
		t.Errorf("too few features: got the error %v", err)
	}
	broken := slices.Clone(features)
	broken[3*len(features)/n] = float32(math.Inf(1))
	if _, err := beam.Caption(broken, n); err == nil || !strings.Contains(err.Error(), "word 1 of picture 3: expected probabilities") {
		t.Errorf("infinite features: got the error %v", err)
	}
	if captions, err := beam.Caption(features, n); err != nil || len(captions) != n {
		t.Errorf("after an error: got %v, %v", captions, err)
	}
	if captions, err := beam.Captions(nil, 0); err != nil || len(captions) != 0 {
		t.Errorf("no pictures: got %v, %v", captions, err)
	}
}
