package experiments

import (
	"context"
	"os"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// noisy is the regression with dropout, so that random numbers matter.
func noisy() Task {
	task := regression()
	plain := task.Loss
	task.Loss = func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []Metric) {
		inputs[0] = nn.Dropout(scope, inputs[0], 0.3, true)
		return plain(scope, inputs)
	}
	return task
}

// A training that goes on from a checkpoint ends where the uninterrupted one does, to the bit: weights, optimiser state,
// random numbers. (The steps here have the same learning rate, because the count of steps begins anew.)
func TestCheckpointRoundTrip(t *testing.T) {
	b := backendtest.Go(t)
	cfg := steps(4)
	cfg.Optimizer.WarmupSteps, cfg.Optimizer.ClipNorm, cfg.Optimizer.Beta1, cfg.Optimizer.Beta2 = 0, 1, 0, 0 // nothing depends on the step but lr
	train := func(store *model.Store, source *batches, seed int64) {
		t.Helper()
		cfg.Seed = seed
		if _, err := Train(context.Background(), wrap(b), store, noisy(), source, cfg, ignore); err != nil {
			t.Fatal(err)
		}
	}
	r := newRun(t)
	store := seeded(1)
	source := &batches{}
	train(store, source, 5)
	saved := contents(t, store)
	if err := r.SaveCheckpoint(4, store, `{"epoch":1}`); err != nil {
		t.Fatal(err)
	}
	train(store, source, 5)
	want := contents(t, store)

	back := seeded(99) // the checkpoint's weights count, not the seed's
	position, err := r.LoadCheckpoint(4, back)
	if err != nil || position != `{"epoch":1}` {
		t.Fatalf("found the position %q (%v)", position, err)
	}
	sameValues(t, contents(t, back), saved)
	train(back, &batches{next: 4}, 6) // nor does the seed of the random numbers, which go on
	sameValues(t, contents(t, back), want)

	if len(saved) != 8 { // weight, bias, offset, two states each of weight and bias, random numbers
		t.Errorf("the checkpoint holds %d variables", len(saved))
	}
	// Into a store that trained on its own already.
	other := seeded(3)
	train(other, &batches{}, 8)
	if _, err := r.LoadCheckpoint(4, other); err != nil {
		t.Fatal(err)
	}
	sameValues(t, contents(t, other), saved)
}

// The order in which variables were created does not change a single bit of a step: see the norm of all gradients.
func TestOrderOfVariablesDoesNotMatter(t *testing.T) {
	b := backendtest.Go(t)
	const n = 12
	task := func(backwards bool) Task {
		return Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []Metric) {
			var loss *graph.Node
			made := make([]*graph.Node, n)
			for i := range n {
				if backwards {
					i = n - 1 - i
				}
				made[i] = nn.Param(scope.At("part%d", i), inputs[0], "w", nn.Normal(1), in)
			}
			for _, w := range made {
				part := graph.ReduceAllSum(graph.Square(graph.Sub(inputs[0], graph.ExpandAxes(w, 0))))
				if loss == nil {
					loss = part
				} else {
					loss = graph.Add(loss, part)
				}
			}
			return loss, nil
		}}
	}
	norms := func(backwards bool) (all []float64) {
		_, err := Train(context.Background(), wrap(b), seeded(1), task(backwards), &batches{}, steps(20), func(s Step) error {
			all = append(all, s.Scalars["grad_norm"])
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	near(t, "grad_norm", norms(true), norms(false), 0)
}

func TestCheckpointRefusals(t *testing.T) {
	r := newRun(t)
	_, err := r.LoadCheckpoint(7, seeded(1))
	sentence(t, err, "step-0000007.safetensors", "no such file")
	store := seeded(1)
	nn.Variable(store.RootScope(), "w", nn.Ones, 3)
	if err := r.SaveCheckpoint(7, store, "here"); err != nil {
		t.Fatal(err)
	}
	path := r.checkpointPath(7)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, r.checkpointPath(8)); err != nil {
		t.Fatal(err)
	}
	_, err = r.LoadCheckpoint(8, seeded(1))
	sentence(t, err, "state of step 8", `found step "7"`)
	for _, n := range []int{0, 7, len(data) / 2, len(data) - 1} {
		write(t, path, string(data[:n]))
		_, err := r.LoadCheckpoint(7, seeded(1))
		sentence(t, err, path, "not a whole safetensors file")
	}
	write(t, path, string(data))
	other := seeded(1)
	nn.Variable(other.RootScope(), "w", nn.Zeros, 4)
	_, err = r.LoadCheckpoint(7, other)
	sentence(t, err, path, "tensor w", "another configuration")
	near(t, "w", values(t, other, "/w"), []float64{0, 0, 0, 0}, 0)
	if err := safetensors.Write(path, nil, nil); err != nil {
		t.Fatal(err)
	}
	_, err = r.LoadCheckpoint(7, seeded(1))
	sentence(t, err, "state of step 7")
	if err := os.RemoveAll(r.Path("checkpoints")); err != nil {
		t.Fatal(err)
	}
	write(t, r.Path("checkpoints"), "in the way")
	sentence(t, r.SaveCheckpoint(9, store, ""), "cannot write", "step-0000009.safetensors")
}

// A checkpoint is read on another backend than it was written on.
func TestCheckpointAcrossBackends(t *testing.T) {
	r := newRun(t)
	store := seeded(1)
	if _, err := Train(context.Background(), wrap(backendtest.Go(t)), store, regression(), &batches{}, steps(3), ignore); err != nil {
		t.Fatal(err)
	}
	if err := r.SaveCheckpoint(3, store, ""); err != nil {
		t.Fatal(err)
	}
	var first map[string][]float64
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		back := seeded(2)
		if _, err := r.LoadCheckpoint(3, back); err != nil {
			t.Fatal(err)
		}
		if _, err := Train(context.Background(), wrap(b), back, regression(), &batches{next: 3}, steps(3), ignore); err != nil {
			t.Fatal(err)
		}
		got := contents(t, back)
		if first == nil {
			first = got
		}
		for path := range first {
			near(t, path, got[path], first[path], 1e-5)
		}
	})
}
