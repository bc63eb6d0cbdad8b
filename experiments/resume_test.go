package experiments

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
)

// classifierConfig is that of a plain classifier with everything that a training may have: two trainings one after the other,
// random numbers, an average of the weights, evaluations, early stopping.
type classifierConfig struct {
	First  TrainConfig   `json:"first"`
	Second TrainConfig   `json:"second"`
	Pause  time.Duration `json:"pause"` // before every batch, so that a kill finds something under way
}

const classes = 3

// classifier says which of three coordinates is the largest. onBatch, if there is one, is called before each batch: those of the
// first training are 0, 1, ..., those of the second 1000, 1001, ..., those of every evaluation 9000, 9001 and 9002.
func classifier(onBatch func(k int)) Experiment {
	defaults := func(Form, backend.Kind) classifierConfig {
		c := classifierConfig{First: steps(23), Second: steps(40)}
		c.First.EvalEvery, c.First.Average = 5, 0.9
		c.Second.EvalEvery, c.Second.Patience, c.Second.Average, c.Second.Optimizer.LR = 3, 4, 0.2, 1
		return c
	}
	return New("classifier", "", defaults, func(ctx context.Context, env *Env, cfg classifierConfig) (Result, error) {
		store, out := seeded(env.Seed), Result{Metrics: map[string]float64{}}
		for i, train := range []TrainConfig{cfg.First, cfg.Second} {
			source := &labelled{batches{next: 1000 * i, delay: cfg.Pause}, onBatch}
			trained, err := Fit(ctx, env, fmt.Sprintf("Training %d", i+1), store, classify(env.Backend, store, onBatch), source, train,
				func(map[string]float64) string { return "" })
			if err != nil {
				return Result{}, err
			}
			out.Metrics[fmt.Sprintf("last%d", i)], out.Metrics[fmt.Sprintf("kept%d", i)] = float64(trained.Last.Step), float64(trained.Kept)
		}
		weights := tensors.MustCopyFlatData[float32](store.GetVariable("/w").MustValue())
		for i, w := range weights {
			out.Metrics[fmt.Sprintf("w%d", i)] = float64(w)
		}
		return out, nil
	})
}

func classify(b *backend.Backend, store *model.Store, onBatch func(k int)) Task {
	logits := func(scope *model.Scope, x *graph.Node) *graph.Node {
		return graph.MatMul(x, nn.Param(scope, x, "w", nn.Normal(0.5), in, classes))
	}
	loss := func(scope *model.Scope, x, y *graph.Node) *graph.Node {
		return graph.Neg(graph.ReduceAllMean(graph.ReduceSum(graph.Mul(graph.LogSoftmax(logits(scope, x)), y), 1)))
	}
	return Task{
		Loss: func(scope *model.Scope, inputs []*graph.Node) (*graph.Node, []Metric) {
			return loss(scope, nn.Dropout(scope, inputs[0], 0.3, true), inputs[1]), nil
		},
		Figure: "score",
		Evaluate: func(ctx context.Context) (map[string]float64, error) {
			exec, err := model.NewExec(b.Backend, store, func(scope *model.Scope, inputs []*graph.Node) *graph.Node { return loss(scope, inputs[0], inputs[1]) })
			if err != nil {
				return nil, err
			}
			defer exec.Finalize()
			sum := 0.0
			source := &labelled{batches{next: 9000}, onBatch}
			for range 3 {
				batch, err := source.Next(ctx)
				if err != nil {
					return nil, err
				}
				sum += float64(exec.MustCall1(batch[0], batch[1]).Value().(float32))
			}
			return map[string]float64{"score": -sum}, nil
		},
	}
}

// labelled yields points and which coordinate is the largest.
type labelled struct {
	batches
	onBatch func(k int)
}

func (s *labelled) Next(ctx context.Context) ([]*tensors.Tensor, error) {
	if s.onBatch != nil {
		s.onBatch(s.next)
	}
	time.Sleep(s.delay)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	x, y := s.batch(s.next)
	s.next++
	return []*tensors.Tensor{x, y}, nil
}

func (s *labelled) batch(k int) (x, y *tensors.Tensor) {
	at, _ := points(k)
	labels := make([]float32, rows*classes)
	for i := range rows {
		row := at[i*in : (i+1)*in]
		labels[i*classes+slices.Index(row, slices.Max(row))] = 1
	}
	return tensors.FromFlatDataAndDimensions(single(at), rows, in), tensors.FromFlatDataAndDimensions(labels, rows, classes)
}

// outcome is what a run came to, without what depends on the clock: metrics line by line, results, and all checkpoints.
type outcome struct {
	metrics []map[string]float64
	results Result
	tensors map[string]string // sums of the tensors by checkpoint and name
}

func outcomeOf(t *testing.T, r *Run) (o outcome) {
	t.Helper()
	var err error
	if o.metrics, err = r.Metrics(); err != nil {
		t.Fatal(err)
	}
	for _, line := range o.metrics {
		delete(line, "seconds")
		delete(line, "waiting")
	}
	if err := r.Results(&o.results); err != nil {
		t.Fatal(err)
	}
	o.results.Seconds, o.results.Used = 0, Used{}
	o.tensors = map[string]string{}
	for _, path := range r.filesIn(checkpointsDir, func(string) bool { return true }) {
		c, err := readCheckpoint(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, tensor := range c.tensors {
			o.tensors[filepath.Base(path)+" "+name] = sumOf(tensor.Data)
		}
	}
	return o
}

// same fails the test when two outcomes differ in a bit.
func (o outcome) same(t *testing.T, want outcome) {
	t.Helper()
	if !slices.EqualFunc(o.metrics, want.metrics, maps.Equal[map[string]float64, map[string]float64]) {
		t.Errorf("the metrics are not those of the run that was never stopped: expected %d lines, found %d", len(want.metrics), len(o.metrics))
		for i := range min(len(o.metrics), len(want.metrics)) {
			if !maps.Equal(o.metrics[i], want.metrics[i]) {
				t.Fatalf("first at line %d: expected %v, found %v", i+1, want.metrics[i], o.metrics[i])
			}
		}
	}
	if !maps.Equal(o.results.Metrics, want.results.Metrics) {
		t.Errorf("expected the results %v, found %v", want.results.Metrics, o.results.Metrics)
	}
	if len(want.tensors) == 0 || !maps.Equal(o.tensors, want.tensors) {
		t.Errorf("weights or optimiser state are not those of the run that was never stopped (%d tensors, %d)", len(o.tensors), len(want.tensors))
	}
}

// undisturbed is the outcome of a run that is never stopped.
func undisturbed(t *testing.T, e Experiment, b *backend.Backend, o Options) outcome {
	t.Helper()
	o.Out = filepath.Join(t.TempDir(), "undisturbed")
	r, _, err := e.Start(t.Context(), b, o)
	if err != nil {
		t.Fatal(err)
	}
	return outcomeOf(t, r)
}

// A run that is stopped at random moments, twenty times and more, and resumed each time, comes to what it would have come to
// undisturbed: metrics, weights, optimiser state, to the bit.
func TestExactResume(t *testing.T) {
	b := wrap(backendtest.Go(t))
	e, options := classifier(nil), Options{Seed: 3}
	want := undisturbed(t, e, b, options)
	rng := rand.New(rand.NewPCG(5, 6))
	stops := 0
	for try := 0; stops < 25; try++ {
		options.Out = filepath.Join(t.TempDir(), fmt.Sprint(try))
		options.Saving = Saving{Steps: 1 + rng.IntN(9)}
		options.Overrides = nil
		ctx, cancel := stopAfter(t, rng, 1)
		r, _, err := e.Start(ctx, b, options)
		for attempt := 2; err != nil; attempt, stops = attempt+1, stops+1 {
			if !errors.Is(err, ErrStopped) && (r != nil || !errors.Is(err, context.DeadlineExceeded)) {
				t.Fatal(err)
			}
			cancel()
			if r == nil { // stopped before anything was there
				break
			}
			ctx, cancel = stopAfter(t, rng, attempt)
			r, _, err = e.Resume(ctx, b, options.Out, options)
		}
		cancel()
		if r != nil {
			outcomeOf(t, r).same(t, want)
		}
	}
	t.Logf("stopped %d times", stops)
}

// stopAfter is a context that ends after a random time, of the order of a run's at the first attempt, and more of it at each further one: on a busy machine a
// run would hardly get on otherwise.
func stopAfter(t *testing.T, rng *rand.Rand, attempt int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), time.Duration(5+rng.IntN(120*attempt))*time.Millisecond)
}

// stopping is a classifier that is stopped before the given batch has been met so many times.
func stopping(t *testing.T, batch, times int) (Experiment, context.Context) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return classifier(func(k int) {
		if k == batch {
			if times--; times == 0 {
				cancel()
			}
		}
	}), ctx
}

// stoppedAt is a run in dir that was stopped before the given batch.
func stoppedAt(t *testing.T, b *backend.Backend, dir string, batch int, options Options) *Run {
	t.Helper()
	e, ctx := stopping(t, batch, 1)
	options.Out = dir
	r, _, err := e.Start(ctx, b, options)
	if !errors.Is(err, ErrStopped) {
		t.Fatalf("expected a run that was stopped, found %v", err)
	}
	return r
}

// The newest checkpoint that is whole wins; where none is, the training starts anew.
func TestResumeFromAnEarlierCheckpoint(t *testing.T) {
	b := wrap(backendtest.Go(t))
	e, options := classifier(nil), Options{Seed: 3, Saving: Saving{Steps: 2, Keep: 3}}
	want := undisturbed(t, e, b, options)
	for _, batch := range []int{20, 1013} {
		for damaged := range 4 {
			r := stoppedAt(t, b, filepath.Join(t.TempDir(), "run"), batch, options)
			paths, err := filepath.Glob(r.Path(checkpointsDir, "*-step-*"))
			if err != nil || len(paths) != 3 {
				t.Fatalf("expected 3 checkpoints, found %q (%v)", paths, err)
			}
			for i := range damaged {
				if err := os.Truncate(paths[len(paths)-1-i], 1000); err != nil {
					t.Fatal(err)
				}
			}
			if r, _, err = e.Resume(t.Context(), b, r.Dir, options); err != nil {
				t.Fatal(err)
			}
			outcomeOf(t, r).same(t, want)
			if log, err := os.ReadFile(r.Path(logFile)); err != nil || strings.Count(string(log), "is damaged") != damaged {
				t.Errorf("%d checkpoints were damaged, the log says %s (%v)", damaged, log, err)
			}
		}
	}
}

// The first training's last checkpoint is lost: it is done again, and what came after it too.
func TestResumeWithoutAFinishedTraining(t *testing.T) {
	b := wrap(backendtest.Go(t))
	e, options := classifier(nil), Options{Seed: 3, Saving: Saving{Steps: 2}}
	want := undisturbed(t, e, b, options)
	r := stoppedAt(t, b, filepath.Join(t.TempDir(), "run"), 1013, options)
	if err := os.Remove(r.Path(checkpointsDir, "01-training-1-done.safetensors")); err != nil {
		t.Fatal(err)
	}
	again, ctx := stopping(t, 1004, 1)
	if _, _, err := again.Resume(ctx, b, r.Dir, options); !errors.Is(err, ErrStopped) {
		t.Fatalf("expected to be stopped again, found %v", err)
	}
	r, _, err := e.Resume(t.Context(), b, r.Dir, options)
	if err != nil {
		t.Fatal(err)
	}
	outcomeOf(t, r).same(t, want)
}

// A run that is stopped while it is measured on held-out examples measures again.
func TestResumeWithinAnEvaluation(t *testing.T) {
	b := wrap(backendtest.Go(t))
	e, options := classifier(nil), Options{Seed: 3}
	want := undisturbed(t, e, b, options)
	if want.results.Metrics["kept1"] == 0 || want.results.Metrics["kept1"] == want.results.Metrics["last1"] || want.results.Metrics["last1"] == 40 {
		t.Fatalf("early stopping has nothing to do here: %v", want.results.Metrics)
	}
	for _, times := range []int{1, 3, 5, 6, 7, 8} {
		options.Out = filepath.Join(t.TempDir(), "run")
		stopped, ctx := stopping(t, 9001, times)
		if _, _, err := stopped.Start(ctx, b, options); !errors.Is(err, ErrStopped) {
			t.Fatalf("expected to be stopped, found %v", err)
		}
		r, _, err := e.Resume(t.Context(), b, options.Out, options)
		if err != nil {
			t.Fatal(err)
		}
		outcomeOf(t, r).same(t, want)
	}
}

func TestResumeRefuses(t *testing.T) {
	b := wrap(backendtest.Go(t))
	e, options := classifier(nil), Options{Seed: 3}
	dir := filepath.Join(t.TempDir(), "run")
	r := stoppedAt(t, b, dir, 9, options)
	resume := func(e Experiment, b *backend.Backend) error {
		_, _, err := e.Resume(t.Context(), b, dir, options)
		return err
	}
	other := e
	other.Name = "other"
	sentence(t, resume(other, b), dir, "a run of the experiment other", "classifier")
	elsewhere := *b
	elsewhere.Config = "onnx:cpu"
	sentence(t, resume(e, &elsewhere), dir, "begun on the backend test", "found onnx:cpu", "GOMLX_BACKEND=test")
	elsewhere.Config = "test,/another/place/of/the/library.so" // another machine has it elsewhere
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	sentence(t, resume(e, &elsewhere), "another process") // and not another backend
	if !r.Running() {
		t.Error("a run that is worked on is not said to be running")
	}
	sentence(t, resume(e, b), dir, "another process")
	r.close()
	if r.Running() {
		t.Error("a run that nobody works on is said to be running")
	}
	_, _, err := e.Resume(t.Context(), b, t.TempDir(), options)
	sentence(t, err, "expected a run folder")

	// The metrics are older than the checkpoint: somebody has changed them.
	whole, err := os.ReadFile(r.Path(metricsFile))
	if err != nil {
		t.Fatal(err)
	}
	write(t, r.Path(metricsFile), string(whole[:10]))
	sentence(t, resume(e, b), "metrics", "its checkpoint says", "found 10")
	write(t, r.Path(metricsFile), string(whole))

	if err := resume(e, b); err != nil {
		t.Fatal(err)
	}
	before := outcomeOf(t, r)
	again, result, err := e.Resume(t.Context(), b, dir, options)
	if err != nil || len(result.Metrics) == 0 {
		t.Errorf("a complete run: %v, %v", result, err)
	}
	outcomeOf(t, again).same(t, before)
}
