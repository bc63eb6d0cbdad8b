package pointing

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

func openBackend(t *testing.T, name string) *backend.Backend {
	t.Helper()
	return backendtest.Open(t, name)
}

// fast is the fastest backend of the machine.
func fast(t *testing.T) *backend.Backend {
	t.Helper()
	if backend.HasONNX && backend.FindONNXRuntime() != "" {
		return openBackend(t, "onnx:cpu")
	}
	return openBackend(t, "go")
}

func quick(t *testing.T, b *backend.Backend, settings ...string) (*experiments.Run, experiments.Result) {
	t.Helper()
	opts := experiments.Options{Form: experiments.Quick, Seed: 1, Out: filepath.Join(t.TempDir(), "run")}
	for _, text := range settings {
		o, err := experiments.ParseOverride(text)
		if err != nil {
			t.Fatal(err)
		}
		opts.Overrides = append(opts.Overrides, o)
	}
	run, result, err := Experiment().Start(context.Background(), b, opts)
	if err != nil {
		t.Fatal(err)
	}
	return run, result
}

func reportOf(t *testing.T, run *experiments.Run) *Report {
	t.Helper()
	data, err := os.ReadFile(run.Path(ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// The quick form learns to write captions of the grammar, its figures agree with what the scenes say of its examples, and
// it leaves a captioner that opens and writes the same.
func TestQuickForm(t *testing.T) {
	b := fast(t)
	run, result := quick(t, b)
	r := reportOf(t, run)
	held := r.OnHeldOut
	if held == nil || held.Scenes != 300 || r.OnDev.Scenes != 60 {
		t.Fatalf("got %+v", r)
	}
	wrong := 0
	for _, n := range held.Mistakes {
		wrong += n
	}
	if right := int(math.Round(held.True.Value * 300)); right+wrong != 300 {
		t.Errorf("%d true captions and %d mistakes of 300", right, wrong)
	}
	if unparsed := held.Mistakes[string(scenes.NotParsed)]; unparsed > 100 { // an untrained decoder writes nothing of the grammar
		t.Errorf("%d of 300 captions are outside the grammar", unparsed)
	}
	if loss := r.Trained.Last.Loss; loss > math.Log(50)/2 { // half of that of guessing one of 50 words
		t.Errorf("the loss is %v", loss)
	}
	attention := held.Nouns[0]
	// Half a minute of training names few objects rightly; how sharply it looks at those is measured by the full form.
	if attention.Words < 1 || attention.Words+attention.Missing < 100 || attention.Ratio.Value < 1 || attention.Uniform.Value < 0.01 || attention.Uniform.Value > 0.3 {
		t.Errorf("attention: %+v", attention)
	}
	if gradient := held.Nouns[1]; gradient.Map != GradientMap || gradient.Words != attention.Words || gradient.Share.Value <= gradient.Uniform.Value {
		t.Errorf("gradient: %+v", gradient)
	}
	if result.Metrics["attention_share"] != attention.Share.Value || result.Metrics["true"] != held.True.Value || result.Metrics["CIDEr"] <= 0 {
		t.Errorf("got %v", result.Metrics)
	}
	checkExamples(t, b, run, held)
}

// Captions that are longer than the model allows are counted in the results.
func TestLongCaptionsAreNamed(t *testing.T) {
	_, result := quick(t, fast(t), "model.max_len=5", "train.steps=2", "train.eval_every=0", "held_out=0", "dev=4", "saliency=false")
	if len(result.Remarks) != 1 || !strings.Contains(result.Remarks[0], "up to their word 5 alone") {
		t.Errorf("found the remarks %q", result.Remarks)
	}
	if _, result = quick(t, fast(t), "train.steps=2", "train.eval_every=0", "held_out=0", "dev=4", "saliency=false"); len(result.Remarks) != 0 {
		t.Errorf("found the remarks %q", result.Remarks)
	}
}

// checkExamples lets the saved captioner write the examples again, and the scenes judge them.
func checkExamples(t *testing.T, b *backend.Backend, run *experiments.Run, held *Scored) {
	t.Helper()
	var cfg Config
	if err := json.Unmarshal(run.Manifest.Config, &cfg); err != nil {
		t.Fatal(err)
	}
	c, err := captioner.Open(t.Context(), b, run.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	set, err := cfg.Drawing.open(cfg.CNN.Size, scenes.Test, testSeed, held.Scenes)
	if err != nil {
		t.Fatal(err)
	}
	all, err := write(t.Context(), c, set, captioning.BeamOptions{K: cfg.Beam})
	if err != nil {
		t.Fatal(err)
	}
	if len(held.Examples) == 0 {
		t.Error("there are no examples")
	}
	for i, e := range held.Examples {
		if _, err := os.Stat(run.Path("plots", "example-1.png")); err != nil {
			t.Error(err)
		}
		ok, err := set.Scene(e.Scene).True(e.Caption)
		if ok != (e.Mistake == scenes.NoMistake) || (err != nil) != (e.Mistake == scenes.NotParsed) {
			t.Errorf("example %d, %q, is said to have the mistake %q; the scene says %v, %v", i, e.Caption, e.Mistake, ok, err)
		}
		if again := all[e.Scene].text(); again != e.Caption {
			t.Errorf("example %d was %q, and from the saved model it is %q", i, e.Caption, again)
		}
		if len(e.Maps) != len(scenes.WordsOf(e.Caption)) || len(e.Maps[0]) != held.grid()*held.grid() {
			t.Errorf("example %d has %d maps of %d places", i, len(e.Maps), len(e.Maps[0]))
		}
	}
}

func (s *Scored) grid() int { return int(math.Sqrt(float64(len(s.Examples[0].Maps[0])))) }

// Hard and uniform attention go through the same measure.
func TestOtherAttentions(t *testing.T) {
	b := fast(t)
	run, _ := quick(t, b, "model.attention=hard", "train.steps=20", "dev=20", "held_out=20")
	if held := reportOf(t, run).OnHeldOut; len(held.Nouns) != 3 || held.Nouns[0].Map != PlaceMap || held.Nouns[1].Map != AttentionMap || held.Nouns[2].Map != GradientMap {
		t.Errorf("hard attention has the maps %+v", held.Nouns)
	}
	run, _ = quick(t, b, "model.attention=uniform", "train.steps=60", "dev=20", "held_out=20")
	held := reportOf(t, run).OnHeldOut
	if p := held.Nouns[0]; p.Words > 0 && math.Abs(p.Ratio.Value-1) > 1e-6 {
		t.Errorf("uniform attention is in the box %v times as much as an even map", p.Ratio)
	}
}

// tiny is a captioner with fresh weights that sees 8 x 8 pixels.
func tiny(t *testing.T, attention captioning.Attention) *captioner.Model {
	t.Helper()
	b := openBackend(t, "go")
	encoder, err := captioner.CNNEncoder(captioning.CNNConfig{Size: 8, Channels: []int{4, 6}, Groups: 2, Places: true, Refine: []int{0, 1}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := captioning.Tiny(0)
	cfg.DeepOutput, cfg.Attention, cfg.Hard, cfg.Hidden = true, attention, captioning.PaperHard(), 8
	c, err := captioner.New(b, cfg, vocabulary(), encoder, 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// The gradient of a word's log p is the difference quotient at every colour of every pixel, of each picture for its own word.
func TestGradientsAreDifferenceQuotients(t *testing.T) {
	for _, attention := range []captioning.Attention{captioning.AttentionSoft, captioning.AttentionUniform} {
		c := tiny(t, attention)
		exec, err := model.NewExec(c.Backend(), c.Store, func(scope *model.Scope, in []*graph.Node) []*graph.Node {
			logP, gradient := gradients(scope, c, in[0], in[1], in[2])
			return []*graph.Node{logP, gradient}
		})
		if err != nil {
			t.Fatal(err)
		}
		const n, size = 2, 8 * 8 * 3
		pixels := make([]float32, n*size)
		for i := range pixels {
			pixels[i] = float32(math.Sin(float64(i*i))) * 0.8
		}
		ids, _ := c.Vocabulary.Encode(scenes.WordsOf("a small red circle left of a square"), c.Config.MaxLen)
		call := func() (logP, gradient []float32) {
			items := []captioner.Item{{Input: pixels[:size], IDs: ids}, {Input: pixels[size:], IDs: ids}}
			batch, err := c.Batch(items)
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Call(batch[0], batch[1], tensors.FromValue([]int32{2, 7}))
			if err != nil {
				t.Fatal(err)
			}
			return tensors.MustCopyFlatData[float32](out[0]), tensors.MustCopyFlatData[float32](out[1])
		}
		_, gradient := call()
		largest := 0.0
		for _, g := range gradient {
			largest = max(largest, math.Abs(float64(g)))
		}
		if largest == 0 {
			t.Fatal("the gradient is 0")
		}
		agree, seen := 0, 0
		for i := 0; i < n*size; i += 7 {
			const h = 4e-3
			old := pixels[i]
			pixels[i] = old + h
			up, _ := call()
			pixels[i] = old - h
			down, _ := call()
			pixels[i] = old
			row := i / size
			quotient := float64(up[row]-down[row]) / (2 * h)
			seen++
			if math.Abs(quotient-float64(gradient[i])) < 0.02*largest {
				agree++
			}
			if other := 1 - row; up[other] != down[other] {
				t.Errorf("%s: a pixel of picture %d changes picture %d", attention, row, other)
			}
		}
		if agree < seen*95/100 { // a ReLU's corner lies between the two points now and then
			t.Errorf("%s: the gradient agrees with the difference quotient at %d of %d colours", attention, agree, seen)
		}
	}
}

// A map is the sum of absolute values over colours, averaged over a cell's pixels.
func TestSaliencyMaps(t *testing.T) {
	b := openBackend(t, "go")
	gradient := make([]float32, 4*4*3)
	gradient[0], gradient[1], gradient[(1*4+1)*3+2] = -1, 2, 5 // two pixels of the first cell
	gradient[(3*4+2)*3] = -4                                   // of the last
	out, err := model.CallOnce(b.Backend, model.NewStore(), func(_ *model.Scope, g *graph.Node) *graph.Node {
		return saliencyMaps(g, 4, 2)
	}, tensors.FromFlatDataAndDimensions(gradient, 1, 4*4*3))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range tensors.MustCopyFlatData[float32](out) {
		near(t, "cell", float64(v), []float64{2, 0, 0, 1}[i])
	}
}
