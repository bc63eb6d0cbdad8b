// Package resumetest holds an experiment to the promise that a run which was stopped and resumed comes to what it would have come to
// undisturbed: its metrics, results, weights and optimiser state, to the bit.
package resumetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// Quick is the pure Go backend, which gives the same bits for the same seed, and [Options].
func Quick(t *testing.T, settings ...string) (*backend.Backend, experiments.Options) {
	t.Helper()
	return backendtest.Open(t, "go"), Options(t, settings...)
}

// Options are those of an experiment's quick form with settings such as train.steps=9.
func Options(t *testing.T, settings ...string) experiments.Options {
	t.Helper()
	options := experiments.Options{Form: experiments.Quick, Seed: 2}
	for _, text := range settings {
		o, err := experiments.ParseOverride(text)
		if err != nil {
			t.Fatal(err)
		}
		options.Overrides = append(options.Overrides, o)
	}
	return options
}

// Exact runs the experiment once undisturbed, then again and again, stopped at random moments and resumed, until there were at least so
// many stops. The backend has to give the same bits for the same seed.
func Exact(t *testing.T, e experiments.Experiment, b *backend.Backend, options experiments.Options, stops int) {
	t.Helper()
	options.Out = filepath.Join(t.TempDir(), "undisturbed")
	began := time.Now()
	r, _, err := e.Start(t.Context(), b, options)
	if err != nil {
		t.Fatal(err)
	}
	takes, want := time.Since(began), outcomeOf(t, r)
	rng := rand.New(rand.NewPCG(uint64(stops), 7))
	found, resumed := 0, 0
	for try := 0; found < stops || resumed == 0 && try < 3*stops; try++ {
		options.Out = filepath.Join(t.TempDir(), fmt.Sprint(try))
		options.Saving = experiments.Saving{Steps: 1 + rng.IntN(3)}
		// Half of a run on average, and longer each time, so that a run ends after a few stops.
		for attempt := 1; ; attempt++ {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.Float64()*float64(attempt)*float64(takes)))
			if attempt == 1 || r == nil {
				r, _, err = e.Start(ctx, b, options)
			} else {
				r, _, err = e.Resume(ctx, b, options.Out, options)
			}
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, experiments.ErrStopped) && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			found++
			if errors.Is(err, experiments.ErrStopped) {
				resumed++
			}
		}
		outcomeOf(t, r).compare(t, want)
	}
	if resumed < max(1, stops/3) {
		t.Errorf("of %d stops only %d left something to resume", found, resumed)
	}
	t.Logf("stopped %d times, %d of them with a checkpoint; undisturbed it takes %.1f s", found, resumed, takes.Seconds())
}

// outcome is what a run came to, without what depends on the clock.
type outcome struct {
	metrics []map[string]float64
	results map[string]float64
	remarks []string
	tensors map[string]string // bytes of the tensors of checkpoints and model, by file and name
}

// clocked are the names of figures that depend on the clock, and on what else the process does.
var clocked = []string{"seconds", "waiting", "step_seconds", "data_waiting", "train_seconds", "prepare_seconds", "processor_seconds", "peak_memory_bytes"}

func outcomeOf(t *testing.T, r *experiments.Run) (o outcome) {
	t.Helper()
	var results experiments.Result
	metrics, err := r.Metrics()
	if err = errors.Join(err, r.Results(&results)); err != nil {
		t.Fatal(err)
	}
	for _, line := range append(metrics, results.Metrics) {
		for _, name := range clocked {
			delete(line, name)
		}
	}
	o = outcome{metrics, results.Metrics, results.Remarks, map[string]string{}}
	err = filepath.WalkDir(r.Dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".safetensors" {
			return err
		}
		file, err := safetensors.Load(path)
		if err != nil {
			return err
		}
		within, err := filepath.Rel(r.Dir, path)
		for name, tensor := range file.Tensors {
			o.tensors[within+" "+name] = string(tensor.Data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o outcome) compare(t *testing.T, want outcome) {
	t.Helper()
	if len(o.metrics) != len(want.metrics) {
		t.Errorf("expected %d lines of metrics, found %d", len(want.metrics), len(o.metrics))
	}
	for i := range min(len(o.metrics), len(want.metrics)) {
		if !maps.Equal(o.metrics[i], want.metrics[i]) {
			t.Fatalf("line %d of the metrics: expected %v, found %v", i+1, want.metrics[i], o.metrics[i])
		}
	}
	if !maps.Equal(o.results, want.results) {
		t.Errorf("expected the results %s, found %s", shown(want.results), shown(o.results))
	}
	if !slices.Equal(o.remarks, want.remarks) {
		t.Errorf("expected the remarks %q, found %q", want.remarks, o.remarks)
	}
	if len(want.tensors) == 0 || len(o.tensors) != len(want.tensors) {
		t.Errorf("expected %d tensors, found %d", len(want.tensors), len(o.tensors))
	}
	for name, data := range want.tensors {
		if o.tensors[name] != data {
			t.Errorf("%s is not, to the bit, what it is undisturbed", name)
		}
	}
}

func shown(metrics map[string]float64) string {
	text, err := json.Marshal(metrics)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Source holds a source of data to its promise: from wherever it was, another one that is told so yields the same batches.
func Source(t *testing.T, fresh func() experiments.Resumable, batches int) {
	t.Helper()
	source := fresh()
	var places []json.RawMessage
	var want []string
	for range batches {
		place, err := source.SavePosition()
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, place)
		want = append(want, next(t, source))
	}
	for i, place := range places {
		other := fresh()
		for range i % 3 { // wherever it was
			next(t, other)
		}
		if err := other.RestorePosition(place); err != nil {
			t.Fatal(err)
		}
		for k := i; k < min(i+3, batches); k++ {
			if next(t, other) != want[k] {
				t.Fatalf("from place %d, %s, batch %d is not the one that the source yielded before", i, place, k)
			}
		}
	}
	if err := fresh().RestorePosition(json.RawMessage(`"nowhere"`)); err == nil {
		t.Error("the source went to a place that is none")
	}
}

// next is a batch as text, and the epoch that it was in.
func next(t *testing.T, source experiments.Source) string {
	t.Helper()
	batch, err := source.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint("epoch ", source.Epoch())
	for _, tensor := range batch {
		text += fmt.Sprint(" ", tensor.Shape(), tensor.Value())
		tensor.MustFinalizeAll()
	}
	return text
}
