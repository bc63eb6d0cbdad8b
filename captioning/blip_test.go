package captioning

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/glimpse-ml/glimpse/captioning/bridge"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// tinyBLIP is small enough for tests; its batches are pictures of 4 places with 8 numbers, and captions of up to 6 tokens.
func tinyBLIP() BLIPConfig {
	return BLIPConfig{Text: bridge.MED{VocabSize: 12, Context: 6, Width: 16, Layers: 2, Heads: 2}, EmbedDim: 8, Temperature: 0.2, LabelSmoothing: 0.1,
		ITC: 1, ITM: 1, FeatureDim: 8, Locations: 4, MaxLen: 5}
}

// blipBatch are n pictures with captions, drawn from a seed.
type blipBatch struct {
	n                 int
	features          []float32
	captions, lengths []int32
}

func drawBLIP(n int, seed uint64) blipBatch {
	b := blipBatch{n: n}
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		for range 4 * 8 {
			b.features = append(b.features, float32(rng.NormFloat64()))
		}
		caption := []int32{Start, Unknown + 1 + int32(i)%8}
		for range i % 3 {
			caption = append(caption, Unknown+1+int32(rng.IntN(8)))
		}
		caption = append(caption, End)
		b.lengths = append(b.lengths, int32(len(caption)))
		for len(caption) < 6 {
			caption = append(caption, Pad)
		}
		b.captions = append(b.captions, caption...)
	}
	return b
}

func (b blipBatch) tensors() []any {
	return []any{tensors.FromFlatDataAndDimensions(slices.Clone(b.features), b.n, 4, 8), tensors.FromFlatDataAndDimensions(slices.Clone(b.captions), b.n, 6),
		tensors.FromFlatDataAndDimensions(slices.Clone(b.lengths), b.n)}
}

func flatOf(t *testing.T, x *tensors.Tensor) []float32 {
	t.Helper()
	values, err := tensors.CopyFlatData[float32](x)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// surprised is -log p of a target among scores, by a loop.
func surprised(scores []float32, target int) float64 {
	sum := 0.0
	for _, s := range scores {
		sum += math.Exp(float64(s) - float64(scores[target]))
	}
	return math.Log(sum)
}

// The three losses are their formulas, summed by loops over the scores that the heads give.
func TestBLIPLosses(t *testing.T) {
	cfg, batch := tinyBLIP(), drawBLIP(5, 1)
	const N, T, V = 5, 6, 12
	texts, pictures := []int32{2, 0, 4, 1, 3}, []int32{1, 2, 0, 0, 2}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		exec := model.MustNewExec(b, model.NewStore(), func(scope *model.Scope, inputs []*Node) []*Node {
			f, c, l := inputs[0], inputs[1], inputs[2]
			similar, said := cfg.Similarities(scope, f, c, l), cfg.Say(scope, f, c, l)
			matched, accuracy := cfg.matched(scope, cfg.Text.Look(scope.At("text"), f), c, l, inputs[3], inputs[4])
			lend := func(x, which *Node) *Node { return graph.Gather(x, graph.InsertAxes(which, -1)) }
			right, wrongText := cfg.Match(scope, f, c, l), cfg.Match(scope, f, lend(c, inputs[3]), lend(l, inputs[3]))
			wrongPicture := cfg.Match(scope, lend(f, inputs[4]), c, l)
			_, smoothed, mask := wordLosses(said, c, l, cfg.LabelSmoothing)
			return []*Node{similar, contrasted(similar), right, wrongText, wrongPicture, matched, accuracy, said, graph.ReduceAllSum(smoothed), graph.ReduceAllSum(mask)}
		})
		defer exec.Finalize()
		out := exec.MustCall(append(batch.tensors(), texts, pictures)...)
		value := func(i int) []float32 { return flatOf(t, out[i]) }
		near := func(what string, got float32, want float64) {
			t.Helper()
			if math.Abs(float64(got)-want) > 1e-4 {
				t.Errorf("%s: expected %.6f, found %.6f", what, want, got)
			}
		}
		similar, itc := value(0), 0.0
		for i := range N {
			column := make([]float32, N)
			for k := range N {
				column[k] = similar[k*N+i]
			}
			itc += (surprised(similar[i*N:(i+1)*N], i) + surprised(column, i)) / (2 * N)
		}
		near("ITC", value(1)[0], itc)
		itm, hits := 0.0, 0.0
		for k, scores := range [][]float32{value(2), value(3), value(4)} {
			for i := range N {
				target := 0
				if k == 0 {
					target = 1
				}
				itm += surprised(scores[2*i:2*i+2], target) / (3 * N)
				if scores[2*i+target] > scores[2*i+1-target] {
					hits++
				}
			}
		}
		near("ITM", value(5)[0], itm)
		near("accuracy", value(6)[0], hits/(3*N))
		said, lm, words := value(7), 0.0, 0.0
		for i := range N {
			for step := range int(batch.lengths[i]) - 1 {
				row := said[(i*(T-1)+step)*V:][:V]
				mean := 0.0
				for k := range V {
					mean += surprised(row, k) / V
				}
				lm += 0.9*surprised(row, int(batch.captions[i*T+step+1])) + 0.1*mean
				words++
			}
		}
		near("LM, the sum", value(8)[0], lm)
		near("words", value(9)[0], words)
	})
}

// Wrong texts and pictures are never the right ones, and come the more often the more similar they are: as their softmax says.
func TestHardPairs(t *testing.T) {
	scores := []float32{9, 1, 0, 2, 9, 0, 0, 0, 9}
	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(1); err != nil {
		t.Fatal(err)
	}
	exec := model.MustNewExec(backendtest.Go(t), store, func(scope *model.Scope, similar *Node) []*Node {
		texts, pictures := hardPairs(scope, similar)
		return []*Node{texts, pictures}
	})
	defer exec.Finalize()
	const draws = 4000
	counts := [2][3][3]float64{}
	for range draws {
		for k, out := range exec.MustCall(tensors.FromFlatDataAndDimensions(slices.Clone(scores), 3, 3)) {
			for i, j := range out.Value().([]int32) {
				counts[k][i][j]++
			}
		}
	}
	for k := range counts {
		for i := range 3 {
			total := 0.0
			weight := func(j int) float64 {
				if j == i {
					return 0
				}
				return math.Exp(float64([2]float32{scores[i*3+j], scores[j*3+i]}[k]))
			}
			for j := range 3 {
				total += weight(j)
			}
			for j := range 3 {
				if want := weight(j) / total; math.Abs(counts[k][i][j]/draws-want) > 0.03 {
					t.Errorf("direction %d, row %d, column %d: expected the share %.3f, found %.3f", k, i, j, want, counts[k][i][j]/draws)
				}
			}
		}
	}
}

// What is read depends on the words that count, not on the padding, in speaking on no later word, and alone not on the picture.
func TestBLIPReads(t *testing.T) {
	cfg, batch := tinyBLIP(), drawBLIP(3, 2)
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		exec := model.MustNewExec(b, model.NewStore(), func(scope *model.Scope, inputs []*Node) []*Node {
			var all []*Node
			for _, mode := range []bridge.Mode{bridge.Alone, bridge.Grounded, bridge.Speaking} {
				all = append(all, cfg.Text.Read(scope.At("text"), mode, inputs[1], inputs[2], cfg.Text.Look(scope.At("text"), inputs[0])))
			}
			return all
		})
		defer exec.Finalize()
		before := exec.MustCall(batch.tensors()...)
		changed := drawBLIP(3, 2)
		changed.captions[5], changed.captions[2*6+3] = 7, 9 // padding of the first caption, word 3 of the third, whose length is 5
		changed.features[4*8] += 1                          // the second picture
		after := exec.MustCall(changed.tensors()...)
		same := func(mode bridge.Mode, caption, word int) bool {
			const W = 16
			from := (caption*6 + word) * W
			return slices.Equal(flatOf(t, before[mode])[from:from+W], flatOf(t, after[mode])[from:from+W])
		}
		for mode, want := range map[bridge.Mode][4]bool{
			bridge.Alone:    {true, true, false, false},
			bridge.Grounded: {true, false, false, false},
			bridge.Speaking: {true, false, true, false},
		} {
			found := [4]bool{same(mode, 0, 0), same(mode, 1, 0), same(mode, 2, 2), same(mode, 2, 4)}
			if found != want {
				t.Errorf("mode %d: what stays the same: expected %v, found %v", mode, want, found)
			}
		}
	})
}

// All weights learn, and after some steps the three heads know the batch by heart: on both backends.
func TestBLIPLearns(t *testing.T) {
	cfg, batch := tinyBLIP(), drawBLIP(6, 3)
	cfg.LabelSmoothing = 0
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		adam := optimizer.Adam().LearningRate(0.01).Done()
		exec := model.MustNewExec(b, store, func(scope *model.Scope, inputs []*Node) []*Node {
			store.SetTraining(inputs[0].Graph(), true)
			l := BLIP(scope.At("blip"), cfg, inputs[0], inputs[1], inputs[2])
			adam.UpdateGraph(scope, inputs[0].Graph(), l.Total)
			return []*Node{l.Total, l.ITC, l.ITM, l.LM, l.Accuracy}
		})
		defer exec.Finalize()
		found := map[string][]float32{}
		var first, last []float32
		for step := range 120 {
			last = nil
			for _, x := range exec.MustCall(batch.tensors()...) {
				last = append(last, tensors.ToScalar[float32](x))
			}
			if math.Abs(float64(last[0]-last[1]-last[2]-last[3])) > 1e-4 {
				t.Fatalf("expected the sum of three losses, found %v", last)
			}
			if step == 0 {
				first = last
				for v := range store.IterVariables() {
					if strings.HasPrefix(v.Path(), "/blip/") {
						found[v.Path()] = flatOf(t, v.MustValue())
					}
				}
			}
		}
		if first[1] < 0.5 || last[1] > 0.3 || last[2] > 0.4 || last[3] > 0.5 || last[4] < 0.8 {
			t.Errorf("losses (total, ITC, ITM, LM, accuracy): at first %v, in the end %v", first, last)
		}
		own, shared := 0, 0
		for path, values := range found {
			if slices.Equal(values, flatOf(t, store.GetVariable(path).MustValue())) {
				t.Errorf("%s has learned nothing", path)
			}
			if strings.Contains(path, "/attn") {
				own++
			} else if strings.Contains(path, "/layers/") {
				shared++
			}
		}
		if own != 2*2*4 || shared != 2*(4*2+4+4) { // two layers, of four norms, the look at the picture and the network
			t.Errorf("weights: %d of the two self-attentions, %d that all ways of reading share", own, shared)
		}
	})
}

// The gradients go to the pictures' features too, from each of the losses.
func TestBLIPTeachesThePicture(t *testing.T) {
	cfg, batch := tinyBLIP(), drawBLIP(4, 4)
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		exec := model.MustNewExec(b, model.NewStore(), func(scope *model.Scope, inputs []*Node) []*Node {
			l := BLIP(scope, cfg, inputs[0], inputs[1], inputs[2])
			var all []*Node
			for _, loss := range []*Node{l.ITC, l.ITM, l.LM} {
				all = append(all, graph.Gradient(loss, inputs[0])[0])
			}
			return all
		})
		defer exec.Finalize()
		for i, gradient := range exec.MustCall(batch.tensors()...) {
			largest := 0.0
			for _, v := range flatOf(t, gradient) {
				largest = max(largest, math.Abs(float64(v)))
			}
			if !(largest > 1e-6 && largest < 100) {
				t.Errorf("loss %d: the largest slope is %g", i, largest)
			}
		}
	})
}

func TestBLIPRefuses(t *testing.T) {
	for want, change := range map[string]func(c *BLIPConfig){
		"embed_dim":                 func(c *BLIPConfig) { c.EmbedDim = 0 },
		"temperature":               func(c *BLIPConfig) { c.Temperature = 0 },
		"label_smoothing":           func(c *BLIPConfig) { c.LabelSmoothing = 1 },
		"multiple of its heads":     func(c *BLIPConfig) { c.Text.Heads = 5 },
		"text.context":              func(c *BLIPConfig) { c.Text.Context = 1 },
		"dropout":                   func(c *BLIPConfig) { c.Text.Dropout = 1 },
		"max_len":                   func(c *BLIPConfig) { c.MaxLen = 0 },
		"locations":                 func(c *BLIPConfig) { c.Locations = 0 },
		"itc_weight and itm_weight": func(c *BLIPConfig) { c.ITM = -1 },
		"wrong pairs are drawn":     func(c *BLIPConfig) { c.ITC = 0 },
	} {
		c := SmallBLIP()
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, found %v", want, err)
		}
	}
	for want, batch := range map[string]blipBatch{"at least 2 pictures": drawBLIP(1, 1)} {
		_, err := model.MustNewExec(backendtest.Go(t), model.NewStore(), func(scope *model.Scope, inputs []*Node) *Node {
			return BLIP(scope, tinyBLIP(), inputs[0], inputs[1], inputs[2]).Total
		}).Call(batch.tensors()...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, found %v", want, err)
		}
	}
}
