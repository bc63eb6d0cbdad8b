package captioning

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// A model with three heads writes the captions that it has learned by heart, and what a beam says of log p, reading word by word with keys and values
// kept, is what the third head says of the captions when they are read at once.
func TestBLIPWritesCaptions(t *testing.T) {
	const pictures = 6
	cfg, batch := tinyBLIP(), drawBLIP(pictures, 7)
	cfg.LabelSmoothing = 0
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		adam := optimizer.Adam().LearningRate(0.005).Done()
		step := model.MustNewExec(b, store, func(scope *model.Scope, inputs []*Node) *Node {
			store.SetTraining(inputs[0].Graph(), true)
			l := BLIP(scope.At("blip"), cfg, inputs[0], inputs[1], inputs[2])
			adam.UpdateGraph(scope, inputs[0].Graph(), l.Total)
			return l.Words
		})
		defer step.Finalize()
		var words float32
		for range 200 {
			words = tensors.ToScalar[float32](step.MustCall1(batch.tensors()...))
		}
		if words > 0.1 {
			t.Errorf("expected captions known by heart, found a loss of %.3f nats a word", words)
		}
		scope := store.RootScope().At("blip")
		greedy, err := NewGreedy(b, scope, cfg, 4)
		if err != nil {
			t.Fatal(err)
		}
		defer greedy.Close()
		said, err := greedy.Caption(batch.features, pictures)
		if err != nil {
			t.Fatal(err)
		}
		for n, c := range said {
			if want := batch.captions[n*6+1:][:batch.lengths[n]-1]; !slices.Equal(c.IDs, want) {
				t.Errorf("picture %d: expected %v, found %v", n, want, c.IDs)
			}
		}
		checkBLIPBeam(t, b, scope, cfg, batch)
	})
}

// checkBLIPBeam reads all captions that a beam of 3 finds again, at once.
func checkBLIPBeam(t *testing.T, b compute.Backend, scope *model.Scope, cfg BLIPConfig, batch blipBatch) {
	t.Helper()
	beam, err := NewBeam(b, scope, cfg, 4, BeamOptions{K: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer beam.Close()
	found, err := beam.Captions(batch.features, batch.n)
	if err != nil {
		t.Fatal(err)
	}
	again := model.MustNewExec(b, scope.Store(), func(_ *model.Scope, inputs []*Node) *Node {
		return graph.LogSoftmax(cfg.Say(scope, inputs[0], inputs[1], inputs[2]), -1)
	})
	defer again.Finalize()
	for place := range 3 {
		var captions [][]int32
		for _, of := range found {
			captions = append(captions, append([]int32{Start}, of[place].IDs...))
		}
		ids, lengths, err := Batch(captions, cfg.MaxLen)
		if err != nil {
			t.Fatal(err)
		}
		p := flatOf(t, again.MustCall1(batch.tensors()[0], tensors.FromFlatDataAndDimensions(ids, batch.n, cfg.MaxLen+1), lengths))
		for n, caption := range captions {
			for i, word := range caption[1:] {
				want, got := float64(p[(n*cfg.MaxLen+i)*cfg.Text.VocabSize+int(word)]), found[n][place].LogProbs[i]
				if math.Abs(want-got) > 2e-4*math.Max(1, -want) {
					t.Errorf("place %d, picture %d, word %d: expected log p %.6f, found %.6f", place, n, i, want, got)
				}
			}
		}
	}
}

// Dropout acts while training, on every way of reading, and at no other time.
func TestBLIPDropout(t *testing.T) {
	cfg, batch := tinyBLIP(), drawBLIP(4, 9)
	cfg.Text.Dropout = 0.5
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		for _, training := range []bool{true, false} {
			exec := model.MustNewExec(b, store, func(scope *model.Scope, inputs []*Node) []*Node {
				store.SetTraining(inputs[0].Graph(), training)
				f, c, l := inputs[0], inputs[1], inputs[2]
				return []*Node{cfg.EmbedTexts(scope, c, l), cfg.Match(scope, f, c, l), cfg.Say(scope, f, c, l)}
			})
			first, second := exec.MustCall(batch.tensors()...), exec.MustCall(batch.tensors()...)
			exec.Finalize()
			for i, way := range []string{"alone", "with the picture", "in speaking"} {
				if same := slices.Equal(flatOf(t, first[i]), flatOf(t, second[i])); same == training {
					t.Errorf("training %v, %s: twice the same is %v", training, way, same)
				}
			}
		}
	})
}

// A loss without weight is 0, and its head has no weights.
func TestBLIPWithoutHeads(t *testing.T) {
	for _, of := range []struct{ itc, itm float64 }{{0, 0}, {1, 0}, {1, 1}} {
		cfg, batch := tinyBLIP(), drawBLIP(3, 8)
		cfg.ITC, cfg.ITM = of.itc, of.itm
		store := model.NewStore()
		exec := model.MustNewExec(backendtest.Go(t), store, func(scope *model.Scope, inputs []*Node) []*Node {
			l := BLIP(scope, cfg, inputs[0], inputs[1], inputs[2])
			return []*Node{l.Total, l.ITC, l.ITM, l.LM}
		})
		var found []float64
		for _, x := range exec.MustCall(batch.tensors()...) {
			found = append(found, float64(tensors.ToScalar[float32](x)))
		}
		exec.Finalize()
		if total := found[1]*of.itc + found[2]*of.itm + found[3]; math.Abs(total-found[0]) > 1e-5 {
			t.Errorf("%+v: expected the sum %.6f, found %v", of, total, found)
		}
		for weight, loss := range map[string]float64{"/image_proj/weight": of.itc, "/itm_head/weight": of.itm} {
			if there := store.GetVariable(weight) != nil; there != (loss > 0) {
				t.Errorf("%+v: %s is there: %v", of, weight, there)
			}
		}
	}
}
