package captioner_test

import (
	"fmt"
	"image"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/experiments/demo"
	"github.com/glimpse-ml/glimpse/internal/backend"
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
	run, result, err := demo.CaptionerExperiment().Start(t.Context(), b, opts)
	if err != nil {
		t.Fatal(err)
	}
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
	if broken.Loss.N != 98 || len(broken.Problems) != 3 || !strings.Contains(broken.Problems[0], "captions of 87 pictures were read up to their word 12 alone") || broken.Examples[0].ID != set.At(1).ID {
		t.Errorf("got %+v", broken)
	}
}
