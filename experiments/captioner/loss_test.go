package captioner_test

import (
	"fmt"
	"image"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/experiments/demo"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
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
	return backendtest.Open(t, "go")
}

// barelyTrained is a run of the quick form with 3 steps.
func barelyTrained(t *testing.T, b *backend.Backend) (*experiments.Run, experiments.Result) {
	t.Helper()
	opts := experiments.Options{Form: experiments.Quick, Seed: 1, Out: t.TempDir() + "/run", Messages: io.Discard}
	for _, text := range []string{"train.steps=3", "pictures=40", "held_out=100", "held_out_texts=99", "ablation=false", "examples=1"} {
		o, err := experiments.ParseOverride(text)
		if err != nil {
			t.Fatal(err)
		}
		opts.Overrides = append(opts.Overrides, o)
	}
	run, result, err := demo.CaptionerExperiment().Start(t.Context(), b, opts)
	if err != nil {
		t.Fatal(err)
	}
	return run, result
}

// A captioner measures the same loss on its own held-out pictures as its run did, and after it was saved and opened.
func TestHeldOutLoss(t *testing.T) {
	b := pureGo(t)
	run, result := barelyTrained(t, b)
	c, err := captioner.Open(t.Context(), b, run.Dir)
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
	env := &experiments.Env{Backend: b}
	prepared, problems, err := c.Prepare(t.Context(), env, set)
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0], "pictures were read up to their word 12 alone") {
		t.Fatal(problems, err)
	}
	found, err := c.HeldOutLoss(t.Context(), prepared)
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
	some, problems, err := c.Prepare(t.Context(), env, withBroken{set, []int{0, 5}})
	if err != nil {
		t.Fatal(err)
	}
	broken, err := c.HeldOutLoss(t.Context(), some)
	if err != nil {
		t.Fatal(err)
	}
	if broken.Loss.N != 98 || len(problems) != 3 || !strings.Contains(problems[1], "is broken") || some.Examples[0].ID != set.At(1).ID {
		t.Errorf("got %+v and %q", broken, problems)
	}
}

// Scores are those of the captions that the same search writes, picture by picture, against all captions of people.
func TestScore(t *testing.T) {
	b := pureGo(t)
	run, _ := barelyTrained(t, b)
	c, err := captioner.Open(t.Context(), b, run.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cfg := scenes.Pairs()
	cfg.Seed, cfg.Split, cfg.Count, cfg.Size = 1, scenes.Test, 20, 32
	set, err := scenes.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	prepared, _, err := c.Prepare(t.Context(), &experiments.Env{}, set)
	if err != nil {
		t.Fatal(err)
	}
	how := captioner.Writing{Beam: captioning.BeamOptions{K: 3, LengthExponent: 0.7}}
	last := 0
	found, err := c.Score(t.Context(), prepared, how, func(n int) { last = n })
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Captions) != 20 || last != 20 || !(found.Corpus.Bleu1 > 0) {
		t.Errorf("%d captions after %d pictures scored %+v", len(found.Captions), last, found.Corpus)
	}
	writer, err := c.NewWriter(how, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	img, err := set.At(7).Open()
	if err != nil {
		t.Fatal(err)
	}
	alone, err := writer.Write([]image.Image{img})
	if err != nil {
		t.Fatal(err)
	}
	if words := strings.Join(alone[0][0].Words, " "); words != found.Captions[7] || found.Pictures[7].ID.String() != set.At(7).ID || len(found.Pictures[7].References) != len(set.At(7).Captions) {
		t.Errorf("picture 7 alone is %q, among others %q: %+v", words, found.Captions[7], found.Pictures[7])
	}
}
