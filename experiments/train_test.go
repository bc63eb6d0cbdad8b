package experiments

import (
	"context"
	"errors"
	"fmt"
	"math"
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

// steps is a training of so many steps with a plain optimiser.
func steps(n int) TrainConfig {
	return TrainConfig{Steps: n, LogEvery: 1, Optimizer: AdamW{LR: 0.1, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8}}
}

func ignore(Step) error { return nil }

func TestTrainConverges(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store, source := seeded(1), &batches{}
		var recorded []Step
		result, err := Train(context.Background(), wrap(b), store, regression(), source, steps(200), func(s Step) error {
			recorded = append(recorded, s)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		// The plane that the points were drawn around; the bias makes up for the fixed offset.
		near(t, "weight", values(t, store, "/line/weight"), []float64{1, -2, 0.5, 3, -1, 2}, 0.02)
		near(t, "bias", values(t, store, "/line/bias"), []float64{0.7 - fixedOffset, 0.7 - fixedOffset}, 0.02)
		first, last := recorded[0], recorded[199]
		if len(recorded) != 200 || first.Step != 1 || last.Step != 200 || first.Loss < 1 || last.Loss > 1e-3 {
			t.Errorf("%d steps, from %+v to %+v", len(recorded), first, last)
		}
		if last.Epoch != 50 || source.next != 200 || result.Last.Step != 200 || result.Last.Loss != last.Loss {
			t.Errorf("after %d batches: %+v, %+v", source.next, last, result)
		}
		near(t, "lr", []float64{first.Scalars["lr"], last.Scalars["lr"]}, []float64{0.05 * (1 + math.Cos(math.Pi/200)), 0}, 1e-9)
		near(t, "root", []float64{last.Scalars["root"]}, []float64{math.Sqrt(last.Loss)}, 1e-5)
		for i, s := range recorded[1:] {
			if s.Seconds < recorded[i].Seconds || len(s.Scalars) != 3 {
				t.Fatalf("step %d: %+v after %+v", s.Step, s, recorded[i])
			}
		}
	})
}

// The same seed twice gives the same bits on the pure Go backend, dropout included; another seed gives others.
func TestTrainIsRepeatable(t *testing.T) {
	b := backendtest.Go(t)
	run := func(storeSeed, trainSeed int64) (map[string][]float64, string) {
		store, task := seeded(storeSeed), regression()
		plain := task.Loss
		task.Loss = func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []Metric) {
			inputs[0] = nn.Dropout(scope, inputs[0], 0.3, scope.IsTraining(inputs[0].Graph()))
			return plain(scope, inputs)
		}
		cfg := steps(20)
		cfg.Seed, cfg.Optimizer.ClipNorm, cfg.Optimizer.WeightDecay = trainSeed, 1, 0.1
		var losses strings.Builder
		_, err := Train(context.Background(), wrap(b), store, task, &batches{}, cfg, func(s Step) error {
			fmt.Fprintln(&losses, s.Loss, s.Scalars["grad_norm"])
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return contents(t, store), losses.String()
	}
	first, losses := run(1, 5)
	again, lossesAgain := run(1, 5)
	sameValues(t, again, first)
	if losses != lossesAgain {
		t.Errorf("the losses differ:\n%s\n%s", losses, lossesAgain)
	}
	if _, other := run(1, 6); other == losses {
		t.Error("another seed dropped the same values")
	}
	if _, other := run(2, 5); other == losses {
		t.Error("another seed of the weights gave the same losses")
	}
}

func TestTrainDiverges(t *testing.T) {
	b := backendtest.Go(t)
	cfg := steps(50)
	task := regression()
	plain := task.Loss
	task.Loss = func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []Metric) {
		loss, scalars := plain(scope, inputs)
		return graph.Exp(graph.Exp(loss)), scalars
	}
	last := 0
	result, err := Train(context.Background(), wrap(b), seeded(1), task, &batches{}, cfg, func(s Step) error { last = s.Step; return nil })
	if !errors.Is(err, ErrDiverged) {
		t.Errorf("the error %v is not known for a training that diverged", err)
	}
	sentence(t, err, "the loss is +Inf", fmt.Sprintf("at step %d", last+1), "diverged", "optimizer.lr")
	if result.Last.Step != last {
		t.Errorf("%+v after %d good steps", result, last)
	}
	// A finite loss with a gradient that is none is caught in the same step, before it is recorded.
	task = Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []Metric) {
		w := nn.Param(scope, inputs[0], "w", nn.Zeros)
		return graph.Sqrt(graph.Square(w)), nil
	}}
	_, err = Train(context.Background(), wrap(b), seeded(1), task, &batches{}, cfg, func(s Step) error {
		t.Errorf("a broken step was recorded: %+v", s)
		return nil
	})
	sentence(t, err, "the grad_norm is NaN at step 1", "diverged")
}

func TestTrainStops(t *testing.T) {
	b := backendtest.Go(t)
	ctx, cancel := context.WithCancel(context.Background())
	source := &batches{}
	result, err := Train(ctx, wrap(b), seeded(1), regression(), source, steps(100), func(s Step) error {
		if s.Step == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || result.Last.Step != 3 || source.next != 3 {
		t.Errorf("stopped at step 3: found %+v after %d batches (%v)", result.Last, source.next, err)
	}
	// An error of the source, or of whoever listens, comes back as it is.
	cause := errors.New("the disk is gone")
	for what, run := range map[string]func(store *model.Store) error{
		"source": func(store *model.Store) error {
			_, err := Train(context.Background(), wrap(b), store, regression(), &batches{limit: 2, fail: cause}, steps(10), ignore)
			return err
		},
		"listener": func(store *model.Store) error {
			_, err := Train(context.Background(), wrap(b), store, regression(), &batches{}, steps(10), func(s Step) error {
				if s.Step == 2 {
					return cause
				}
				return nil
			})
			return err
		},
	} {
		store := seeded(1)
		if err := run(store); !errors.Is(err, cause) {
			t.Errorf("%s: found %v", what, err)
		}
		for path, v := range contents(t, store) { // the two steps before are whole
			if len(v) == 0 || math.IsNaN(v[0]) {
				t.Errorf("%s: %s is %v", what, path, v)
			}
		}
	}
	_, err = Train(context.Background(), wrap(b), seeded(1), regression(), &batches{limit: 1, next: 1, fail: cause}, steps(10), ignore)
	if !errors.Is(err, cause) {
		t.Errorf("a source that fails at once: found %v", err)
	}
}

func TestTrainRefuses(t *testing.T) {
	b := backendtest.Go(t)
	for name, c := range map[string]struct {
		cfg    TrainConfig
		task   Task
		source Source
		want   []string
	}{
		"no steps":   {steps(0), regression(), &batches{}, []string{"steps", "found 0"}},
		"no logging": {TrainConfig{Steps: 1}, regression(), &batches{}, []string{"log_every", "found 0"}},
		"optimizer":  {TrainConfig{Steps: 1, LogEvery: 1, Optimizer: AdamW{LR: -1}}, regression(), &batches{}, []string{"optimizer.lr", "found -1"}},
		"nothing to train": {steps(1), Task{Loss: func(_ *model.Scope, inputs []*graph.Node) (*graph.Node, []Metric) {
			return graph.ReduceAllSum(inputs[0]), nil
		}}, &batches{}, []string{"nothing to train"}},
		"a loss that is no scalar": {steps(1), Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []Metric) {
			return graph.Mul(inputs[0], nn.Param(scope, inputs[0], "w", nn.Ones)), nil
		}}, &batches{}, []string{"training step 1 failed"}},
		"a scalar that is none": {steps(1), Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []Metric) {
			w := nn.Param(scope, inputs[0], "w", nn.Ones)
			return graph.Square(w), []Metric{{"rows", inputs[0]}}
		}}, &batches{}, []string{"float32 scalars"}},
		"weights of another shape": {steps(1), Task{Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []Metric) {
			nn.Variable(scope, "w", nn.Ones, 2)
			return graph.Square(nn.Param(scope, inputs[0], "w", nn.Ones)), nil
		}}, &batches{}, []string{"training step 1 failed", "/w", "another configuration"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Train(context.Background(), wrap(b), seeded(1), c.task, c.source, c.cfg, ignore)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error %q does not say %q", err, part)
				}
			}
		})
	}
}

// Evaluations come after the steps that are named, besides those at equal distances, and after no step twice.
func TestEvaluatesAt(t *testing.T) {
	for _, c := range []struct {
		every int
		at    []int
		want  []int
	}{{0, nil, nil}, {0, []int{1, 5}, []int{1, 5}}, {4, []int{2, 4}, []int{2, 4, 8, 10}}} {
		cfg, task := steps(10), regression()
		cfg.EvalEvery, cfg.EvalAt = c.every, c.at
		task.Evaluate = func(context.Context) (map[string]float64, error) { return map[string]float64{"dev": 1}, nil }
		var found []int
		_, err := Train(t.Context(), wrap(backendtest.Go(t)), seeded(1), task, &batches{}, cfg, func(s Step) error {
			if s.Evaluated {
				found = append(found, s.Step)
			}
			return nil
		})
		if err != nil || !slices.Equal(found, c.want) {
			t.Errorf("every %d and at %v: expected %v, found %v (%v)", c.every, c.at, c.want, found, err)
		}
	}
}

// After runs behind the optimiser: what it sets is what stays.
func TestAfter(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store, task := seeded(1), regression()
		task.After = func(scope *model.Scope, g *graph.Graph) {
			v := scope.At("line").GetVariable("bias")
			v.SetNodeValue(graph.ClipScalar(v.NodeValue(g), -0.2, 0.2))
			seen := nn.Variable(scope, "steps", nn.Zeros).SetTrainable(false)
			seen.SetNodeValue(graph.AddScalar(seen.NodeValue(g), 1))
		}
		_, err := Train(context.Background(), wrap(b), store, task, &batches{}, steps(30), func(s Step) error {
			for _, v := range values(t, store, "/line/bias") {
				if v > 0.2000001 || v < -0.2000001 {
					t.Errorf("step %d: the bias is %g", s.Step, v)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		near(t, "bias", values(t, store, "/line/bias")[:1], []float64{0.2}, 1e-6) // would be 0.45
		near(t, "steps", values(t, store, "/steps"), []float64{30}, 0)
	})
}

// A batch of another size is another graph, and the names of the scalars stay in their places.
func TestBatchesOfSeveralSizes(t *testing.T) {
	b := backendtest.Go(t)
	source := &shrinking{}
	task := regression()
	plain := task.Loss
	task.Loss = func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []Metric) {
		loss, scalars := plain(scope, inputs)
		return loss, append([]Metric{{"rows", graph.Scalar(loss.Graph(), loss.DType(), float64(inputs[0].Shape().Dim(0)))}}, scalars...)
	}
	_, err := Train(context.Background(), wrap(b), seeded(1), task, source, steps(9), func(s Step) error {
		near(t, fmt.Sprint("step ", s.Step), []float64{s.Scalars["rows"], s.Scalars["root"]}, []float64{float64(rows - (s.Step-1)%3), math.Sqrt(s.Loss)}, 1e-5)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// shrinking leaves out none, one or two rows of every batch.
type shrinking struct{ batches }

func (s *shrinking) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	n := rows - s.next%3
	x, y := points(s.next)
	s.next++
	return []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(single(x)[:n*in], n, in), tensors.FromFlatDataAndDimensions(single(y)[:n*out], n, out),
	}, nil
}

// The share of time spent waiting is that of the steps after the first, which compiles.
func TestWaiting(t *testing.T) {
	b := backendtest.Go(t)
	source := &batches{delay: 20 * time.Millisecond}
	result, err := Train(context.Background(), wrap(b), seeded(1), regression(), source, steps(6), ignore)
	if err != nil {
		t.Fatal(err)
	}
	if result.Seconds > result.Last.Seconds-0.02 { // the first batch took so long
		t.Errorf("the first step is counted: %+v", result)
	}
	if result.Waiting < 0.3 || result.Waiting > 1 || result.Seconds < 0.1 || result.StepSeconds < 0.02 || result.Compile <= 0 ||
		math.Abs(result.StepSeconds*5-result.Seconds) > 1e-9 || result.Last.Waiting != result.Waiting || result.Last.Seconds < result.Seconds {
		t.Errorf("found %+v", result)
	}
	result, err = Train(context.Background(), wrap(b), seeded(1), regression(), &batches{}, steps(1), ignore)
	if err != nil || result.Waiting != 0 || result.StepSeconds != 0 {
		t.Errorf("one step: found %+v (%v)", result, err)
	}
}
