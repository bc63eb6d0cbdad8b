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
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// The greedy captions of golden/captioning/attention/beam.json, at batch sizes that divide the five pictures, do not,
// and are larger.
func TestGreedyGolden(t *testing.T) {
	var want struct {
		Images []struct {
			Greedy struct {
				Tokens   []int32
				Score    float64
				Finished bool
			}
		}
	}
	data, err := os.ReadFile(testdata.Golden(t, "captioning/attention/beam.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	g := loadGolden(t, "beam")
	features, shape, err := g.io.Float32s("a")
	if err != nil {
		t.Fatal(err)
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, batch := range []int{1, 2, 5, 8} {
			t.Run(fmt.Sprintf("batch%d", batch), func(t *testing.T) {
				greedy, err := NewGreedy(b, g.store(t).RootScope(), g.cfg, batch)
				if err != nil {
					t.Fatal(err)
				}
				defer greedy.Close()
				captions, err := greedy.Caption(features, shape[0])
				if err != nil {
					t.Fatal(err)
				}
				for i, c := range captions {
					w := want.Images[i].Greedy
					if !slices.Equal(c.IDs, w.Tokens) || c.Finished != w.Finished || !(math.Abs(c.LogProb-w.Score) < 1e-4) {
						t.Errorf("picture %d: got %v %v %g, want %v %v %g", i, c.IDs, c.Finished, c.LogProb, w.Tokens, w.Finished, w.Score)
					}
					checkAlphas(t, c, g.cfg.Locations)
				}
			})
		}
	})
}

func checkAlphas(t *testing.T, c Caption, L int) {
	t.Helper()
	if len(c.Alphas) != len(c.IDs) {
		t.Errorf("got %d rows of weights for %d words", len(c.Alphas), len(c.IDs))
	}
	for _, alpha := range c.Alphas {
		sum := 0.0
		for _, x := range alpha {
			sum += float64(x)
		}
		if len(alpha) != L || !(math.Abs(sum-1) < 1e-5) {
			t.Errorf("got %d weights with the sum %g, want %d with the sum 1", len(alpha), sum, L)
		}
	}
}

// A walk step by step gives the log p and the weights of the decoder that reads the whole caption at once.
func TestGreedyAgreesWithDecode(t *testing.T) {
	b := backendtest.Go(t)
	for _, name := range satCases {
		t.Run(name, func(t *testing.T) {
			g := loadGolden(t, name)
			features, shape, err := g.io.Float32s("a")
			if err != nil {
				t.Fatal(err)
			}
			captions, captionsShape, err := g.io.Int32s("captions")
			if err != nil {
				t.Fatal(err)
			}
			alpha, _, err := g.io.Float32s("alpha")
			if err != nil {
				t.Fatal(err)
			}
			logProb, _, err := g.io.Float32s("log_prob_of_target")
			if err != nil {
				t.Fatal(err)
			}
			N, T, L := shape[0], captionsShape[1], shape[1]
			gotLogProbs, gotAlphas := readCaptions(t, b, g.store(t), g.cfg, features, captions, N)
			for i, want := range logProb {
				if want != 0 { // 0 where the step does not count
					n, step := i/(T-1), i%(T-1)
					near(t, "log p", gotLogProbs[step][n:][:1], []float32{want})
					near(t, "alpha", gotAlphas[step][n*L:][:L], alpha[i*L:][:L])
				}
			}
		})
	}
}

// readCaptions walks through the captions [N, T] of N pictures: for each step log p of the word that follows, [N], and
// the attention's weights, [N, L]. Every picture has two rows that take turns: one reads the caption's word, going on
// from where the other was before, the other a wrong word.
func readCaptions(t *testing.T, b compute.Backend, store *model.Store, decoder Decoder, features []float32, captions []int32, N int) (logProbs, alphas [][]float32) {
	t.Helper()
	w, err := newWalker(b, store.RootScope(), decoder, N, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	walk := w.begin()
	defer walk.end()
	size := w.numbers()
	for place := N - 1; place >= 0; place-- { // in any order
		if err := walk.meet(features[place*size:][:size], []int{place}); err != nil {
			t.Fatal(err)
		}
	}
	T := len(captions) / N
	for step := range T - 1 {
		words, parents := make([]int32, 2*N), make([]int32, 2*N)
		for n := range N {
			right := 2*n + step%2 // the row that is in the right state, and reads the right word
			words[right], words[4*n+1-right] = captions[n*T+step], End
			parents[2*n], parents[2*n+1] = int32(4*n+1-right), int32(4*n+1-right)
			if step == 0 {
				parents[2*n], parents[2*n+1] = int32(2*n), int32(2*n+1)
			}
		}
		var p, a []float32
		if err := walk.step(words, parents, func(s said) error {
			for n := range N {
				right := 2*n + step%2
				logits, logSum, err := s.words(right)
				if err != nil {
					return err
				}
				p = append(p, float32(float64(logits[captions[n*T+step+1]])-logSum))
				a = append(a, s.looked(right)...)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		logProbs, alphas = append(logProbs, p), append(alphas, a)
	}
	return logProbs, alphas
}

func TestGreedyRefuses(t *testing.T) {
	b := backendtest.Go(t)
	g := loadGolden(t, "beam")
	scope := g.store(t).RootScope()
	if _, err := NewGreedy(b, scope, g.cfg, 0); err == nil {
		t.Error("a batch of no pictures was accepted")
	}
	if _, err := NewGreedy(b, scope, Config{}, 1); err == nil {
		t.Error("an empty configuration was accepted")
	}
	greedy, err := NewGreedy(b, scope, g.cfg, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer greedy.Close()
	if captions, err := greedy.Caption(nil, 0); err != nil || len(captions) != 0 {
		t.Errorf("no pictures: got %v, %v", captions, err)
	}
	size := g.cfg.Locations * g.cfg.FeatureDim
	if _, err := greedy.Caption(make([]float32, size-1), 1); err == nil || !strings.Contains(err.Error(), "1 x") && !strings.Contains(err.Error(), "for 1 pictures") {
		t.Errorf("too few features: got the error %v", err)
	}
	broken := make([]float32, size)
	broken[3] = float32(math.NaN())
	if _, err := greedy.Caption(broken, 1); err == nil || !strings.Contains(err.Error(), "word 1 of picture 0") {
		t.Errorf("NaN features: got the error %v", err)
	}
	other := g.cfg
	other.Hidden++
	wrong, err := NewGreedy(b, scope, other, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer wrong.Close()
	if _, err := wrong.Caption(make([]float32, size), 1); err == nil || !strings.Contains(err.Error(), "another configuration") {
		t.Errorf("weights of another size: got the error %v", err)
	}
}

// Captions follow the weights of the store as they are at each call.
func TestGreedyUsesPresentWeights(t *testing.T) {
	b := backendtest.Go(t)
	g := loadGolden(t, "beam")
	store := g.store(t)
	greedy, err := NewGreedy(b, store.RootScope(), g.cfg, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer greedy.Close()
	features := make([]float32, g.cfg.Locations*g.cfg.FeatureDim)
	if _, err := greedy.Caption(features, 1); err != nil {
		t.Fatal(err)
	}
	bias := make([]float32, g.cfg.VocabSize)
	bias[7] = 100
	if err := store.GetVariable("/out/bias").SetValue(tensors.FromFlatDataAndDimensions(bias, len(bias))); err != nil {
		t.Fatal(err)
	}
	captions, err := greedy.Caption(features, 1)
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Repeat([]int32{7}, g.cfg.MaxLen); !slices.Equal(captions[0].IDs, want) || captions[0].Finished {
		t.Errorf("got %v, want %v, unfinished", captions[0].IDs, want)
	}
}

func TestLikeliestSkipsForbiddenWords(t *testing.T) {
	logits := []float32{-3, -1, -0.5, -2}
	for _, c := range []struct {
		forbidden []int32
		want      int32
	}{{nil, 2}, {[]int32{2}, 1}, {[]int32{1, 2, 1}, 3}, {[]int32{0}, 2}} {
		may, err := allowed(4, c.forbidden)
		if err != nil {
			t.Fatal(err)
		}
		if got := likeliest(logits, may); got != c.want {
			t.Errorf("without %v: got word %d, want %d", c.forbidden, got, c.want)
		}
	}
	for want, forbidden := range map[string][]int32{"all 4 forbidden": {0, 1, 2, 3}, "found 4": {4}, "found -1": {-1}} {
		if _, err := allowed(4, forbidden); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("forbidding %v: got the error %v, want one with %q", forbidden, err, want)
		}
	}
}
