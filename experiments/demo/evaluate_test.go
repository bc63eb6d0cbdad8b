package demo

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// withBroken is a data set some of whose pictures cannot be read.
type withBroken struct {
	datasets.Dataset
	broken []int
}

func (w withBroken) At(i int) datasets.Example {
	e := w.Dataset.At(i)
	if slices.Contains(w.broken, i) {
		e.Open = func() (image.Image, error) { return nil, fmt.Errorf("%s is broken", e.ID) }
	}
	return e
}

func pureGo(t *testing.T) *backend.Backend {
	t.Helper()
	b, err := backend.OpenNamed("go")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b
}

func singleScenes(t *testing.T, n int) *scenes.Scenes {
	t.Helper()
	cfg := scenes.Single()
	cfg.Seed, cfg.Count = 3, n
	s, err := scenes.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// freshCLIP is a tiny model with fresh weights: chance performance, but every number is there.
func freshCLIP(t *testing.T, set datasets.Dataset) *clip.Model {
	t.Helper()
	var texts []string
	for i := range set.Len() {
		texts = append(texts, set.At(i).Captions...)
	}
	tokenizer, err := clip.TrainTokenizer(texts, 100)
	if err != nil {
		t.Fatal(err)
	}
	m, err := clip.New(clip.Tiny(tokenizer.VocabSize()), tokenizer, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// In chunks or at once, the same comes out, with broken pictures at the edges of the chunks too.
func TestEmbedAll(t *testing.T) {
	b := pureGo(t)
	set := withBroken{singleScenes(t, embedChunk+40), []int{0, 7, embedChunk - 1, embedChunk, embedChunk + 39}}
	m := freshCLIP(t, set)
	want, err := Embed(t.Context(), b.Backend, m, set)
	if err != nil {
		t.Fatal(err)
	}
	var told []int
	got, err := EmbedAll(t.Context(), b.Backend, m, set, func(n int) { told = append(told, n) })
	if err != nil {
		t.Fatal(err)
	}
	ids := func(e *Embedded) (out []string) {
		for _, x := range e.Examples {
			out = append(out, x.ID)
		}
		return out
	}
	if diff := cmp.Diff(ids(want), ids(got)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{want.Captions, want.Owner, want.Problems}, []any{got.Captions, got.Owner, got.Problems}); diff != "" {
		t.Error(diff)
	}
	for i := range want.Images {
		if d := distance(want.Images[i], got.Images[i]); d > 1e-5 {
			t.Fatalf("picture %d is %v away from what Embed makes of it", i, d)
		}
	}
	for i := range want.Texts {
		if d := distance(want.Texts[i], got.Texts[i]); d > 1e-5 {
			t.Fatalf("text %d is %v away from what Embed makes of it", i, d)
		}
	}
	if !slices.Equal(told, []int{embedChunk, embedChunk + 40}) {
		t.Errorf("progress was %v", told)
	}
}

func distance(a, b []float32) float64 {
	d := 0.0
	for i := range a {
		d = max(d, math.Abs(float64(a[i]-b[i])))
	}
	return d
}

func TestEmbedAllErrors(t *testing.T) {
	b := pureGo(t)
	set := withBroken{singleScenes(t, 2), []int{0, 1}}
	m := freshCLIP(t, set)
	if _, err := EmbedAll(t.Context(), b.Backend, m, set, nil); err == nil || !strings.Contains(err.Error(), "none of the 2 pictures of scenes/train could be read: ") {
		t.Errorf("got %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := EmbedAll(stopped, b.Backend, m, set.Dataset, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// The detailed figures agree with those of Classify, and with each other.
func TestAccuracy(t *testing.T) {
	b := pureGo(t)
	set := singleScenes(t, 200)
	m := freshCLIP(t, set)
	e, err := EmbedAll(t.Context(), b.Backend, m, set, nil)
	if err != nil {
		t.Fatal(err)
	}
	class := ByAttribute("shape")
	want, err := e.Classify(b.Backend, m, class, Names, []string{"a {}"}, 2)
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Accuracy(b.Backend, m, class, Names, []string{"a {}"}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*want, got.ZeroShot); diff != "" {
		t.Error(diff)
	}
	mean := 0.0
	for _, c := range want.PerClass {
		mean += c.Value / float64(len(want.Classes))
	}
	if math.Abs(got.MeanPerClass.Value-mean) > 1e-12 || got.MeanPerClass.N != want.Top1.N || got.LeftOut+want.Top1.N != 200 {
		t.Errorf("got %+v, expected the mean %v", got, mean)
	}
	if n := len(want.Classes); n < 5 || got.Top5.Value < got.Top1.Value || n == 5 && got.Top5.Value != 1 {
		t.Errorf("%d classes: got top1 %v and top5 %v", n, got.Top1, got.Top5)
	}
	if _, err := e.Accuracy(b.Backend, m, class, Names, nil, 1000); err == nil {
		t.Error("no class has 1000 pictures, expected an error")
	}
}

// Two classes of 100 and 25 pictures, half of each right: the mean is 0.5 and its standard error
// sqrt(0.25/100 + 0.25/25)/2 = 0.0559, so the interval is about 0.39 to 0.61.
func TestMeanPerClass(t *testing.T) {
	m := meanPerClass([]stats.Proportion{stats.NewProportion(50, 100), {Value: 0.5, N: 25}})
	if m.Value != 0.5 || m.N != 125 || math.Abs(m.Low-0.39) > 0.015 || math.Abs(m.High-0.61) > 0.015 {
		t.Errorf("got %+v", m)
	}
	if m := meanPerClass([]stats.Proportion{stats.NewProportion(9, 9), stats.NewProportion(0, 3)}); m.Value != 0.5 || m.Low != 0.5 || m.High != 0.5 {
		t.Errorf("all right and all wrong: got %+v", m)
	}
}

// A captioner measures the same loss on its own held-out pictures as its run did, and after it was saved and opened.
func TestHeldOutLoss(t *testing.T) {
	b := pureGo(t)
	opts := experiments.Options{Form: experiments.Quick, Seed: 1, Out: t.TempDir() + "/run", Messages: io.Discard}
	for _, text := range []string{"train.steps=3", "pictures=40", "held_out=100", "held_out_texts=99", "ablation=false", "examples=1"} {
		o, err := experiments.ParseOverride(text)
		if err != nil {
			t.Fatal(err)
		}
		opts.Overrides = append(opts.Overrides, o)
	}
	run, result, err := CaptionerExperiment().Start(t.Context(), b, opts)
	if err != nil {
		t.Fatal(err)
	}
	c, err := OpenCaptioner(t.Context(), b, run.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cfg := scenes.Pairs()
	cfg.Seed, cfg.Split, cfg.Count, cfg.Size = 1, scenes.Test, 100, 32
	set, err := scenes.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	found, err := c.HeldOutLoss(t.Context(), withBroken{set, nil}, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := result.Metrics["heldout_loss"]; math.Abs(found.Loss.Value-want) > 1e-6 || want == 0 || found.Loss.N != 100 {
		t.Errorf("got %+v, the run found %v", found.Loss, want)
	}
	captions := 0
	for i := range set.Len() {
		captions += len(set.At(i).Captions)
	}
	if found.Captions != captions || found.Unknown < 0 || found.Unknown > 0.2 || found.Words < 5*captions {
		t.Errorf("got %d captions, %d words, %v unknown; expected %d captions", found.Captions, found.Words, found.Unknown, captions)
	}
	if len(found.Examples) != 3 || found.Examples[2].ID != set.At(2).ID || len(found.Examples[2].Human) == 0 {
		t.Errorf("got the examples %+v", found.Examples)
	}
	broken, err := c.HeldOutLoss(t.Context(), withBroken{set, []int{0, 5}}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if broken.Loss.N != 98 || len(broken.Problems) != 2 || broken.Examples[0].ID != set.At(1).ID {
		t.Errorf("got %+v", broken)
	}
}
