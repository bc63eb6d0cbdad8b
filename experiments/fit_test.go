package experiments

import (
	"context"
	"io"
	"math"
	"testing"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// A second training starts from the weights of the first and from nothing else: its first step is as long as a fresh Adam's,
// whatever the first training's gradients were.
func TestFitForgetsTheOptimiser(t *testing.T) {
	const weight = "/line/weight"
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		cfg := steps(1)
		cfg.Optimizer.LR, cfg.Optimizer.WarmupSteps = 1e-3, 1
		env := func() *Env { return &Env{Backend: wrap(b), Run: newRun(t), Seed: 1} }
		store := seeded(1)
		long := cfg
		long.Steps, long.Optimizer.LR = 300, 0.1
		if _, err := Fit(context.Background(), env(), "first", store, regression(), &batches{}, long, nil); err != nil {
			t.Fatal(err)
		}
		before := values(t, store, weight)
		if _, err := Fit(context.Background(), env(), "second", store, regression(), &batches{}, cfg, nil); err != nil {
			t.Fatal(err)
		}
		after := values(t, store, weight)
		// Adam's first step is lr * sign(gradient) in every weight.
		for i := range before {
			if step := math.Abs(after[i] - before[i]); step < 0.9e-3 || step > 1.1e-3 {
				t.Errorf("weight %d moved by %g in the first step, expected the learning rate, 1e-3", i, step)
			}
		}
	})
}

func TestPace(t *testing.T) {
	for want, s := range map[string]Step{
		", 2.5 s a step": {Step: 4, Seconds: 10}, ", 20 steps a second": {Step: 40, Seconds: 2}, ", 20 steps a second, 30% waiting for data": {Step: 40, Seconds: 2, Waiting: 0.3},
		"": {},
	} {
		if got := s.pace(); got != want {
			t.Errorf("%+v: found %q, expected %q", s, got, want)
		}
	}
}

// What a run adds to each step of a training, all recorded, in processor time, which other work on the machine changes little.
func BenchmarkHarness(b *testing.B) {
	backend := wrap(backendtest.Go(b))
	cfg := steps(max(b.N, 2))
	cfg.LogEvery = 1
	begun, _ := Usage()
	if err := Bare(b.Context(), backend, seeded(1), regression(), &batches{}, cfg, func() {}); err != nil {
		b.Fatal(err)
	}
	bare, _ := Usage()
	env := &Env{Backend: backend, Run: newRun(b), Seed: 1, Messages: io.Discard}
	if _, err := Fit(b.Context(), env, "line", seeded(1), regression(), &batches{}, cfg, nil); err != nil {
		b.Fatal(err)
	}
	end, _ := Usage()
	b.ReportMetric((end-bare-(bare-begun))*1e6/float64(cfg.Steps), "µs-added/step")
}
