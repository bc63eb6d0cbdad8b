package experiments

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// A dry run takes the first steps of the first training, evaluates nothing, knows what a step needs, and leaves nothing behind.
func TestDryRun(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Chdir(tmp)
	var met []int
	out := filepath.Join(tmp, "run")
	r, err := classifier(func(k int) { met = append(met, k) }).DryRun(t.Context(), wrap(backendtest.Go(t)), Options{Seed: 3, Out: out})
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 1, 2, 3, 4, 5}; !slices.Equal(met, want) {
		t.Errorf("expected the batches %v, found %v", want, met)
	}
	if want := map[string]int{"first.steps": 23, "second.steps": 40}; !maps.Equal(r.Counted, want) {
		t.Errorf("expected the steps of %v, found %v", want, r.Counted)
	}
	if one := countedSteps([]byte(`{"train":{"steps":9,"warmup_steps":3},"critical":{"train":{"steps":0}}}`)); one != nil {
		t.Errorf("of one training's steps, found %v", one)
	}
	// w [3, 3]; two moments and the average of each number, and whatever counts steps
	if r.Training != "Training 1" || r.Steps != 23 || r.Timed != 5 || r.Evaluations != 5 || r.Parameters != in*classes || r.ParameterBytes != 4*in*classes {
		t.Errorf("found %+v", r)
	}
	if r.OptimizerBytes < 3*r.ParameterBytes || r.OptimizerBytes > 3*r.ParameterBytes+16 {
		t.Errorf("expected about %d bytes of the optimiser, found %d", 3*r.ParameterBytes, r.OptimizerBytes)
	}
	if want := []string{"(Float32)[8, 3]", "(Float32)[8, 3]"}; !slices.Equal(r.Batch, want) {
		t.Errorf("expected a batch of %v, found %v", want, r.Batch)
	}
	if !(r.Loss > 0 && r.StepSeconds > 0 && r.CompileSeconds > r.StepSeconds && r.TrainSeconds >= r.CompileSeconds+22*r.StepSeconds) {
		t.Errorf("found %+v", r)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("a dry run left %v (%v)", left, err)
	}
}

// What a run would fail with, a dry run fails with.
func TestDryRunFails(t *testing.T) {
	b := wrap(backendtest.Go(t))
	_, err := classifier(nil).DryRun(t.Context(), b, Options{Overrides: []Override{{Key: "first.steps", Value: "0"}}})
	sentence(t, err, "steps: expected at least 1, found 0")
	_, err = classifier(nil).DryRun(t.Context(), b, Options{Overrides: []Override{{Key: "frist.steps", Value: "0"}}})
	sentence(t, err, `did you mean "first"?`)
	ctx, cancel := context.WithCancel(t.Context())
	_, err = classifier(func(int) { cancel() }).DryRun(ctx, b, Options{})
	sentence(t, err, "canceled")
	_, err = toy().DryRun(t.Context(), b, Options{Form: Quick})
	sentence(t, err, "the experiment toy ended without a training")
	dir := t.TempDir()
	write(t, filepath.Join(dir, manifestFile), "{}")
	_, err = classifier(nil).DryRun(t.Context(), b, Options{Out: dir})
	sentence(t, err, "already holds a run")
}

// A few stand for all, and what they took says what all would.
func TestForesee(t *testing.T) {
	e := New("few", "", func(Form, backend.Kind) toyConfig { return toyConfig{} }, func(_ context.Context, env *Env, _ toyConfig) (Result, error) {
		if env.Few(10) != 10 || env.Few(1000) != rehearsedFew || !env.Rehearsing() {
			t.Errorf("expected 10 of 10 and %d of 1000, found %d and %d", rehearsedFew, env.Few(10), env.Few(1000))
		}
		env.Foresee("reading", 10, 10, time.Hour)
		env.Foresee("reading", 10, 100, time.Second)
		env.Foresee("reading", 10, 200, time.Second)
		if f := env.rehearsal.Foreseen; len(f) != 1 || f[0] != (Foreseen{"reading", 30}) {
			t.Errorf("found %+v", f)
		}
		return Result{}, nil
	})
	_, err := e.DryRun(t.Context(), noBackend, Options{})
	sentence(t, err, "without a training")
	real := &Env{}
	if real.Foresee("x", 1, 2, 1); real.Few(1000) != 1000 || real.Rehearsing() {
		t.Error("a real run prepares a few pictures only")
	}
}
