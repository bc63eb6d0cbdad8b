package contrastive

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive/learning"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

func open(t *testing.T, config string) *backend.Backend {
	t.Helper()
	return openFor(t, config)
}

func openFor(t testing.TB, config string) *backend.Backend {
	t.Helper()
	return backendtest.Open(t, config)
}

// fast is the fastest backend of the machine.
func fast(t *testing.T) *backend.Backend {
	t.Helper()
	if backend.HasONNX && backend.FindONNXRuntime() != "" {
		return open(t, "onnx:cpu")
	}
	return open(t, "go")
}

// quick runs a quick form.
func quick(t *testing.T, b *backend.Backend, e experiments.Experiment, seed int64, settings ...string) (*experiments.Run, experiments.Result, error) {
	t.Helper()
	opts := experiments.Options{Form: experiments.Quick, Seed: seed, Out: filepath.Join(t.TempDir(), "run")}
	for _, text := range settings {
		o, err := experiments.ParseOverride(text)
		if err != nil {
			t.Fatal(err)
		}
		opts.Overrides = append(opts.Overrides, o)
	}
	return e.Start(context.Background(), b, opts)
}

// recorded are the lines of metrics.jsonl without what depends on the clock.
func recorded(t *testing.T, run *experiments.Run) (lines []string) {
	t.Helper()
	steps, err := run.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		delete(step, "seconds")
		delete(step, "waiting")
		lines = append(lines, fmt.Sprint(step))
	}
	return lines
}

// The quick forms learn: far above chance, dev figures on the way, whole run folders, and models that load again.
func TestQuickForms(t *testing.T) {
	b := fast(t)
	run, result, err := quick(t, b, LiT(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if r := result.Metrics["image_to_text_recall@10"]; r < 0.1 { // chance is 5%
		t.Errorf("LiT: recall@10 of %.2f among 200 pictures", r)
	}
	lit, err := clip.LoadLiT(run.Path("model"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lit.EncodeTexts(b.Backend, []string{"a red circle"}); err != nil {
		t.Error(err)
	}
	wholeRun(t, run)

	run, result, err = quick(t, b, Products(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if top1 := result.Metrics["zeroshot_titles_top1"]; top1 < 0.08 { // chance among the 36 kinds is 3%
		t.Errorf("products: zero-shot accuracy of %.2f", top1)
	}
	if _, err := clip.Load(run.Dir); err != nil {
		t.Error(err)
	}
	wholeRun(t, run)
}

func wholeRun(t *testing.T, run *experiments.Run) {
	t.Helper()
	steps, err := run.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	evaluations := 0
	for _, step := range steps {
		if _, ok := step[devRecall(1)]; ok {
			evaluations++
		}
	}
	if evaluations != 2 {
		t.Errorf("%s: %d evaluations during training, expected 2", run.Manifest.Experiment, evaluations)
	}
	last := steps[len(steps)-1]
	for _, name := range []string{learning.ImageToText, learning.NonPairs, learning.GradImage, learning.GradText, learning.GradScale,
		learning.Duplicates, learning.RankImage, learning.RankText} {
		if _, ok := last[name]; !ok {
			t.Errorf("%s: expected %s at the last step, found %v", run.Manifest.Experiment, name, last)
		}
	}
	for _, name := range []string{"report.json", "results.json", "plots/loss.png", "plots/dev.png", "plots/" + learning.PanelFile} {
		if _, err := os.Stat(run.Path(name)); err != nil {
			t.Error(err)
		}
	}
}

// The same seed twice gives the same metrics on the pure Go backend, dropout and augmentation included; another seed others.
func TestRepeatable(t *testing.T) {
	b := open(t, "go")
	for _, e := range []experiments.Experiment{LiT(), Products()} {
		var runs [3][]string
		for i, seed := range []int64{1, 1, 2} {
			run, _, err := quick(t, b, e, seed, "train.steps=4", "train.eval_every=2", "limit=300", "augment.erase=0.5")
			if e.Name == "clip/lit" {
				run, _, err = quick(t, b, e, seed, "train.steps=4", "train.eval_every=2", "limit=300", "token_dropout=0.2")
			}
			if err != nil {
				t.Fatal(err)
			}
			runs[i] = recorded(t, run)
		}
		if !slices.Equal(runs[0], runs[1]) || slices.Equal(runs[0], runs[2]) {
			t.Errorf("%s: %v\n%v\n%v", e.Name, runs[0], runs[1], runs[2])
		}
	}
}

// LiT in chunks follows the same path as in one piece; with a batch norm in the tower, chunks are refused.
func TestChunks(t *testing.T) {
	b := open(t, "go")
	losses := func(chunks string) (all []float64) {
		run, _, err := quick(t, b, LiT(), 1, "train.steps=6", "train.eval_every=0", "limit=300", "model.dropout=0", "model.reader.dropout=0", "train.log_every=1", "train.chunks="+chunks)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := run.Metrics()
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range steps {
			all = append(all, step["loss"], step["grad_norm"], step["logit_scale"])
			image, text, scale := step[learning.GradImage], step[learning.GradText], step[learning.GradScale]
			all = append(all, image, text, step[learning.Gap], 1+step[learning.Pairs], 1+step[learning.NonPairs], 1+step[learning.TextToImage])
			if parts := math.Sqrt(image*image + text*text + scale*scale); math.Abs(parts/step["grad_norm"]-1) > 1e-5 {
				t.Errorf("%s chunks: the towers' gradients have a norm of %g together, all of them %g", chunks, parts, step["grad_norm"])
			}
		}
		return all
	}
	want := losses("0")
	for _, chunks := range []string{"2", "4", "8"} {
		got := losses(chunks)
		for i := range want {
			if d := got[i]/want[i] - 1; d > 1e-4 || d < -1e-4 {
				t.Fatalf("%s chunks: %v, expected %v", chunks, got, want)
			}
		}
	}
	if _, _, err := quick(t, b, Products(), 1, "train.chunks=2"); err == nil || !strings.Contains(err.Error(), "running statistics") {
		t.Errorf("chunks with batch norm: %v", err)
	}
	vit := `model.vision={"height":32,"width":32,"patch":8,"vit":{"width":32,"layers":1,"heads":2},"mean":[0.5,0.5,0.5],"std":[0.25,0.25,0.25]}`
	if _, _, err := quick(t, b, Products(), 1, vit, "train.chunks=2", "train.steps=3"); err != nil {
		t.Errorf("chunks with a vision transformer: %v", err)
	}
}

// A model goes on from a checkpoint with a locked tower, layer-wise learning rates, and with SigLIP's loss.
func TestFineTuning(t *testing.T) {
	b := fast(t)
	first, _, err := quick(t, b, Products(), 1, "train.steps=10", "train.eval_every=0", "train.average=0")
	if err != nil {
		t.Fatal(err)
	}
	before, err := clip.Load(first.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, freeze := range []string{"visual", "text"} {
		run, _, err := quick(t, b, Products(), 2, "init="+first.Dir, "freeze="+freeze, "layer_decay=0.7", "train.steps=5", "train.average=0", "train.optimizer.warmup_steps=1")
		if err != nil {
			t.Fatal(err)
		}
		after, err := clip.Load(run.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for v := range before.Store.IterVariables() { // all of a tower, running statistics too
			name := v.Path()
			locked := name != "/logit_scale" && strings.HasPrefix(name, "/visual/") == (freeze == "visual")
			if same := v.MustValue().Equal(after.Store.GetVariable(name).MustValue()); same != locked {
				t.Errorf("freeze=%s: %s stayed the same: %v", freeze, name, same)
			}
		}
	}
	run, _, err := quick(t, b, Products(), 1, "loss=siglip", "train.steps=5")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := clip.Load(run.Dir); err != nil {
		t.Errorf("a model trained with SigLIP's loss: %v", err)
	}
}

func TestWrongSettings(t *testing.T) {
	b := open(t, "go")
	for settings, want := range map[string]string{
		"loss=triplet": "loss: expected infonce or siglip", "keep_words=[0.5,0.2]": "keep_words: expected two shares", "freeze=visual": "name a model with init",
		"freeze=head": "freeze: expected visual, text or nothing", "augment.flip=2": "augment.flip: expected 0 to 1", "dev=0": "dev: expected 1 to", "init=nowhere": "init: expected a CLIP model",
		"layer_decay=0": "layer_decay: expected more than 0",
	} {
		if _, _, err := quick(t, b, Products(), 1, settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: expected an error with %q, found %v", settings, want, err)
		}
	}
	for settings, want := range map[string]string{"tower=eye": "tower: expected squeezenet or thumbnail", "model.pool=max": "pool: expected end or mean", "batch_size=2000": "batch size", "temperature=0": "temperature: expected 0.01 to 1, found 0"} {
		if _, _, err := quick(t, b, LiT(), 1, settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: expected an error with %q, found %v", settings, want, err)
		}
	}
}

func TestWords(t *testing.T) {
	if got := wordSet("Puma Men's Black T-shirts, Shoes"); fmt.Sprint(got) != "map[black:true men:true puma:true shoe:true tshirt:true]" {
		t.Errorf("words %v", got)
	}
	if !containsAll(wordSet("Nike Men Black Tshirt"), wordSet("black T-Shirts")) || containsAll(wordSet("Nike Men Shirt"), wordSet("Tshirt")) {
		t.Error("contained words are not found, or others are")
	}
	lengths := map[int]int{}
	for n := range uint64(300) {
		text := someWords("a b c d e", [2]float64{0, 1}, rand.New(rand.NewPCG(n, 1)))
		lengths[len(strings.Fields(text))]++
	}
	if lengths[0] > 0 || len(lengths) != 5 {
		t.Errorf("numbers of words kept: %v", lengths)
	}
	if got := someWords("a b c", [2]float64{1, 1}, rand.New(rand.NewPCG(1, 1))); got != "a b c" {
		t.Errorf("all words: %q", got)
	}
	if got := dropTokens([]int32{8, 1, 2, 9, 0}, 9, 0.999999, rand.New(rand.NewPCG(1, 1))); fmt.Sprint(got) != "[8 9 0 0 0]" {
		t.Errorf("tokens left: %v", got)
	}
}

// On several devices the contrastive loss is over all pairs of the batch: losses, gradients' norms and weights are those of one device.
func TestLossOverAllDevices(t *testing.T) {
	settings := []string{"train.steps=4", "train.eval_every=0", "limit=200", "batch_size=16"}
	one, _, err := quick(t, open(t, "go"), LiT(), 1, settings...)
	if err != nil {
		t.Fatal(err)
	}
	want, err := one.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{2, 4} {
		b, devices := backendtest.OpenDevices(t, n)
		if err := b.UseDevices(n); err != nil {
			t.Fatal(err)
		}
		run, _, err := quick(t, b, LiT(), 1, settings...)
		if err != nil {
			t.Fatal(err)
		}
		found, err := run.Metrics()
		if err != nil || len(found) != len(want) {
			t.Fatalf("found %d steps, expected %d (%v)", len(found), len(want), err)
		}
		for i := range want {
			for _, figure := range []string{"loss", "grad_norm", "grad_norm_image", "grad_norm_text", learning.LogitScale, learning.ImageToText} {
				if _, ok := want[i][figure]; !ok || found[i][figure] != want[i][figure] {
					t.Errorf("%d devices, step %d: %s is %g, expected %g", n, i+1, figure, found[i][figure], want[i][figure])
				}
			}
		}
		if len(devices.Compiled()) == 0 {
			t.Error("nothing was spread over the devices")
		}
	}
}

// A CLIP that is trained from nothing has, after three steps on several devices, the losses and the weights of one device.
func TestCLIPOverAllDevices(t *testing.T) {
	train := func(b *backend.Backend) (losses []float64, weights map[string]*tensors.Tensor) {
		run, _, err := quick(t, b, Products(), 1, "train.steps=3", "train.log_every=1", "train.eval_every=0", "limit=80", "dev=30", "batch_size=16")
		if err != nil {
			t.Fatal(err)
		}
		steps, err := run.Metrics()
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range steps {
			losses = append(losses, step["loss"])
		}
		m, err := clip.Load(run.Dir)
		if err != nil {
			t.Fatal(err)
		}
		weights = map[string]*tensors.Tensor{}
		for v := range m.Store.IterVariables() {
			weights[v.Path()] = v.MustValue()
		}
		return losses, weights
	}
	losses, weights := train(open(t, "go"))
	if len(losses) != 3 || len(weights) < 20 || losses[0] == losses[2] {
		t.Fatalf("found the losses %v and %d weights", losses, len(weights))
	}
	for _, n := range []int{2, 4} {
		b, devices := backendtest.OpenDevices(t, n)
		if err := b.UseDevices(n); err != nil {
			t.Fatal(err)
		}
		found, after := train(b)
		if !slices.Equal(found, losses) || len(after) != len(weights) {
			t.Errorf("%d devices: found the losses %v and %d weights, expected %v and %d", n, found, len(after), losses, len(weights))
		}
		for path, want := range weights {
			if got, ok := after[path]; !ok || !got.Equal(want) {
				t.Errorf("%d devices: %s is another", n, path)
			}
		}
		if len(devices.Compiled()) != 1 {
			t.Errorf("%d devices: %d computations were spread, expected the training step", n, len(devices.Compiled()))
		}
	}
}
