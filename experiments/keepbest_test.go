package experiments

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// bestOf is the best of a figure among a run's evaluations of one training, and the step that it was found after.
func bestOf(t *testing.T, r *Run, training int, best Best) (value float64, step int) {
	t.Helper()
	metrics, err := r.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, line := range metrics {
		if line["step"] == 1 {
			at++
		}
		v, ok := line[best.Metric]
		if ok && at == training && (step == 0 || best.Smallest && v < value || !best.Smallest && v > value) {
			value, step = v, int(line["step"])
		}
	}
	return value, step
}

// The checkpoint of each training's best evaluation stays, whichever way is better; of the others only the last.
func TestKeepBest(t *testing.T) {
	b := wrap(backendtest.Go(t))
	for _, best := range []Best{{Metric: "score"}, {Metric: "score", Smallest: true}} {
		r, _, err := classifier(nil).Start(t.Context(), b, Options{Seed: 3, Out: filepath.Join(t.TempDir(), "run"), Saving: Saving{Steps: 2, Best: best}})
		if err != nil {
			t.Fatal(err)
		}
		paths := r.checkpoints()
		if len(paths) != 4 {
			t.Fatalf("expected two checkpoints of each training, found %q", paths)
		}
		for training := 1; training <= 2; training++ {
			value, step := bestOf(t, r, training, best)
			path := paths[2*training-2]
			c, err := readCheckpoint(path)
			if err != nil {
				t.Fatal(err)
			}
			if name := checkpointAt(path); !name.Best || name.Training != training || name.Step != step || c.state.Trained.Last.Step != step || c.state.KeepBest.Value != value {
				t.Errorf("%+v, training %d: expected %g of step %d, found %s with %+v", best, training, value, step, path, c.state.KeepBest)
			}
			if name := checkpointAt(paths[2*training-1]); !name.Done {
				t.Errorf("expected the last checkpoint of training %d, found %+v", training, name)
			}
		}
	}
}

// While a training goes on, the best stays beside the newest, and counts as one of them where it is new.
func TestKeepBestBesideTheNewest(t *testing.T) {
	b := wrap(backendtest.Go(t))
	options := Options{Seed: 3, Saving: Saving{Steps: 1, Keep: 3, Best: Best{Metric: "score", Smallest: true}}}
	r := stoppedAt(t, b, filepath.Join(t.TempDir(), "run"), 22, options)
	_, step := bestOf(t, r, 1, options.Saving.Best)
	var steps []int
	for _, path := range r.checkpoints() {
		steps = append(steps, checkpointAt(path).Step)
	}
	if len(steps) != 4 || steps[0] != step || steps[3] != 22 {
		t.Errorf("expected the best, of step %d, and the newest three, found those of %v", step, steps)
	}
}

// A run that keeps its best is stopped at random moments, also within evaluations, and goes on keeping it without being asked again: all
// checkpoints are those of a run that was never stopped.
func TestKeepBestResumed(t *testing.T) {
	b := wrap(backendtest.Go(t))
	best := Best{Metric: "score"}
	e, options := classifier(nil), Options{Seed: 3, Saving: Saving{Steps: 3, Best: best}}
	want := undisturbed(t, e, b, options)
	found := 0
	for name := range want.tensors {
		if strings.Contains(name, "-best.safetensors ") {
			found++
		}
	}
	if found == 0 {
		t.Fatal("the run that was never stopped has kept nothing")
	}
	rng := rand.New(rand.NewPCG(7, 8))
	check := func(dir string) {
		for attempt := 1; ; attempt++ {
			ctx, cancel := stopAfter(t, rng, attempt)
			r, _, err := e.Resume(ctx, b, dir, Options{Saving: Saving{Steps: 1 + rng.IntN(4)}})
			cancel()
			if err == nil {
				outcomeOf(t, r).same(t, want)
				return
			}
			if !errors.Is(err, ErrStopped) {
				t.Fatal(err)
			}
		}
	}
	for _, batch := range []int{9, 16, 1004, 1013} {
		dir := filepath.Join(t.TempDir(), "run")
		stoppedAt(t, b, dir, batch, options)
		check(dir)
	}
	for _, times := range []int{1, 2, 6, 7} {
		options.Out = filepath.Join(t.TempDir(), "run")
		stopped, ctx := stopping(t, 9001, times)
		if _, _, err := stopped.Start(ctx, b, options); !errors.Is(err, ErrStopped) {
			t.Fatalf("expected to be stopped, found %v", err)
		}
		check(options.Out)
	}
}

// A figure that there is none of is named, and so is a training that measures none.
func TestKeepBestOfNothing(t *testing.T) {
	b := wrap(backendtest.Go(t))
	options := Options{Seed: 3, Out: filepath.Join(t.TempDir(), "run"), Saving: Saving{Best: Best{Metric: "scores"}}}
	_, _, err := classifier(nil).Start(t.Context(), b, options)
	sentence(t, err, "Training 1: keep best", "score", `found "scores"; did you mean "score"?`)

	options.Out = filepath.Join(t.TempDir(), "run")
	options.Saving.Best.Metric = "score"
	o, err := ParseOverride("first.eval_every=0")
	if err != nil {
		t.Fatal(err)
	}
	options.Overrides = []Override{o}
	var said strings.Builder
	options.Messages = &said
	r, _, err := classifier(nil).Start(t.Context(), b, options)
	if err != nil {
		t.Fatal(err)
	}
	if text := said.String(); strings.Count(text, "no checkpoint of it is kept for its score") != 1 || !strings.Contains(text, "Training 1: is not measured on the way") {
		t.Errorf("found %q", text)
	}
	if paths := r.checkpoints(); len(paths) != 3 || !checkpointAt(paths[1]).Best {
		t.Errorf("expected the second training's best and the last two, found %q", paths)
	}
}
