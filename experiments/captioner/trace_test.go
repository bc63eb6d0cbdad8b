package captioner

import (
	"image"
	"math"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/attention"
	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
)

func sceneImage(t *testing.T, i, size int) image.Image {
	t.Helper()
	cfg := scenes.Pairs()
	cfg.Count, cfg.Size = i+1, size
	set, err := scenes.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	img, err := set.At(i).Open()
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// A trace says what the writer said: the same weights for each word, the likeliest word taken, log p of them all; and what
// attention did at each step follows from the state and the weights by the equations.
func TestTrace(t *testing.T) {
	c := frozenCaptioner(t)
	img := sceneImage(t, 0, 67)
	described, err := c.Caption([]image.Image{img})
	if err != nil {
		t.Fatal(err)
	}
	d := described[0]
	trace, err := c.Trace(img, d.Words)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(trace.Steps); n < len(d.Words) || n > len(d.Words)+1 || trace.Steps[0].Read != "<start>" {
		t.Fatalf("expected a step for each of %q and for the end, found %d", d.Words, n)
	}
	for i, s := range trace.Steps {
		sum := 0.0
		for _, candidate := range s.P {
			sum += candidate.P
		}
		if math.Abs(sum-1) > 1e-5 || len(s.P) != c.Vocabulary.Len() || s.P[0].P < s.P[1].P {
			t.Errorf("step %d: %d probabilities with the sum %g, from %v on", i, len(s.P), sum, s.P[:2])
		}
		if i < len(d.Words) {
			if s.Took != d.Words[i] || (i > 0 && s.Read != d.Words[i-1]) {
				t.Errorf("step %d reads %q and takes %q, for the words %q", i, s.Read, s.Took, d.Words)
			}
			for place, a := range d.Alphas[i] {
				if math.Abs(a-s.Alpha[place]) > 1e-5 {
					t.Errorf("step %d: the weight %g of place %d is %g in the trace", i, a, place, s.Alpha[place])
				}
			}
		}
		if s.Beta <= 0 || s.Beta >= 1 {
			t.Errorf("step %d: the gate is %g", i, s.Beta)
		}
		picture, err := c.Look(trace, i)
		if err != nil {
			t.Fatal(err)
		}
		f, _, err := attention.Walk(picture, make([]float64, len(s.Z)), nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, x := range f.Z {
			if math.Abs(x-s.Z[k]) > 1e-3*math.Max(1, math.Abs(x)) {
				t.Fatalf("step %d: z[%d] is %g, by the equations it is %g", i, k, s.Z[k], x)
			}
		}
	}
	if _, err := c.Look(trace, len(trace.Steps)); err == nil || !strings.Contains(err.Error(), "expected a step from 0 to") {
		t.Errorf("expected an error for a step that there is not, found %v", err)
	}
}

// Where all places count alike there is nothing to walk through.
func TestLookWithoutAttention(t *testing.T) {
	c := frozenCaptioner(t)
	trace, err := c.Trace(sceneImage(t, 0, 67), []string{"a", "red", "circle"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.WithUniformAttention().Look(trace, 0); err == nil || !strings.Contains(err.Error(), "found none") {
		t.Errorf("without attention: %v", err)
	}
}

// The estimates by REINFORCE vary, less so with a baseline; and the model they were made with is as it was.
func TestGradientNoise(t *testing.T) {
	c := frozenCaptioner(t)
	images := []image.Image{sceneImage(t, 0, 67), sceneImage(t, 1, 67)}
	if _, err := c.Caption(images); err != nil { // which makes the weights
		t.Fatal(err)
	}
	before := c.Store.NumVariables()
	captions := [][]string{{"a", "red", "circle"}, {"a", "blue", "square"}}
	plain, baseline, err := c.GradientNoise(images, captions, 20)
	if err != nil {
		t.Fatal(err)
	}
	if !(plain.Spread > 0 && baseline.Spread > 0 && baseline.Spread < plain.Spread/2 && plain.Draws == 20) {
		t.Errorf("expected estimates that vary, and less than half as much with a baseline, found %+v and %+v", plain, baseline)
	}
	if c.Store.NumVariables() != before || c.Config.Attention != captioning.AttentionSoft {
		t.Errorf("the model was changed: %d variables, %d before", c.Store.NumVariables(), before)
	}
	if _, _, err := c.GradientNoise(images, captions[:1], 20); err == nil || !strings.Contains(err.Error(), "found 2 pictures, 1 captions") {
		t.Errorf("expected an error for a picture without a caption, found %v", err)
	}
	captions[1] = strings.Fields(strings.Repeat("a ", c.Config.MaxLen))
	if _, _, err := c.GradientNoise(images, captions, 20); err == nil || !strings.Contains(err.Error(), "caption 1: expected at most") {
		t.Errorf("expected an error for a caption that would have to be cut, found %v", err)
	}
}

// Estimates (3, 0) and (5, 4) have the mean (4, 2), of which each is the root of 5 away: the variance has n-1 below it.
func TestNoiseOf(t *testing.T) {
	n := noiseOf([][]float64{{3, 0}, {5, 4}})
	if math.Abs(n.Mean-math.Sqrt(20)) > 1e-12 || math.Abs(n.Spread-math.Sqrt(10)) > 1e-12 {
		t.Errorf("expected the length %g and the spread %g, found %+v", math.Sqrt(20), math.Sqrt(10), n)
	}
}
