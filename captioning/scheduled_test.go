package captioning

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// ownWords runs [OwnWords] on golden weights: the captions it returns [N, T], and the likeliest words [N, T-1] after each of theirs.
func ownWords(t *testing.T, b compute.Backend, g golden, a []float32, captions []int32, n int, share float32) (read, likeliest []int32) {
	t.Helper()
	store := g.store(t)
	if err := store.SetRNGStateFromSeed(4); err != nil {
		t.Fatal(err)
	}
	cfg := g.cfg
	cfg.Dropout, cfg.EmbedDropout, cfg.FeatureDropout = 0.5, 0.5, 0.5 // are not to matter
	out, err := model.CallOnceN(b, store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
		words := OwnWords(scope, cfg, in[0], in[1], in[2])
		return []*graph.Node{words, graph.ArgMax(Decode(scope, g.cfg, in[0], words).Logits, -1)}
	}, tensors.FromFlatDataAndDimensions(a, n, cfg.Locations, cfg.FeatureDim), tensors.FromFlatDataAndDimensions(captions, n, len(captions)/n), tensors.FromScalar(share))
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[int32](out[0]), tensors.MustCopyFlatData[int32](out[1])
}

// With a share of 0 the captions stay; with 1 they are what greedy search writes; in between each word is the true one or the likeliest
// after the words before it, as they are read.
func TestOwnWords(t *testing.T) {
	g := loadGolden(t, "beam")
	a, shape, err := g.io.Float32s("a")
	if err != nil {
		t.Fatal(err)
	}
	n, T := shape[0], g.cfg.MaxLen+1
	captions := make([]int32, n*T)
	for i := range captions {
		captions[i] = int32(4 + i*7%(g.cfg.VocabSize-4))
		if i%T == 0 {
			captions[i] = Start
		}
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		if read, _ := ownWords(t, b, g, a, captions, n, 0); !slices.Equal(read, captions) {
			t.Errorf("a share of 0 changed the captions to %v", read)
		}
		greedy, err := NewGreedy(b, g.store(t).RootScope(), g.cfg, n)
		if err != nil {
			t.Fatal(err)
		}
		defer greedy.Close()
		written, err := greedy.Caption(a, n)
		if err != nil {
			t.Fatal(err)
		}
		all, _ := ownWords(t, b, g, a, captions, n, 1)
		for i, caption := range written {
			if got := all[i*T:][:1+len(caption.IDs)]; got[0] != Start || !slices.Equal(got[1:], caption.IDs) {
				t.Errorf("picture %d: a share of 1 read %v, greedy search wrote %v", i, got, caption.IDs)
			}
		}
		some, likeliest := ownWords(t, b, g, a, captions, n, 0.4)
		own, differ := 0, 0
		for i := range n {
			for k := 1; k < T; k++ {
				word, truth, said := some[i*T+k], captions[i*T+k], likeliest[i*(T-1)+k-1]
				if word != truth && word != said {
					t.Errorf("picture %d, word %d: read %d, neither the true %d nor the likeliest %d", i, k, word, truth, said)
				}
				if truth != said {
					differ++
					if word == said {
						own++
					}
				}
			}
		}
		spread := math.Sqrt(0.4 * 0.6 / float64(differ))
		if share := float64(own) / float64(differ); math.Abs(share-0.4) > 4*spread {
			t.Errorf("of %d words a share of %.2f were the decoder's own, expected 0.40 +- %.2f", differ, share, spread)
		}
	})
}

func TestOwnWordsRefusesHardAttention(t *testing.T) {
	g := loadGolden(t, "beam")
	a, shape, _ := g.io.Float32s("a")
	_, err := model.CallOnce(backendtest.Go(t), g.store(t), func(scope *model.Scope, in []*graph.Node) *graph.Node {
		cfg := g.cfg
		cfg.Attention = AttentionHard
		return OwnWords(scope, cfg, in[0], in[1], in[2])
	}, tensors.FromFlatDataAndDimensions(a, shape...), tensors.FromFlatDataAndDimensions(make([]int32, 3*shape[0]), shape[0], 3), tensors.FromScalar(float32(0)))
	if err == nil || !strings.Contains(err.Error(), "found hard attention") {
		t.Errorf("found the error %v", err)
	}
}

// Values of the formulas of Bengio et al. 2015, section 2.4, computed by hand.
func TestScheduled(t *testing.T) {
	for _, c := range []struct {
		schedule Scheduled
		step     int
		own      float64
	}{
		{Scheduled{}, 1000, 0},
		{Scheduled{Decay: DecayLinear, Slope: 0.001}, 0, 0},
		{Scheduled{Decay: DecayLinear, Slope: 0.001}, 250, 0.25},
		{Scheduled{Decay: DecayLinear, Slope: 0.001, Floor: 0.75}, 5000, 0.25},
		{Scheduled{Decay: DecayLinear, Slope: 0.001}, 5000, 1},
		{Scheduled{Decay: DecayInverseSigmoid, K: 1}, 0, 0.5},
		{Scheduled{Decay: DecayInverseSigmoid, K: 100}, 0, 1 - 100.0/101},
		{Scheduled{Decay: DecayInverseSigmoid, K: 100}, 460, 1 - 100/(100+99.48431564193378)},
		{Scheduled{Decay: DecayInverseSigmoid, K: 1}, 100_000, 1},
		{Scheduled{Decay: DecayInverseSigmoid, K: 1, Floor: 0.9}, 100_000, 0.1},
	} {
		if got := c.schedule.Own(c.step); math.Abs(got-c.own) > 1e-9 {
			t.Errorf("%+v at step %d: got %v, expected %v", c.schedule, c.step, got, c.own)
		}
		if err := c.schedule.Validate(); err != nil {
			t.Error(err)
		}
	}
	for want, s := range map[string]Scheduled{
		"decay": {Decay: "cosine"}, "k to be at least 1": {Decay: DecayInverseSigmoid}, "slope": {Decay: DecayLinear, Slope: -1}, "floor": {Floor: 2},
	} {
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: found the error %v", s, err)
		}
	}
}
