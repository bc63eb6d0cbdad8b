package captioning

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/glimpse-ml/glimpse/captioning/language"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// tinyLanguage is small enough for tests.
func tinyLanguage(bridge Bridge) LanguageConfig {
	c := LanguageConfig{Bridge: bridge, Length: 3, Layers: 1, MaxLen: 6,
		Language: language.Config{Width: 16, Layers: 2, Heads: 2, Eps: 1e-5}}
	return c.Fit(12, 4, 8)
}

// taught is a captioner after some steps of training on pictures and captions that are drawn.
type taught struct {
	cfg      LanguageConfig
	store    *model.Store
	features []float32
	captions [][]int32
	ce       float32 // after the last step
}

const taughtPictures = 6

func teach(t *testing.T, b compute.Backend, bridge Bridge, steps int) taught {
	t.Helper()
	w := taught{cfg: tinyLanguage(bridge), store: model.NewStore()}
	rng := rand.New(rand.NewPCG(5, 6))
	for range taughtPictures * w.cfg.Locations * w.cfg.FeatureDim {
		w.features = append(w.features, float32(rng.NormFloat64()))
	}
	for n := range taughtPictures {
		caption := []int32{Start}
		for range 1 + n%4 {
			caption = append(caption, Unknown+1+int32(rng.IntN(12-int(Unknown)-1)))
		}
		w.captions = append(w.captions, append(caption, End))
	}
	ids, lengths, err := Batch(w.captions, w.cfg.MaxLen)
	if err != nil {
		t.Fatal(err)
	}
	adam := optimizer.Adam().LearningRate(0.01).Done()
	exec, err := model.NewExec(b, w.store, func(scope *model.Scope, a, captions, lengths *Node) *Node {
		w.store.SetTraining(a.Graph(), true)
		captioner := scope.At("captioner")
		l := LanguageLoss(w.cfg, DecodeLanguage(captioner, w.cfg, a, captions), captions, lengths)
		adam.UpdateGraph(scope, a.Graph(), l.Total)
		return l.CrossEntropy
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	for range steps {
		out, err := exec.Call(w.seen(), tensors.FromFlatDataAndDimensions(slices.Clone(ids), taughtPictures, w.cfg.MaxLen+1),
			tensors.FromFlatDataAndDimensions(slices.Clone(lengths), taughtPictures))
		if err != nil {
			t.Fatal(err)
		}
		w.ce = tensors.ToScalar[float32](out[0])
	}
	return w
}

func (w taught) seen() *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(slices.Clone(w.features), taughtPictures, w.cfg.Locations, w.cfg.FeatureDim)
}

// logProbs are log p of every word of captions, read again as in training.
func (w taught) logProbs(t *testing.T, b compute.Backend, captions [][]int32) [][]float32 {
	t.Helper()
	ids, _, err := Batch(captions, w.cfg.MaxLen)
	if err != nil {
		t.Fatal(err)
	}
	exec, err := model.NewExec(b, w.store, func(scope *model.Scope, a, ids *Node) *Node {
		return graph.LogSoftmax(DecodeLanguage(scope.At("captioner"), w.cfg, a, ids), -1)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Call1(w.seen(), tensors.FromFlatDataAndDimensions(ids, len(captions), w.cfg.MaxLen+1))
	if err != nil {
		t.Fatal(err)
	}
	all, V := flat(t, out), w.cfg.Language.VocabSize
	found := make([][]float32, len(captions))
	for n, caption := range captions {
		for i, word := range caption[1:] {
			found[n] = append(found[n], all[(n*w.cfg.MaxLen+i)*V+int(word)])
		}
	}
	return found
}

// With every bridge the loss falls to where the captions are known by heart, greedy search writes them, and what beams of any width say of log p, reading
// word by word with keys and values kept, is what the captions have when they are read at once.
func TestLanguageModelWritesCaptions(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, bridge := range Bridges() {
			t.Run(string(bridge), func(t *testing.T) {
				w := teach(t, b, bridge, 120)
				if w.ce > 0.1 {
					t.Errorf("expected captions known by heart, found a loss of %.3f nats a word", w.ce)
				}
				scope := w.store.RootScope().At("captioner")
				greedy, err := NewGreedy(b, scope, w.cfg, 4)
				if err != nil {
					t.Fatal(err)
				}
				defer greedy.Close()
				said, err := greedy.Caption(w.features, taughtPictures)
				if err != nil {
					t.Fatal(err)
				}
				for n, c := range said {
					if want := w.captions[n][1:]; !slices.Equal(c.IDs, want) {
						t.Errorf("picture %d: expected %v, found %v", n, want, c.IDs)
					}
				}
				w.checkBeam(t, b, scope)
			})
		}
	})
}

// checkBeam reads all captions that a beam of 3 finds again.
func (w taught) checkBeam(t *testing.T, b compute.Backend, scope *model.Scope) {
	t.Helper()
	beam, err := NewBeam(b, scope, w.cfg, 4, BeamOptions{K: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer beam.Close()
	found, err := beam.Captions(w.features, taughtPictures)
	if err != nil {
		t.Fatal(err)
	}
	for place := range 3 {
		var captions [][]int32
		for _, of := range found {
			captions = append(captions, append([]int32{Start}, of[place].IDs...))
		}
		for n, again := range w.logProbs(t, b, captions) {
			for i, p := range found[n][place].LogProbs {
				nearWithin(t, "log p", []float32{float32(p)}, again[i:][:1], func(float64) float64 { return 2e-4 * max(1, -p) })
			}
		}
	}
}

// Flamingo's gates are closed at first: the language model says the same of every picture.
func TestFlamingoStartsBlind(t *testing.T) {
	b := backendtest.Go(t)
	for bridge, blind := range map[Bridge]bool{BridgeFlamingo: true, BridgeMLP: false} {
		w := teach(t, b, bridge, 1)
		fresh := taught{cfg: w.cfg, store: model.NewStore(), features: w.features}
		same := [][]int32{}
		for range taughtPictures {
			same = append(same, []int32{Start, 5, 7, End})
		}
		p := fresh.logProbs(t, b, same)
		if differs := slices.ContainsFunc(p, func(of []float32) bool { return !slices.Equal(of, p[0]) }); differs == blind {
			t.Errorf("%s: expected pictures to make a difference: %v, found the opposite", bridge, !blind)
		}
	}
}

func TestLanguageConfigValidate(t *testing.T) {
	for _, bridge := range Bridges() {
		if err := SmallLanguage(bridge).Fit(1000, 49, 512).Validate(); err != nil {
			t.Error(err)
		}
	}
	for want, change := range map[string]func(*LanguageConfig){
		"bridge": func(c *LanguageConfig) { c.Bridge = "door" }, "length": func(c *LanguageConfig) { c.Length = 0 },
		"layers": func(c *LanguageConfig) { c.Layers = 0 }, "label_smoothing": func(c *LanguageConfig) { c.LabelSmoothing = 1 },
		"n_positions": func(c *LanguageConfig) { c.Language.Context = 5 }, "n_embd": func(c *LanguageConfig) { c.Language.Width = 17 },
	} {
		c := tinyLanguage(BridgeMLP)
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected an error about %s, found %v", want, err)
		}
	}
}
