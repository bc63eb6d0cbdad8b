package demo

import (
	"context"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

func open(t *testing.T, config string) *backend.Backend {
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

func settings(pairs ...string) (overrides []experiments.Override) {
	for _, pair := range pairs {
		o, err := experiments.ParseOverride(pair)
		if err != nil {
			panic(err)
		}
		overrides = append(overrides, o)
	}
	return overrides
}

// losses are the recorded losses of a run, without what depends on the clock.
func losses(t *testing.T, run *experiments.Run) (all []string) {
	t.Helper()
	steps, err := run.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		all = append(all, fmt.Sprint(step["loss"], step["grad_norm"], step["logit_scale"], step["cross_entropy"]))
	}
	return all
}

func TestSameSeedSameMetricsOnGo(t *testing.T) {
	b := open(t, "go")
	for _, e := range All() {
		t.Run(e.Name, func(t *testing.T) {
			start := func(seed int64) (*experiments.Run, experiments.Result) {
				run, result, err := e.Start(context.Background(), b, experiments.Options{Form: experiments.Quick, Seed: seed,
					Out: filepath.Join(t.TempDir(), "run"), Overrides: tiny(e.Name)})
				if err != nil {
					t.Fatal(err)
				}
				return run, result
			}
			run1, result1 := start(5)
			run2, result2 := start(5)
			run3, _ := start(6)
			if a, b := losses(t, run1), losses(t, run2); !slices.Equal(a, b) || len(a) == 0 {
				t.Errorf("the same seed gave other losses:\n%v\n%v", a, b)
			}
			if slices.Equal(losses(t, run1), losses(t, run3)) {
				t.Error("another seed gave the same losses")
			}
			for name, v := range result1.Metrics {
				if name != "step_seconds" && name != "data_waiting" && v != result2.Metrics[name] {
					t.Errorf("%s: %v, then %v with the same seed", name, v, result2.Metrics[name])
				}
			}
		})
	}
}

// ONNX Runtime splits sums between its threads, so that runs differ in the last digits; README.md states how far.
func TestSameSeedCloseOnONNX(t *testing.T) {
	if !backend.HasONNX || backend.FindONNXRuntime() == "" {
		t.Skip("no ONNX Runtime in this build or on this machine")
	}
	b := open(t, "onnx:cpu")
	first := func() []map[string]float64 {
		run, _, err := CLIP().Start(context.Background(), b, experiments.Options{Form: experiments.Quick, Seed: 5,
			Out: filepath.Join(t.TempDir(), "run"), Overrides: tiny("clip")})
		if err != nil {
			t.Fatal(err)
		}
		steps, err := run.Metrics()
		if err != nil {
			t.Fatal(err)
		}
		return steps
	}
	one, two := first(), first()
	worst := 0.0
	for i := range one {
		worst = max(worst, math.Abs(one[i]["loss"]-two[i]["loss"])/one[i]["loss"])
	}
	t.Logf("largest relative difference of the loss over %d steps: %.2g", len(one), worst)
	if worst > 1e-3 {
		t.Errorf("the same seed gave losses that differ by %.2g, expected at most 1e-3", worst)
	}
}

// tiny makes a quick form tinier still.
func tiny(name string) []experiments.Override {
	if name == "clip" {
		return settings("train.steps=6", "limit=200", "batch_size=16", "eval_pairs=50")
	}
	return settings("train.steps=6", "pictures=100", "held_out=20", "batch_size=16", "examples=2")
}

// The quick forms learn: the figures are far from chance, so that a mistake in model, loss or data shows.
func TestQuickFormsLearn(t *testing.T) {
	b := fast(t)
	_, clip, err := CLIP().Start(context.Background(), b, experiments.Options{Form: experiments.Quick, Seed: 1, Out: filepath.Join(t.TempDir(), "clip")})
	if err != nil {
		t.Fatal(err)
	}
	if v := clip.Metrics["zeroshot_top1"]; v < 0.12 {
		t.Errorf("zero-shot accuracy of %.3f after the quick form, expected at least 0.12 (chance 0.03)", v)
	}
	if v := clip.Metrics["image_to_text_recall@10"]; v < 0.25 {
		t.Errorf("recall@10 of %.3f after the quick form, expected at least 0.25 (chance 0.05)", v)
	}
	_, captioner, err := CaptionerExperiment().Start(context.Background(), b, experiments.Options{Form: experiments.Quick, Seed: 1, Out: filepath.Join(t.TempDir(), "captioner")})
	if err != nil {
		t.Fatal(err)
	}
	if v := captioner.Metrics["heldout_loss"]; v > 1.6 {
		t.Errorf("held-out loss of %.3f nats a word after the quick form, expected at most 1.6 (all words alike: 3.5)", v)
	}
	if w := max(clip.Metrics["data_waiting"], captioner.Metrics["data_waiting"]); w > 0.05 {
		t.Errorf("%.1f%% of the training time was spent waiting for data, expected below 5%%", 100*w)
	}
}

// With no data at hand the demo says so, draws Scenes, and its page is whole.
func TestDemoWithoutData(t *testing.T) {
	b := fast(t)
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
	t.Setenv("GLIMPSE_DATA", "")
	t.Chdir(home)
	if found, err := datasets.Find("flickr8k"); err == nil {
		t.Fatalf("a data set was found at %s; the test needs a place without", found)
	}
	var said strings.Builder
	for _, e := range All() {
		full := settings("train.steps=3", "batch_size=8")
		if e.Name == "clip" {
			full = append(full, settings("limit=100", "eval_pairs=30", "least_class=2", "merges=50")...)
		} else {
			full = append(full, settings("pictures=100", "held_out=20", "examples=3")...)
		}
		_, result, err := e.Start(context.Background(), b, experiments.Options{Form: experiments.Full, Seed: 1,
			Out: filepath.Join(home, "demo", e.Name), Overrides: full, Messages: &said})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(result.Remarks, func(r string) bool { return strings.Contains(r, "training on Scenes instead") }) {
			t.Errorf("%s: the remarks %q do not say that Scenes are used", e.Name, result.Remarks)
		}
	}
	if !strings.Contains(said.String(), "training on Scenes instead") {
		t.Errorf("the person who waits was told %q, nothing of Scenes", said.String())
	}
	if err := WritePage(filepath.Join(home, "demo"), 0); err != nil {
		t.Fatal(err)
	}
	checkPage(t, filepath.Join(home, "demo"))
	if err := RecordResults(filepath.Join(home, "demo"), home); err == nil || !strings.Contains(err.Error(), "expected full runs on real pictures to record") {
		t.Errorf("recording a demo on Scenes: %v", err)
	}
	if _, err := os.Stat(filepath.Join(home, recordedFile)); err == nil {
		t.Error("a demo on Scenes was recorded")
	}
}

// checkPage sees to it that every picture of the page is there and is one.
func checkPage(t *testing.T, dir string) {
	t.Helper()
	html, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	images := regexp.MustCompile(`<img src="([^"]+)"`).FindAllStringSubmatch(string(html), -1)
	if len(images) < 9 {
		t.Errorf("the page shows %d pictures, expected loss, temperature, matrix, recall, zero-shot, map, loss, gain and captions", len(images))
	}
	for _, m := range images {
		img, err := picture.DecodeFile(filepath.Join(dir, m[1]), picture.Limits{})
		if err != nil {
			t.Error(err)
		} else if img.Bounds().Dx() < 500 {
			t.Errorf("%s is only %d pixels wide", m[1], img.Bounds().Dx())
		}
	}
	for _, want := range []string{"zero-shot accuracy", "recall@10", "held-out loss", "95% interval", "training on Scenes instead"} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// A demo that fails leaves nothing behind, and an earlier one as it was.
func TestDemoReplacesOnlyDemos(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := replaceable(dir); err == nil || !strings.Contains(err.Error(), "holds something else") {
		t.Errorf("got %v, want a refusal to replace a folder of somebody's", err)
	}
	b := open(t, "go")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	out := filepath.Join(t.TempDir(), "demo")
	if _, err := Run(ctx, b, out, experiments.Options{Form: experiments.Quick, Seed: 1}); err == nil {
		t.Error("a demo that was stopped says that it went well")
	}
	if left, _ := os.ReadDir(filepath.Dir(out)); len(left) > 0 {
		t.Errorf("a demo that was stopped left %v behind", left)
	}
}

func TestCaptionerSavesAndLoads(t *testing.T) {
	b := open(t, "go")
	dir := filepath.Join(t.TempDir(), "run")
	_, _, err := CaptionerExperiment().Start(context.Background(), b, experiments.Options{Form: experiments.Quick, Seed: 2, Out: dir, Overrides: tiny("captioner")})
	if err != nil {
		t.Fatal(err)
	}
	c, err := captioner.Open(context.Background(), b, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	samples, err := c.Samples(3)
	if err != nil || len(samples) != 3 {
		t.Fatalf("got %d samples, %v", len(samples), err)
	}
	var images []image.Image
	for _, s := range samples {
		img, err := s.Open()
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, img)
	}
	described, err := c.Caption(images)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range described {
		for i, alphas := range d.Alphas {
			sum := 0.0
			for _, a := range alphas {
				sum += a
			}
			if len(alphas) != d.Rows*d.Cols || sum < 0.999 || sum > 1.001 {
				t.Errorf("word %q: %d weights with sum %v, expected %d with sum 1", d.Words[i], len(alphas), sum, d.Rows*d.Cols)
			}
		}
	}
	for _, file := range []string{captioner.ConfigFile, "vocabulary.json", "model.safetensors"} {
		path := filepath.Join(dir, "model", file)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, whole[:len(whole)/2], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := captioner.Open(context.Background(), b, dir); err == nil {
			t.Errorf("half of %s was accepted", file)
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestShifted(t *testing.T) {
	p := picture.NewRGB(9, 5)
	for i := range p.Pix {
		p.Pix[i] = uint8(i)
	}
	if shifted(p, 0, rand.New(rand.NewPCG(1, 1))) != p {
		t.Error("a shift of 0 changed the picture")
	}
	mirrored, moved := 0, 0
	for seed := range uint64(40) {
		q := shifted(p, 2, rand.New(rand.NewPCG(1, seed)))
		if q.W != p.W || q.H != p.H {
			t.Fatalf("got %dx%d", q.W, q.H)
		}
		centre := q.Pix[3*(2*9+4)] // comes from within two pixels of the centre, mirrored or not
		if q.Pix[3*(2*9+4)+3] < centre {
			mirrored++
		}
		if centre != p.Pix[3*(2*9+4)] {
			moved++
		}
	}
	if mirrored < 8 || mirrored > 32 || moved < 20 {
		t.Errorf("of 40 pictures %d were mirrored and %d moved", mirrored, moved)
	}
}
