package answering

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// tiny is a network on an untrained tower of pictures of 16 x 16, which leaves a grid of 2 x 2.
func tiny(t testing.TB, change func(c *Config)) *Model {
	t.Helper()
	eye := clip.Tiny(300)
	eye.EmbedDim, eye.Vision.Height, eye.Vision.Width = 6, 16, 16
	eye.Vision.Stages = []clip.Stage{{Channels: 5, Blocks: 1}, {Channels: 7, Blocks: 1}}
	tower, err := clip.New(eye, nil, 3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tower.EncodeImages(backendtest.Go(t), [][]float32{pattern(16*16*3, 1)}); err != nil { // makes the weights
		t.Fatal(err)
	}
	c := Config{Sees: Grid, Width: 8, Hidden: 10, Blocks: 2, Length: 6,
		Words: Vocabulary([]string{"What colour is the circle?", "how many?"}), Answers: []string{"yes", "no", "red"}}
	if change != nil {
		change(&c)
	}
	m, err := New(c, tower, 5)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// pattern is n numbers between -1 and 1, others for another phase.
func pattern(n int, phase float64) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(math.Sin(float64(i)*0.37 + phase))
	}
	return values
}

func TestWords(t *testing.T) {
	m := tiny(t, nil)
	if want := []string{"circle", "colour", "how", "is", "many", "the", "what"}; !slices.Equal(m.Config.Words, want) {
		t.Errorf("found the words %q", m.Config.Words)
	}
	ids, err := m.Config.Encode("  HOW many... circle?")
	if want := []int32{mark, firstWord + 2, firstWord + 4, firstWord, padding, padding, padding}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("found %v, %v", ids, err)
	}
	for question, want := range map[string]string{
		"what mauve circle":           `found "mauve" in "what mauve circle"; it knows: circle, colour, how, is, many, the, what`,
		"how how how how how how how": "at most 6 words, found 7",
		" ?! ":                        `a question in words, found " ?! "`,
		"what colour is the circle is the circle": "at most 6 words, found 8",
	} {
		if _, err := m.Config.Encode(question); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: expected %q, found %v", question, want, err)
		}
	}
}

// The answer to a question depends on its picture and its words, and on nothing beside it; a network that sees or hears nothing is blind or deaf indeed. All backends
// agree.
func TestWhatAnswersDependOn(t *testing.T) {
	for name, c := range map[string]struct {
		change       func(c *Config)
		looks, hears bool
	}{
		"grid":   {nil, true, true},
		"pooled": {func(c *Config) { c.Sees = Pooled }, true, true},
		"blind":  {func(c *Config) { c.Sees = Nothing }, false, true},
		"deaf":   {func(c *Config) { c.Deaf = true }, true, false},
	} {
		var first []float32
		backendtest.Each(t, func(t *testing.T, b compute.Backend) {
			m := tiny(t, c.change)
			one, other := pattern(16*16*3, 1), pattern(16*16*3, 2)
			logits := func(pixels [][]float32, questions ...[]string) [][][]float32 {
				all, err := m.Logits(b, pixels, questions)
				if err != nil {
					t.Fatal(name, err)
				}
				return all
			}
			alone := logits([][]float32{one}, []string{"what colour is the circle"})[0][0]
			if first == nil {
				first = alone
			}
			near(t, name+": backends", alone, first, true)
			all := logits([][]float32{other, one}, []string{"how many"}, []string{"how many circle", "what colour is the circle"})
			if len(all[0]) != 1 || len(all[1]) != 2 {
				t.Fatalf("%s: found answers to %d and %d questions", name, len(all[0]), len(all[1]))
			}
			near(t, name+": beside others", all[1][1], alone, true)
			near(t, name+": another question", all[1][0], alone, !c.hears)
			near(t, name+": another picture", logits([][]float32{other}, []string{"what colour is the circle"})[0][0], alone, !c.looks)
		})
	}
}

// near wants logits to be the same, or not.
func near(t *testing.T, what string, found, want []float32, same bool) {
	t.Helper()
	apart := 0.0
	for i := range want {
		apart = max(apart, math.Abs(float64(found[i]-want[i])))
	}
	if (apart < 1e-5) != same {
		t.Errorf("%s: expected the same logits: %v, found %v and %v", what, same, found, want)
	}
}

func TestLoss(t *testing.T) {
	logits := [][][]float32{{{1, 2, 3}, {0, 0, 0}}, {{5, -1, 0}, {0, 80, 0}}}
	right := [][]int32{{2, 1}, {1, 1}}
	want, n := 0.0, 4.0
	for i, rows := range logits {
		for k, row := range rows {
			sum := 0.0
			for _, v := range row {
				sum += math.Exp(float64(v))
			}
			want += (math.Log(sum) - float64(row[right[i][k]])) / n
		}
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		out, err := model.CallOnceN(b, model.NewStore(), func(_ *model.Scope, in []*graph.Node) []*graph.Node {
			loss, accuracy := Loss(in[0], in[1])
			return []*graph.Node{loss, accuracy}
		}, logits, right)
		if err != nil {
			t.Fatal(err)
		}
		if loss := float64(out[0].Value().(float32)); math.Abs(loss-want) > 1e-5 {
			t.Errorf("expected the loss %g, found %g", want, loss)
		}
		if accuracy := out[1].Value().(float32); accuracy != 0.75 { // of equals any is the likeliest
			t.Errorf("expected 3 of 4 right, found %g", accuracy)
		}
	})
}

// Every weight of the network gets a gradient from a batch, on every backend.
func TestGradients(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		m := tiny(t, nil)
		ids, err := m.Config.Encode("what colour is the circle")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		exec, err := model.NewExec(b, m.Store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
			scope.Store().SetTraining(in[0].Graph(), true)
			loss, _ := Loss(m.Forward(scope, in[:2]), in[2])
			var at []*graph.Node
			for v := range m.Store.IterVariables() {
				if isWeight(v.Path()) && v.Trainable && !strings.Contains(v.Path(), "/visual/proj") && !strings.Contains(v.Path(), "/visual/ln_post") { // which pool the places
					names, at = append(names, v.Path()), append(at, v.NodeValue(loss))
				}
			}
			return graph.Gradient(loss, at...)
		})
		if err != nil {
			t.Fatal(err)
		}
		defer exec.Finalize()
		in := m.Config.Tensors(slices.Concat(pattern(16*16*3, 1), pattern(16*16*3, 2)), slices.Concat(ids, ids), 2)
		gradients, err := exec.Call(in[0], in[1], [][]int32{{0}, {2}})
		if err != nil {
			t.Fatal(err)
		}
		if len(gradients) < 40 {
			t.Fatalf("found %d weights", len(gradients))
		}
		for i, g := range gradients {
			if !slices.ContainsFunc(tensors.MustCopyFlatData[float32](g), func(v float32) bool { return v != 0 }) {
				t.Errorf("%s has no gradient", names[i])
			}
		}
	})
}

// Padding is not read: other numbers in its place change nothing.
func TestPaddingIsNotRead(t *testing.T) {
	b, m := backendtest.Go(t), tiny(t, nil)
	ask := func() []float32 {
		all, err := m.Logits(b, [][]float32{pattern(16*16*3, 1)}, [][]string{{"how many"}})
		if err != nil {
			t.Fatal(err)
		}
		return all[0][0]
	}
	before := ask()
	table := m.Store.GetVariable("/answering/words/weight")
	values := tensors.MustCopyFlatData[float32](table.MustValue())
	for i := range m.Config.Width {
		values[padding*m.Config.Width+i] = 5 // one of the padding's row
	}
	if err := table.SetValue(tensors.FromFlatDataAndDimensions(values, table.Shape().Dimensions...)); err != nil {
		t.Fatal(err)
	}
	near(t, "padding", ask(), before, true)
	for i := range m.Config.Width {
		values[mark*m.Config.Width+i] = 5
	}
	if err := table.SetValue(tensors.FromFlatDataAndDimensions(values, table.Shape().Dimensions...)); err != nil {
		t.Fatal(err)
	}
	near(t, "the mark", ask(), before, false)
}

// A FiLM block is what its formula says, in float64 and without a graph, on a grid that is not square.
func TestFilmBlock(t *testing.T) {
	const m, h, w, width, hidden = 2, 2, 3, 4, 5
	cfg := Config{Sees: Grid, Width: width, Hidden: hidden}
	cfg.Vision = clip.Tiny(3).Vision
	cfg.Vision.Height, cfg.Vision.Width = h*8, w*8
	cfg.Vision.Stages = cfg.Vision.Stages[:1]
	cfg.Vision.Patch = 8
	if high, wide := cfg.grid(); high != h || wide != w {
		t.Fatalf("expected a grid of %d x %d, found %d x %d", h, w, high, wide)
	}
	x, questions := pattern(m*h*w*width, 1), pattern(m*hidden, 2)
	where := func(i int) []float64 { // of place i: right, down
		return []float64{[]float64{-2. / 3, 0, 2. / 3}[i%w], []float64{-0.5, 0.5}[i/w]}
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := model.NewStore()
		store.SetParam("/"+nn.SeedParam, int64(1))
		out, err := model.CallOnce(b, store, func(scope *model.Scope, in []*graph.Node) *graph.Node { return filmBlock(scope, cfg, in[0], in[1]) },
			tensors.FromFlatDataAndDimensions(slices.Clone(x), m, h, w, width), tensors.FromFlatDataAndDimensions(slices.Clone(questions), m, hidden))
		if err != nil {
			t.Fatal(err)
		}
		weight := func(name string) []float32 {
			return tensors.MustCopyFlatData[float32](store.GetVariable("/" + name + "/weight").MustValue())
		}
		found, mix, kernel, gammas, betas := tensors.MustCopyFlatData[float32](out), weight("mix"), weight("conv"), weight("film/gamma"), weight("film/beta")
		for n := range m {
			mixed := make([][]float64, h*w)
			for i := range mixed {
				for o := range width {
					sum := 0.0
					for c := range width + 2 {
						v := 0.0
						if c < width {
							v = float64(x[(n*h*w+i)*width+c])
						} else {
							v = where(i)[c-width]
						}
						sum += float64(mix[o*(width+2)+c]) * v
					}
					mixed[i] = append(mixed[i], max(sum, 0))
				}
			}
			for i := range mixed {
				z := make([]float64, width)
				for o := range z {
					for dy := -1; dy <= 1; dy++ {
						for dx := -1; dx <= 1; dx++ {
							row, column := i/w+dy, i%w+dx
							if row < 0 || row >= h || column < 0 || column >= w {
								continue
							}
							for c := range width {
								z[o] += float64(kernel[((o*width+c)*3+dy+1)*3+dx+1]) * mixed[row*w+column][c]
							}
						}
					}
				}
				mean, variance := 0.0, 0.0
				for _, v := range z {
					mean += v / width
				}
				for _, v := range z {
					variance += (v - mean) * (v - mean) / width
				}
				for o, v := range z {
					gamma, beta := 1.0, 0.0
					for k := range hidden {
						q := float64(questions[n*hidden+k])
						gamma, beta = gamma+float64(gammas[o*hidden+k])*q, beta+float64(betas[o*hidden+k])*q
					}
					want := mixed[i][o] + max(0, gamma*(v-mean)/math.Sqrt(variance+normEps)+beta)
					if got := float64(found[(n*h*w+i)*width+o]); math.Abs(got-want) > 1e-4 {
						t.Fatalf("place %d of %d, number %d: expected %g, found %g", i, n, o, want, got)
					}
				}
			}
		}
	})
}
