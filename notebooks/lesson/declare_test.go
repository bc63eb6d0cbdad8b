package lesson

import (
	"context"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments"
)

// A sweep of an experiment that a cell declares: every value with every seed, once, also when it is asked for again.
func TestSweep(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", home)
	type config struct {
		Base float64 `json:"base"`
	}
	ran := 0
	e := Declare("mine/sum", "the seed and a number", config{1}, func(_ context.Context, env *experiments.Env, c config) (experiments.Result, error) {
		ran++
		return experiments.Result{Metrics: map[string]float64{"sum": c.Base + float64(env.Seed)}}, nil
	})
	b := pureGo(t)
	for range 2 {
		s := Sweep(b, e, 2, "sum", "base=10,20")
		if s.Done != 4 || s.Total != 4 || ran != 4 {
			t.Fatalf("%d of %d trials are done, %d were run", s.Done, s.Total, ran)
		}
		if best := s.Settings[0]; best.Settings["base"] != "20" || best.Mean.Value != 21.5 || len(best.Values) != 2 {
			t.Errorf("the best is %+v", best)
		}
	}
	if s := Sweep(b, e, 1, "sum", "base=10,20"); s.Total != 2 || ran != 6 {
		t.Errorf("another sweep: %d trials, %d were run", s.Total, ran)
	}
}
