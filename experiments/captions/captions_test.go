package captions

import (
	"context"
	"encoding/json"
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/captioning/metrics"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// fast is the fastest backend of the machine.
func fast(t *testing.T) *backend.Backend {
	t.Helper()
	name := "go"
	if backend.HasONNX && backend.FindONNXRuntime() != "" {
		name = "onnx:cpu"
	}
	return backendtest.Open(t, name)
}

// The quick form learns, scores its captions, goes on self-critically, and leaves captioners that open.
func TestQuickForm(t *testing.T) {
	b := fast(t)
	run, result, err := Photographs().Start(context.Background(), b, experiments.Options{Form: experiments.Quick, Seed: 1, Out: filepath.Join(t.TempDir(), "run")})
	if err != nil {
		t.Fatal(err)
	}
	m := result.Metrics
	if m["CIDEr"] < 0.2 || m["Bleu_4"] < 0.15 || m["Bleu_1"] < 0.4 { // an untrained decoder has 0
		t.Errorf("captions scored %v", m)
	}
	if !(m["CIDEr_low"] < m["CIDEr"] && m["CIDEr"] < m["CIDEr_high"]) {
		t.Errorf("CIDEr %v is not in its interval %v to %v", m["CIDEr"], m["CIDEr_low"], m["CIDEr_high"])
	}
	steps, err := run.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	rewards := 0
	for _, s := range steps {
		if r, ok := s["reward"]; ok && r > 0 {
			rewards++
		}
	}
	if rewards == 0 {
		t.Error("self-critical training recorded no reward")
	}
	for _, dir := range []string{run.Dir, run.Path("foretelling")} {
		c, err := captioner.Open(t.Context(), b, dir)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
}

// Self-critical training makes captions that score better likelier: from the same weights, CIDEr of what is drawn rises.
func TestSelfCriticalRaisesTheReward(t *testing.T) {
	b := fast(t)
	opts := experiments.Options{Form: experiments.Quick, Seed: 3, Out: filepath.Join(t.TempDir(), "run")}
	for _, text := range []string{"critical.train.steps=120", "critical.train.optimizer.lr=0.006", "critical.train.log_every=1", "critical.samples=5", "critical.batch_size=16"} {
		o, err := experiments.ParseOverride(text)
		if err != nil {
			t.Fatal(err)
		}
		opts.Overrides = append(opts.Overrides, o)
	}
	run, _, err := Photographs().Start(context.Background(), b, opts)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := run.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	var rewards []float64
	for _, s := range steps {
		if r, ok := s["reward"]; ok {
			rewards = append(rewards, r)
		}
	}
	first, last := mean(rewards[:20]), mean(rewards[len(rewards)-20:])
	t.Logf("reward %.3f, then %.3f", first, last)
	if last < first*1.04 {
		t.Errorf("the reward was %.3f over the first 20 steps and %.3f over the last", first, last)
	}
}

// Scheduled sampling changes what is read, from the first step on which a word is the decoder's own; settings that cannot be are
// refused before anything is done.
func TestScheduledSampling(t *testing.T) {
	b := fast(t)
	losses := func(settings ...string) []float64 {
		opts := experiments.Options{Form: experiments.Quick, Seed: 2, Out: filepath.Join(t.TempDir(), "run")}
		for _, text := range append(settings, "train.steps=3", "train.eval_every=0", "train.log_every=1", "critical.train.steps=0", "pictures=100") {
			o, err := experiments.ParseOverride(text)
			if err != nil {
				t.Fatal(err)
			}
			opts.Overrides = append(opts.Overrides, o)
		}
		run, _, err := Photographs().Start(context.Background(), b, opts)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := run.Metrics()
		if err != nil {
			t.Fatal(err)
		}
		var out []float64
		for _, s := range steps {
			out = append(out, s["loss"])
		}
		return out
	}
	true3, own3 := losses(), losses("scheduled.decay=linear", "scheduled.slope=1")
	if len(true3) != 3 || len(own3) != 3 || math.Abs(true3[0]-own3[0]) > 1e-3 || math.Abs(true3[1]-own3[1]) < 1e-6 {
		t.Errorf("losses were %v with true words, and %v with the decoder's own from the second step on", true3, own3)
	}
	for want, settings := range map[string][]string{
		"scheduled: expected k to be at least 1": {"scheduled.decay=inverse_sigmoid"},
		"with hard attention":                    {"scheduled.decay=linear", "model.attention=hard", "critical.train.steps=0"},
		"scheduled.decay: expected none":         {"scheduled.decay=linear", "decoder=tell"},
		"model.label_smoothing: expected 0":      {"model.label_smoothing=0.1", "decoder=tell"},
		"encoder_lr: expected 0 or more":         {"encoder_lr=-1"},
		"layer_decay: expected more than 0":      {"layer_decay=0"},
		"critical.train.steps: expected 0 with":  {"model.attention=hard"},
		"expected lambda_r or expected above 0":  {"model.attention=hard", "model.hard.lambda_r=0", "model.hard.expected=0"},
	} {
		var overrides []experiments.Override
		for _, text := range settings {
			o, err := experiments.ParseOverride(text)
			if err != nil {
				t.Fatal(err)
			}
			overrides = append(overrides, o)
		}
		if _, err := Photographs().Config(b.Kind, experiments.Options{Overrides: overrides}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: expected an error with %q, found %v", settings, want, err)
		}
	}
}

func mean(values []float64) (m float64) {
	for _, v := range values {
		m += v / float64(len(values))
	}
	return m
}

func TestAboveOthers(t *testing.T) {
	want := []float32{-1.5, 0, 1.5}
	for i, v := range aboveOthers([]float32{1, 2, 3}) {
		if math.Abs(float64(v-want[i])) > 1e-6 {
			t.Errorf("score %d: got %v, expected %v", i, v, want[i])
		}
	}
	if got := aboveOthers([]float32{2}); got[0] != 2 {
		t.Errorf("a single caption: got %v", got)
	}
}

// A caption that ends in "a" scores less than one that ends where people's do.
func TestEndsCount(t *testing.T) {
	references := [][]string{withEnds([]string{"A dog runs on the grass.", "A dog is running on grass."}), withEnds([]string{"Two men talk."})}
	target := metrics.CountDocuments(references).Target(references[0])
	whole := target.CIDErOfWords([]string{"a", "dog", "runs", "on", "the", "grass", endOfCaption})
	cut := target.CIDErOfWords([]string{"a", "dog", "runs", "on", "the", "grass", "a"})
	if whole <= cut {
		t.Errorf("a whole caption scored %v, one that ends in \"a\" %v", whole, cut)
	}
}

// The page's figures are those of the intervals: there are some without examples too.
func TestIntervalsWithoutExamples(t *testing.T) {
	set := &captioner.Set{Examples: make([]datasets.Example, 2)}
	pictures := []metrics.Picture{
		{ID: metrics.TextID("a"), Candidate: "a dog runs", References: []string{"a dog runs"}},
		{ID: metrics.TextID("b"), Candidate: "a cat", References: []string{"two men talk"}},
	}
	s, err := scorePictures(pictures, set, 0)
	if err != nil || len(s.Examples) != 0 || s.Interval["CIDEr"].Value != s.Scores.CIDEr || s.Scores.CIDEr == 0 {
		t.Errorf("found %+v (%v)", s, err)
	}
}

// A run can start from a captioner that another left: with no training of its own it scores as that one did. One with other
// words is refused.
func TestStartFrom(t *testing.T) {
	b := fast(t)
	start := func(dir string, settings ...string) (*experiments.Run, experiments.Result, error) {
		opts := experiments.Options{Form: experiments.Quick, Seed: 2, Out: filepath.Join(t.TempDir(), "run")}
		for _, text := range append([]string{"critical.train.steps=0", "start=" + dir}, settings...) {
			o, err := experiments.ParseOverride(text)
			if err != nil {
				t.Fatal(err)
			}
			opts.Overrides = append(opts.Overrides, o)
		}
		return Photographs().Start(context.Background(), b, opts)
	}
	first, want, err := start("", "train.steps=40", "train.eval_every=0")
	if err != nil {
		t.Fatal(err)
	}
	second, got, err := start(first.Path("model"), "train.steps=0")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(second.Path(ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	var report Report
	if err := json.Unmarshal(data, &report); err != nil || report.Foretold.Trained.Last.Step != 40 || !(report.Earlier > 0) {
		t.Errorf("expected the 40 steps of the earlier run and its processor seconds, found %d and %g (%v)", report.Foretold.Trained.Last.Step, report.Earlier, err)
	}
	if got.Metrics["Bleu_1"] != want.Metrics["Bleu_1"] || want.Metrics["Bleu_1"] < 0.1 {
		t.Errorf("BLEU-1 %v, expected that of the run it started from, %v", got.Metrics["Bleu_1"], want.Metrics["Bleu_1"])
	}
	if _, _, err = start(first.Path("model"), "train.steps=0", "min_count=1000"); err == nil || !strings.Contains(err.Error(), "min_count") {
		t.Errorf("another vocabulary: %v", err)
	}
	if _, _, err = start(first.Path("model"), "train.steps=0", "model.hidden=48"); err == nil || !strings.Contains(err.Error(), "different models") {
		t.Errorf("another shape: %v", err)
	}
	// A run that was stopped in its second training has no report, but it has recorded its steps.
	metrics, err := os.OpenFile(first.Path("metrics.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer metrics.Close()
	if _, err := metrics.WriteString(`{"step":1,"loss":0.5,"seconds":1e6}` + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(first.Path(ReportFile)); err != nil {
		t.Fatal(err)
	}
	earlier, err := startedFrom(Config{Start: first.Path("model")})
	if err != nil || earlier.Foretold.Trained.Last.Step != 40 || !(earlier.Processor > 0 && earlier.Processor < 1e5) {
		t.Errorf("found %+v of a run that was stopped (%v)", earlier, err)
	}
}

// Show and Tell learns as well, is saved as what it is, and looks nowhere.
func TestShowAndTell(t *testing.T) {
	b := fast(t)
	opts := experiments.Options{Form: experiments.Quick, Seed: 1, Out: filepath.Join(t.TempDir(), "run")}
	for _, text := range []string{"decoder=tell", "critical.over_beam=true", "critical.train.steps=2", "train.steps=60", "train.eval_every=0", "critical.train.eval_every=0"} {
		o, err := experiments.ParseOverride(text)
		if err != nil {
			t.Fatal(err)
		}
		opts.Overrides = append(opts.Overrides, o)
	}
	run, result, err := Photographs().Start(context.Background(), b, opts)
	if err != nil {
		t.Fatal(err)
	}
	if m := result.Metrics; m["CIDEr"] < 0.001 || m["Bleu_1"] < 0.3 { // an untrained decoder has 0
		t.Errorf("captions scored CIDEr %g, BLEU-1 %g", m["CIDEr"], m["Bleu_1"])
	}
	c, err := captioner.Open(t.Context(), b, run.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	pictures, err := c.Samples(2)
	if err != nil {
		t.Fatal(err)
	}
	img, err := pictures[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	described, err := c.Caption([]image.Image{img})
	if err != nil {
		t.Fatal(err)
	}
	if d := described[0]; !c.Tells || len(d.Alphas) != 0 || d.Rows != 0 || len(d.Words) == 0 {
		t.Errorf("found %+v", d)
	}
	if _, err := c.Trace(img, []string{"a"}); err == nil || !strings.Contains(err.Error(), "Show and Tell") {
		t.Errorf("a trace: %v", err)
	}
}

// Crops are views of the training pictures, in the mirror too where that is wanted.
func TestViews(t *testing.T) {
	for _, c := range []struct {
		crops  int
		mirror bool
		want   []captioner.View
	}{
		{0, false, nil}, {0, true, []captioner.View{{Mirrored: true}}}, {1, false, []captioner.View{{Crop: 1}}},
		{1, true, []captioner.View{{Mirrored: true}, {Crop: 1}, {Crop: 1, Mirrored: true}}},
	} {
		if got := (Config{Crops: c.crops, Mirror: c.mirror}).views(); !slices.Equal(got, c.want) {
			t.Errorf("%d crops, mirror %v: got %v", c.crops, c.mirror, got)
		}
	}
	cfg := defaults(experiments.Quick, "go")
	if cfg.Crops = -1; cfg.Check() == nil {
		t.Error("-1 crops were not refused")
	}
	cfg = defaults(experiments.Quick, "go")
	cfg.Decoder, cfg.Model.LabelSmoothing = tell, 0
	if err := cfg.Check(); err != nil {
		t.Error(err)
	}
	if cfg.Model.FeatureDropout = 0.1; cfg.Check() == nil {
		t.Error("dropout of features, which Show and Tell has not, was not refused")
	}
}
