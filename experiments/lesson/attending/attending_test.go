package attending

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
)

func TestWorkedExample(t *testing.T) {
	s := sharpen([]float64{2.1, 0.5, 0.8, -0.3}, []float64{1, 1000})
	for i, want := range []float64{0.638918, 0.128995, 0.174125, 0.057961} {
		if math.Abs(s[0].Weights[i]-want) > 1e-6 {
			t.Errorf("weight %d: expected %g, found %g", i, want, s[0].Weights[i])
		}
	}
	if s[1].Weights[0] != 1 || s[1].Entropy != 0 {
		t.Errorf("scores times 1000: found %+v", s[1])
	}
}

// The exact gradient and deviations are those that draws have, and differences.
func TestChoice(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	c := drawChoice(rng, 6)
	gradient, rewards, alpha := c.truth()
	expected := func(scores []float64) float64 { return dot(softmax(scores, 1), rewards) }
	const h = 1e-5
	for i := range c.scores {
		up, down := append([]float64{}, c.scores...), append([]float64{}, c.scores...)
		up[i], down[i] = up[i]+h, down[i]-h
		if d := (expected(up) - expected(down)) / (2 * h); math.Abs(d-gradient[i]) > 1e-8 {
			t.Errorf("score %d: the slope is %g, the gradient %g", i, d, gradient[i])
		}
	}
	of := func(scores []float64) float64 { // soft attention's objective
		z := make([]float64, len(c.features[0]))
		for i, w := range softmax(scores, 1) {
			for d, v := range c.features[i] {
				z[d] += w * v
			}
		}
		r, _ := c.reward(z)
		return r
	}
	for i, want := range c.soft(alpha) {
		up, down := append([]float64{}, c.scores...), append([]float64{}, c.scores...)
		up[i], down[i] = up[i]+h, down[i]-h
		if d := (of(up) - of(down)) / (2 * h); math.Abs(d-want) > 1e-8 {
			t.Errorf("soft, score %d: the slope is %g, the gradient %g", i, d, want)
		}
	}
	for _, baseline := range []float64{0, dot(alpha, rewards)} {
		const n = 200_000
		second := 0.0
		for range n {
			u, s := rng.Float64(), 0
			for u -= alpha[s]; u > 0 && s < len(alpha)-1; u -= alpha[s] {
				s++
			}
			for i, a := range alpha {
				d := -a
				if i == s {
					d++
				}
				off := (rewards[s]-baseline)*d - gradient[i]
				second += off * off / n
			}
		}
		if want := deviation(gradient, rewards, alpha, baseline); math.Abs(math.Sqrt(second)/want-1) > 0.02 {
			t.Errorf("baseline %g: draws deviate by %g, expected %g", baseline, math.Sqrt(second), want)
		}
	}
}

func TestQuickRun(t *testing.T) {
	run := lessontest.Quick[Config, Report](t, Study(), "go", "captioner.train.steps=3", "captioner.held_out=12", "captioner.dev=4", "captioner.drawing.max_objects=2", "objects=[1,2]", "places=[4,9]", "widths=[4,256]")
	r := run.Report
	if len(r.Captions) != 2 || len(r.Captions[0].Told) != 2 || r.Captions[1].Told[1].True.N != 12 {
		t.Fatalf("found %+v", r.Captions)
	}
	for _, e := range r.Hard {
		if !(e.Plain > 0 && e.Baseline > 0 && e.Soft > -1 && e.Soft <= 1) {
			t.Errorf("found %+v", e)
		}
	}
	if w := r.Widths[1]; !(w.Plain > 0.8 && w.Scaled < 0.4) {
		t.Errorf("256 wide: found %+v", w)
	}
	if run.Found["uniform_2_true_n"] != 12 || run.Found["entropy_1"] == 0 {
		t.Errorf("found the metrics %v", run.Found)
	}
	told, err := tell(run.Seeds(3))
	if err != nil || len(told.Errata) != 1 || !strings.Contains(told.Errata[0].Found, "[0.638918, 0.128995, 0.174125, 0.057961]") {
		t.Errorf("three runs: %+v, %v", told.Errata, err)
	}
}

func TestRefuses(t *testing.T) {
	lessontest.Refuses(t, Study(), map[string]string{"scores=[1]": "at least two scores", "factors=[0]": "more than 0", "widths=[1]": "2 to", "objects=[4]": "that are trained on", "captioner.held_out=0": "held_out"})
}
