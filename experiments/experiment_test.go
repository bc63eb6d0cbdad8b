package experiments

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

type toyConfig struct {
	Steps int    `json:"steps"`
	Kind  string `json:"kind"`
}

// Check refuses what no run could do.
func (c toyConfig) Check() error {
	if c.Steps < 0 {
		return errors.New("steps: expected 0 or more")
	}
	return nil
}

// toy is an experiment that returns its configuration, fails when asked for no steps, and fails after the first when it is fragile.
func toy() Experiment {
	defaults := func(form Form, kind backend.Kind) toyConfig {
		if form == Quick {
			return toyConfig{1, string(kind)}
		}
		return toyConfig{100, string(kind)}
	}
	return New("toy", "nothing of use", defaults, func(_ context.Context, env *Env, c toyConfig) (Result, error) {
		env.Say("toy: %d steps with seed %d", c.Steps, env.Seed)
		if c.Steps == 0 {
			return Result{}, errors.New("no steps to take")
		}
		if c.Kind == "fragile" {
			return Result{}, errors.Join(env.Run.Record(Step{Step: 1}), errors.New("broken after a step"))
		}
		return Result{Metrics: map[string]float64{"steps": float64(c.Steps)}}, nil
	})
}

func TestStart(t *testing.T) {
	var said bytes.Buffer
	dir := filepath.Join(t.TempDir(), "run")
	run, result, err := toy().Start(context.Background(), noBackend, Options{Form: Quick, Seed: 3, Out: dir, Messages: &said, Overrides: []Override{{"steps", "7"}}})
	if err != nil || result.Metrics["steps"] != 7 || run.Dir != dir || said.String() != "toy: 7 steps with seed 3\n" {
		t.Fatalf("found %+v, said %q (%v)", result, said.String(), err)
	}
	back, err := OpenRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	var config toyConfig
	var stored Result
	if err := json.Unmarshal(back.Manifest.Config, &config); err != nil || config != (toyConfig{7, "go"}) || back.Manifest.Seed != 3 || back.Manifest.Form != Quick {
		t.Errorf("found the manifest %+v (%v)", back.Manifest, err)
	}
	if err := back.Results(&stored); err != nil || stored.Metrics["steps"] != 7 || stored.Seconds <= 0 {
		t.Errorf("found the results %+v (%v)", stored, err)
	}
}

func TestStartFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	start := func(override Override) (*Run, error) {
		run, _, err := toy().Start(context.Background(), noBackend, Options{Form: Full, Out: dir, Overrides: []Override{override}})
		return run, err
	}
	// Before its first step there is nothing to keep, and a folder would be in the way of the next attempt.
	run, err := start(Override{"steps", "0"})
	sentence(t, err, "no steps to take")
	if _, err := os.Stat(dir); err == nil || run != nil {
		t.Error("a run that failed before its first step left its folder")
	}
	// A wrong setting is found before a folder is made.
	_, err = start(Override{"step", "1"})
	sentence(t, err, `did you mean "steps"?`)
	_, err = start(Override{"steps", "-1"})
	sentence(t, err, "steps: expected 0 or more")
	if _, err := toy().Config(backend.Go, Options{Overrides: []Override{{"steps", "-1"}}}); err == nil {
		t.Error("settings that would be refused were taken for a configuration")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a run with a wrong setting made a folder")
	}
	run, err = start(Override{"kind", "fragile"})
	sentence(t, err, "broken after a step")
	var stored Result
	sentence(t, run.Results(&stored), "has no results") // the folder tells what was tried
	// What lay in the folder before stays.
	dir = t.TempDir()
	write(t, filepath.Join(dir, "notes.txt"), "mine")
	if run, err = start(Override{"steps", "0"}); err == nil || run == nil {
		t.Errorf("a run in a folder with other things: %v (%v)", run, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "notes.txt")); err != nil {
		t.Error(err)
	}
}

func TestConfigOfForms(t *testing.T) {
	for form, want := range map[Form]string{Quick: `{"steps":1,"kind":"onnx"}`, Full: `{"steps":100,"kind":"onnx"}`} {
		if got, err := toy().Config(backend.ONNX, Options{Form: form}); err != nil || string(got) != want {
			t.Errorf("%s: found %s (%v)", form, got, err)
		}
	}
}
