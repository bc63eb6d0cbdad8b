package experiments

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/google/go-cmp/cmp"

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

// saveAs writes a checkpoint of the store into a fresh folder.
func saveAs(t *testing.T, store *model.Store, best *keeper, state checkpointState) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "01-x-step-000000003.safetensors")
	if err := writeCheckpoint(path, store, best, state); err != nil {
		t.Fatal(err)
	}
	return path
}

// What is written comes back to the bit, whatever the store held before: weights, optimiser state, random numbers, the best
// weights so far, and how far the training was.
func TestCheckpointRoundTrip(t *testing.T) {
	b := backendtest.Go(t)
	store := seeded(1)
	if _, err := Train(context.Background(), wrap(b), store, noisy(), &batches{}, steps(4), ignore); err != nil {
		t.Fatal(err)
	}
	best := &keeper{best: 0.5, step: 2, waited: 1, weights: map[string]*tensors.Tensor{"/line/weight": tensors.FromValue([]float32{1, 2})}}
	want := checkpointState{Format: checkpointFormat, Phase: 1, Name: "x", Trained: Trained{Last: Step{Step: 3, Loss: 0.1, Scalars: map[string]float64{"lr": 1e-3}}},
		Counted: 2, Unseen: true, Place: json.RawMessage(`{"epoch":1}`), Best: &keptState{0.5, 2, 1}, Metrics: 77, Spent: 1.5}
	path := saveAs(t, store, best, want)
	c, err := readCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, c.state); diff != "" {
		t.Error(diff)
	}
	saved := contents(t, store)
	if len(saved) != 8 { // weight, bias, offset, two states each of weight and bias, random numbers
		t.Errorf("the checkpoint holds %d variables", len(saved))
	}
	trained := seeded(3)
	if _, err := Train(context.Background(), wrap(b), trained, noisy(), &batches{}, steps(9), ignore); err != nil {
		t.Fatal(err)
	}
	for _, other := range []*model.Store{seeded(99), trained} {
		kept := &keeper{}
		if err := c.restore(other, kept); err != nil {
			t.Fatal(err)
		}
		sameValues(t, contents(t, other), saved)
		if kept.best != 0.5 || kept.step != 2 || kept.waited != 1 || !kept.weights["/line/weight"].Equal(best.weights["/line/weight"]) {
			t.Errorf("early stopping comes back as %+v", kept)
		}
	}
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

// Every single-bit flip of a small checkpoint, and every length of it that is too short, is refused.
func TestEveryBitOfACheckpointCounts(t *testing.T) {
	store := seeded(1)
	nn.Variable(store.RootScope(), "w", nn.Ones, 3)
	path := saveAs(t, store, nil, checkpointState{Phase: 1, Name: "x", Place: json.RawMessage(`[1]`)})
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseCheckpoint(whole); err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		for bit := range 8 {
			damaged := bytes.Clone(whole)
			damaged[i] ^= 1 << bit
			if _, err := parseCheckpoint(damaged); err == nil {
				t.Fatalf("a checkpoint with bit %d of byte %d flipped was accepted", bit, i)
			}
		}
		if _, err := parseCheckpoint(whole[:i]); err == nil {
			t.Fatalf("the first %d bytes of a checkpoint were accepted", i)
		}
	}
}

// 10,000 random damages of a bigger checkpoint: runs of zeros, of noise, pieces missing, doubled, and exchanged. All are refused.
func TestDamagedCheckpoints(t *testing.T) {
	store := seeded(1)
	for i := range 12 {
		nn.Variable(store.RootScope().At("layer%d", i), "w", nn.Normal(1), 8, 16)
	}
	whole, err := os.ReadFile(saveAs(t, store, nil, checkpointState{Phase: 1, Name: "x", Place: json.RawMessage(`[1]`)}))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 10_000 {
		damaged := bytes.Clone(whole)
		from := rng.IntN(len(whole) - 1)
		length := 1 + rng.IntN(min(len(whole)-from, 1<<rng.IntN(12)))
		part := damaged[from : from+length]
		switch n % 5 {
		case 0:
			clear(part)
		case 1:
			for i := range part {
				part[i] = byte(rng.Uint32())
			}
		case 2:
			damaged = slices.Delete(damaged, from, from+length)
		case 3:
			damaged = slices.Insert(damaged, from, bytes.Clone(part)...)
		case 4:
			to := rng.IntN(len(whole) - length + 1)
			copy(damaged[to:], whole[from:from+length])
		}
		if _, err := parseCheckpoint(damaged); err == nil && !bytes.Equal(damaged, whole) {
			t.Fatalf("damage %d was accepted", n)
		}
	}
}

func TestCheckpointRefusals(t *testing.T) {
	_, err := readCheckpoint(filepath.Join(t.TempDir(), "none.safetensors"))
	sentence(t, err, "none.safetensors", "no such file")
	store := seeded(1)
	nn.Variable(store.RootScope(), "w", nn.Ones, 3)
	path := saveAs(t, store, nil, checkpointState{Phase: 1, Name: "x"})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	write(t, path, string(data))
	_, err = readCheckpoint(path)
	sentence(t, err, path, "damaged", "sha256", "the tensor w")
	if err := safetensors.Write(path, nil, nil); err != nil {
		t.Fatal(err)
	}
	_, err = readCheckpoint(path)
	sentence(t, err, path, "damaged", "checksum", "found none")
	other := seeded(1)
	nn.Variable(other.RootScope(), "w", nn.Zeros, 4)
	c, err := readCheckpoint(saveAs(t, store, nil, checkpointState{Phase: 1, Name: "x"}))
	if err != nil {
		t.Fatal(err)
	}
	sentence(t, c.restore(other, nil), c.path, "tensor w", "another configuration")
	near(t, "w", values(t, other, "/w"), []float64{0, 0, 0, 0}, 0)
	sentence(t, writeCheckpoint(filepath.Join(path, "in-the-way"), store, nil, checkpointState{}), "cannot write")
}

// A checkpoint is read on another backend than it was written on.
func TestCheckpointAcrossBackends(t *testing.T) {
	store := seeded(1)
	if _, err := Train(context.Background(), wrap(backendtest.Go(t)), store, regression(), &batches{}, steps(3), ignore); err != nil {
		t.Fatal(err)
	}
	c, err := readCheckpoint(saveAs(t, store, nil, checkpointState{Phase: 1, Name: "x"}))
	if err != nil {
		t.Fatal(err)
	}
	var first map[string][]float64
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		back := seeded(2)
		if err := c.restore(back, nil); err != nil {
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
