package sweep

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
)

// The test binary is also a worker, for processes that are killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("GLIMPSE_TEST_SWEEP"); dir != "" {
		if err := toyWorker(dir, os.Getenv("GLIMPSE_TEST_WORKER")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func toyWorker(dir, name string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	return s.Work(context.Background(), Worker{Name: name, Run: toy, Messages: os.Stderr})
}

// toy is an experiment of a few milliseconds that leaves a run folder: its figure depends on setting and seed alone. Where x is
// "deadly" it kills its worker, where x is "broken" it fails.
func toy(ctx context.Context, t Trial, a Attempt) (experiments.Result, error) {
	if err := os.MkdirAll(a.Run, 0o755); err != nil {
		return experiments.Result{}, err
	}
	switch t.Settings["x"] {
	case "deadly":
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		select {}
	case "broken":
		return experiments.Result{}, errors.New("training diverged")
	}
	pause := 10
	if os.Getenv("SLURM_ARRAY_TASK_ID") == "2" { // so slow that it is killed in the middle of a trial
		pause = 300
	}
	for i := range 3 {
		select {
		case <-ctx.Done():
			return experiments.Result{}, ctx.Err()
		case <-time.After(time.Duration(rand.IntN(pause)) * time.Millisecond):
		}
		line := fmt.Sprintf(`{"step":%d,"loss":%d}`+"\n", i+1, 10-i)
		f, err := os.OpenFile(filepath.Join(a.Run, "metrics.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return experiments.Result{}, err
		}
		_, err = f.WriteString(line)
		if err := errors.Join(err, f.Close()); err != nil {
			return experiments.Result{}, err
		}
	}
	return experiments.Result{Metrics: map[string]float64{"score": figure(t)}, Seconds: 0.01}, nil
}

func figure(t Trial) float64 {
	h := fnv.New32()
	fmt.Fprint(h, describe(t.Settings), t.Seed)
	return float64(h.Sum32() % 1000)
}

// all accepts every setting.
func all([]experiments.Override) error { return nil }

// make a sweep over what texts say, changed by change.
func newSweep(t *testing.T, change func(s *Spec), over ...string) *Sweep {
	t.Helper()
	s := newSpec(t, change, over...)
	if err := s.Check(all); err != nil {
		t.Fatal(err)
	}
	made, err := Create(filepath.Join(t.TempDir(), "sweep"), s)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func newSpec(t testing.TB, change func(s *Spec), over ...string) Spec {
	t.Helper()
	s := Spec{Experiment: "toy", Form: experiments.Quick, Method: "grid", Seeds: 1, FirstSeed: 1, Metric: "score", Lease: 0.4}
	for _, text := range over {
		d, err := ParseDimension(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Over = append(s.Over, d)
	}
	if change != nil {
		change(&s)
	}
	return s
}

func numbers(n int) string {
	var list []string
	for i := range n {
		list = append(list, strconv.Itoa(i))
	}
	return strings.Join(list, ",")
}

// sentence fails the test where err is none, or does not say what it should, or says more than one line.
func sentence(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("expected an error with %q, found none", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not say %q", err, part)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\t") {
		t.Errorf("the error is no sentence: %q", err)
	}
}
