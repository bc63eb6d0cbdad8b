package experiments

import (
	"context"
	"testing"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// The average is what its definition says, computed here beside it, and takes the weights' place for an evaluation and for
// good.
func TestAverage(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store, cfg, task := seeded(1), steps(12), regression()
		cfg.Average, cfg.EvalEvery = 0.5, 4
		const weight, average = "/line/weight", optimizerScope + "/line/weight/" + averageName
		var want, evaluated []float64
		step := 0
		task.Evaluate = func(context.Context) (map[string]float64, error) {
			evaluated = values(t, store, weight)
			return map[string]float64{"dev": float64(len(evaluated))}, nil
		}
		evaluations := 0
		_, err := Train(context.Background(), wrap(b), store, task, &batches{}, cfg, func(s Step) error {
			step++
			decay := min(0.5, float64(step-1)/float64(step+9))
			now := values(t, store, weight)
			if want == nil {
				want = make([]float64, len(now))
			}
			for i := range want {
				want[i] = decay*want[i] + (1-decay)*now[i]
			}
			near(t, "average", values(t, store, average), want, 1e-5)
			if s.Evaluated {
				evaluations++
				near(t, "evaluated", evaluated, want, 1e-5)
				if s.Scalars["dev"] != 6 || !cfg.Records(s) {
					t.Errorf("step %d: %+v", s.Step, s)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		last := values(t, store, weight)
		if evaluations != 3 || step != 12 {
			t.Errorf("%d evaluations in %d steps", evaluations, step)
		}
		if err := UseAverage(store); err != nil {
			t.Fatal(err)
		}
		near(t, "weights", values(t, store, weight), want, 1e-5)
		near(t, "what was the weights", values(t, store, average), last, 0)
	})
}

func TestAverageRefuses(t *testing.T) {
	b := backendtest.Go(t)
	for _, average := range []float64{-0.1, 1, 2} {
		cfg := steps(1)
		cfg.Average = average
		if _, err := Train(context.Background(), wrap(b), seeded(1), regression(), &batches{}, cfg, ignore); err == nil {
			t.Errorf("an average of %g was taken", average)
		}
	}
}
