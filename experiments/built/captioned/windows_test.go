package captioned

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
)

// A source's place is all that what it yields depends on.
func TestSource(t *testing.T) {
	w, err := Draw(16, 16, 1, 30, nil)
	if err != nil {
		t.Fatal(err)
	}
	resumetest.Source(t, func() experiments.Resumable {
		s, err := w.Source(4, 1, 1, 9)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}, 9)
}

// Captions without room are an error that says so.
func TestCaptionsWithoutRoom(t *testing.T) {
	if _, err := Draw(16, 4, 1, 30, nil); err == nil || !strings.Contains(err.Error(), "captions of scenes") {
		t.Errorf("found %v", err)
	}
}

// A batch has the shapes that are promised, steps within the bounds, labels of the training's pairs, and no caption that is cut off.
func TestBatch(t *testing.T) {
	w, err := Draw(16, 16, 2, 60, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, bounds := range [][2]int{{0, 0}, {2, 4}} {
		s, err := w.Source(30, 1, bounds[0], bounds[1])
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		batch, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range [][]int{{30, 16, 16, 3}, {30, 16, 16, 3}, {30}, {30, 16}, {30}} {
			if got := batch[i].Shape().Dimensions; !slices.Equal(got, want) {
				t.Errorf("input %d: expected the shape %v, found %v", i, want, got)
			}
		}
		steps := tensors.MustCopyFlatData[int32](batch[2])
		if int(slices.Min(steps)) != bounds[0] || int(slices.Max(steps)) != bounds[1] {
			t.Errorf("expected steps of %v, found %v", bounds, steps)
		}
		for _, label := range tensors.MustCopyFlatData[int32](batch[4]) {
			if l := (judge.Label{Colour: int(label) / len(scenes.Shapes()), Shape: int(label) % len(scenes.Shapes())}); l.HeldOut() {
				t.Errorf("%s is in a batch, which training is never to see", l)
			}
		}
	}
	for _, p := range w.Pictures {
		if _, err := w.Tokenizer.EncodeWhole(p.Scene.Captions(), 16); err != nil {
			t.Error(err)
		}
	}
}
