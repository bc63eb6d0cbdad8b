package experiments

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// rowPairs is a source of two inputs of 16 rows each, of which one is whole numbers.
type rowPairs struct{ next int }

func (s *rowPairs) Next(context.Context) ([]*tensors.Tensor, error) {
	rng := rand.New(rand.NewPCG(uint64(s.next), 3))
	s.next++
	x, ids := make([]float32, 16*5), make([]int32, 16*3)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	for i := range ids {
		ids[i] = int32(rng.IntN(7))
	}
	return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, 16, 5), tensors.FromFlatDataAndDimensions(ids, 16, 3)}, nil
}

func (*rowPairs) Waited() time.Duration { return 0 }
func (*rowPairs) Epoch() int            { return 0 }

// towers are two small towers with a learned temperature, and one half of InfoNCE.
func towers(dropout float64, norm func(scope *model.Scope, x *graph.Node) *graph.Node) Task {
	return Task{
		Embed: func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
			x := nn.Linear(scope.At("picture"), inputs[0], 6, true)
			x = nn.Dropout(scope, norm(scope.At("norm"), x), dropout, scope.IsTraining(x.Graph()))
			text := nn.Embedding(scope.At("text"), inputs[1], 7, 6, nn.Normal(1)) // [16, 3, 6]
			return []*graph.Node{x, graph.ReduceMean(text, 1)}
		},
		Compare: func(scope *model.Scope, e []*graph.Node) (*graph.Node, []Metric) {
			scale := nn.Param(scope, e[0], "logit_scale", nn.Constant(0.5))
			logits := graph.Mul(graph.Exp(scale), graph.DotGeneral(e[0], []int{1}, nil, e[1], []int{1}, nil))
			n := logits.Shape().Dim(0)
			diagonal := graph.ReduceAllSum(graph.Where(graph.Diagonal(logits.Graph(), n), logits, graph.ZerosLike(logits)))
			loss := graph.Sub(graph.ReduceAllMean(graph.Log(graph.ReduceSum(graph.Exp(logits), 1))), graph.DivScalar(diagonal, float64(n)))
			return loss, []Metric{{"scale", graph.Exp(scale)}}
		},
	}
}

func layerNorm(scope *model.Scope, x *graph.Node) *graph.Node { return nn.LayerNorm(scope, x, 1e-5) }

// A batch in 2, 4 or 8 chunks trains as the whole batch does: the same losses, norms and weights.
func TestChunksGiveTheSameGradients(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		run := func(chunks int) (map[string][]float64, []float64) {
			store, cfg := seeded(4), steps(4)
			cfg.Seed, cfg.Chunks, cfg.Average, cfg.Optimizer.ClipNorm, cfg.Optimizer.LR = 9, chunks, 0.9, 1, 0.01
			task := towers(0, layerNorm)
			var seen []float64
			_, err := Train(context.Background(), wrap(b), store, task, &rowPairs{}, cfg, func(s Step) error {
				seen = append(seen, s.Loss, s.Scalars["grad_norm"], s.Scalars["scale"])
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			all := contents(t, store)
			maps.DeleteFunc(all, func(path string, _ []float64) bool {
				return strings.Contains(path, "/#") || strings.HasSuffix(path, "/"+gradientName)
			})
			return all, seen
		}
		want, wantSeen := run(1)
		for _, chunks := range []int{2, 4, 8} {
			got, gotSeen := run(chunks)
			near(t, fmt.Sprintf("%d chunks: losses, norms and scales", chunks), gotSeen, wantSeen, 2e-6)
			if a, b := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(a, b) {
				t.Fatalf("%d chunks: variables %v, expected %v", chunks, a, b)
			}
			for path := range want {
				near(t, fmt.Sprintf("%d chunks: %s", chunks, path), got[path], want[path], 3e-5)
			}
		}
	})
}

// Dropout must draw the same numbers when a chunk is embedded for the loss and for the gradients. One chunk draws those of
// the whole batch, so that the two can be compared.
func TestChunksRepeatDropout(t *testing.T) {
	b := backendtest.Go(t)
	run := func(make func(store *model.Store, task Task, cfg TrainConfig) (trainer, error)) []float64 {
		store, cfg, source := seeded(4), steps(3), &rowPairs{}
		cfg.Chunks = 1
		if err := store.SetRNGStateFromSeed(9); err != nil {
			t.Fatal(err)
		}
		tr, err := make(store, towers(0.5, layerNorm), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer tr.close()
		var seen []float64
		for step := range 3 {
			batch, _ := source.Next(context.Background())
			loss, scalars, err := runStep(tr, batch, step+1, cfg)
			if err != nil {
				t.Fatalf("%+v", err)
			}
			seen = append(seen, loss, scalars["grad_norm"])
		}
		return append(seen, values(t, store, "/picture/weight")...)
	}
	want := run(func(store *model.Store, task Task, cfg TrainConfig) (trainer, error) {
		return newWholeStep(wrap(b), store, task, cfg)
	})
	got := run(func(store *model.Store, task Task, cfg TrainConfig) (trainer, error) {
		return newChunkedStep(wrap(b), store, task, cfg)
	})
	near(t, "losses, norms, weights", got, want, 1e-5)
}

func TestChunksRefuse(t *testing.T) {
	b := backendtest.Go(t)
	batchNorm := func(scope *model.Scope, x *graph.Node) *graph.Node { return nn.BatchNorm(scope, x, 1e-5, 0.1, true) }
	for _, c := range []struct {
		name   string
		task   Task
		chunks int
		want   string
	}{
		{"batch norm", towers(0, batchNorm), 2, "running statistics (/norm/running_mean)"},
		{"uneven", towers(0, layerNorm), 3, "a batch that 3 chunks share evenly, found 16 rows"},
		{"one piece", regression(), 2, "a task whose loss comes in two halves"},
		{"negative", regression(), -1, "chunks: expected 0 or more, found -1"},
	} {
		cfg := steps(1)
		cfg.Chunks = c.chunks
		_, err := Train(context.Background(), wrap(b), seeded(1), c.task, &rowPairs{}, cfg, ignore)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: expected an error with %q, found %v", c.name, c.want, err)
		}
	}
}
