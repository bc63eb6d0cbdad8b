package experiments

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// Work costs processor time, and what was touched counts as memory.
func TestUsage(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("measured on Linux alone")
	}
	before, _ := Usage()
	sum, touched := 0.0, make([]byte, 64<<20)
	for i := range touched {
		touched[i] = byte(i)
		sum += math.Sqrt(float64(i))
	}
	processor, peak := Usage()
	if processor <= before || peak < 64<<20 || sum == 0 {
		t.Errorf("%g and then %g processor seconds, %d bytes", before, processor, peak)
	}
	runtime.KeepAlive(touched)
}

// A run's processor seconds are those of all its processes, and of no other run that a process did before.
func TestUsageOfAResumedRun(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("measured on Linux alone")
	}
	const each, stopAt, last = 0.05, 8, 10 // processor seconds of a batch, and batches
	b := wrap(backendtest.Go(t))
	busy := func(stop func()) Experiment {
		defaults := func(Form, backend.Kind) TrainConfig { return steps(last) }
		return New("busy", "", defaults, func(ctx context.Context, env *Env, cfg TrainConfig) (Result, error) {
			store := seeded(env.Seed)
			source := &labelled{onBatch: func(k int) {
				for from, _ := Usage(); ; {
					if now, _ := Usage(); now > from+each {
						break
					}
				}
				if k == stopAt {
					stop()
				}
			}}
			_, err := env.Train(ctx, "busy", store, classify(env.Backend, store, nil), source, cfg, env.Run.Record)
			processor, peak := env.Usage()
			return Result{Metrics: map[string]float64{"processor": processor, "peak": float64(peak)}}, err
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	before, _ := Usage()
	options := Options{Seed: 1, Out: filepath.Join(t.TempDir(), "run")}
	if _, _, err := busy(cancel).Start(ctx, b, options); !errors.Is(err, ErrStopped) {
		t.Fatalf("expected a run that was stopped, found %v", err)
	}
	_, resumed, err := busy(func() {}).Resume(t.Context(), b, options.Out, options)
	if err != nil {
		t.Fatal(err)
	}
	after, peak := Usage()
	if used := resumed.Metrics["processor"]; used < last*each || used > after-before || resumed.Metrics["peak"] > float64(peak) {
		t.Errorf("%.2f processor seconds of %d batches that take %.2f each, within %.2f; %v", used, last, each, after-before, resumed.Metrics)
	}
	options.Out = filepath.Join(t.TempDir(), "another")
	_, another, err := busy(func() {}).Start(t.Context(), b, options)
	if err != nil {
		t.Fatal(err)
	}
	now, _ := Usage()
	if used := another.Metrics["processor"]; used < last*each || used > now-after {
		t.Errorf("%.2f processor seconds of a run that took %.2f", used, now-after)
	}
}
