package experiments

import (
	"context"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// Training stops after patience evaluations without a better figure, and the weights that were measured then are kept: the
// average where there is one.
func TestPatience(t *testing.T) {
	const weight = "/line/weight"
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, average := range []float64{0, 0.5} {
			store, cfg, task := seeded(1), steps(100), regression()
			cfg.EvalEvery, cfg.Patience, cfg.Average = 2, 3, average
			figures := []float64{0.1, 0.5, 0.4, 0.5, 0.2, 0.9}
			var best []float64
			evaluations := 0
			task.Figure = "score"
			task.Evaluate = func(context.Context) (map[string]float64, error) {
				figure := figures[evaluations]
				if evaluations++; evaluations == 2 {
					best = values(t, store, weight)
				}
				return map[string]float64{"score": figure, "other": -figure}, nil
			}
			trained, err := Train(context.Background(), wrap(b), store, task, &batches{}, cfg, ignore)
			if err != nil {
				t.Fatal(err)
			}
			if trained.Last.Step != 10 || trained.Kept != 4 {
				t.Errorf("average %g: stopped at step %d with the weights of %d, expected 10 and 4", average, trained.Last.Step, trained.Kept)
			}
			if err := UseAverage(store); err != nil {
				t.Fatal(err)
			}
			near(t, "weights", values(t, store, weight), best, 0)
		}
	})
}

func TestPatienceRefuses(t *testing.T) {
	task := regression()
	task.Evaluate = func(context.Context) (map[string]float64, error) { return map[string]float64{"a": 1}, nil }
	for _, c := range []struct {
		change func(*TrainConfig, *Task)
		says   string
	}{
		{func(c *TrainConfig, _ *Task) { c.Patience = -1 }, "0 or more"},
		{func(c *TrainConfig, _ *Task) {}, "held-out"},
		{func(c *TrainConfig, task *Task) { task.Figure, c.EvalEvery = "a", 0 }, "eval_every"},
		{func(c *TrainConfig, task *Task) { task.Figure = "b" }, `"b"`},
	} {
		cfg, task := steps(4), task
		cfg.EvalEvery, cfg.Patience = 2, 1
		c.change(&cfg, &task)
		_, err := Train(context.Background(), wrap(backendtest.Go(t)), seeded(1), task, &batches{}, cfg, ignore)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("expected an error with %q, found %v", c.says, err)
		}
	}
}
