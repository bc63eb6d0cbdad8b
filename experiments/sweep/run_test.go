package sweep

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

type smallConfig struct {
	X int `json:"x"`
}

// What an earlier attempt has left is gone on with where that can be done, and else the trial begins anew; either way what was left
// stays as it is.
func TestGoingOn(t *testing.T) {
	begun := 0
	e := experiments.New("small", "", func(experiments.Form, backend.Kind) smallConfig { return smallConfig{1} },
		func(_ context.Context, env *experiments.Env, c smallConfig) (experiments.Result, error) {
			if begun++; c.X == 13 {
				return experiments.Result{}, errors.New("unlucky")
			}
			return experiments.Result{Metrics: map[string]float64{"x": float64(c.X), "begun": float64(begun)}}, nil
		})
	b := &backend.Backend{Kind: backend.Go, Config: "test"}
	for name, test := range map[string]struct {
		spoil func(left string) error
		begun int // how often the experiment has begun in the end
	}{
		"whole":   {func(string) error { return nil }, 1}, // it was complete, and its worker died before it said so
		"stopped": {func(left string) error { return os.Remove(filepath.Join(left, "results.json")) }, 2},
		"damaged": {func(left string) error { return os.WriteFile(filepath.Join(left, "manifest.json"), []byte("{"), 0o644) }, 2},
		"another backend": {func(left string) error {
			return os.WriteFile(filepath.Join(left, "manifest.json"), []byte(`{"format":1,"experiment":"small","backend":"other"}`), 0o644)
		}, 2},
		"another experiment": {func(left string) error {
			return os.WriteFile(filepath.Join(left, "manifest.json"), []byte(`{"format":1,"experiment":"other","backend":"test"}`), 0o644)
		}, 2},
		"nothing": {os.RemoveAll, 2},
	} {
		begun = 0
		dir := t.TempDir()
		s := &Sweep{Dir: dir, Spec: newSpec(t, nil, "x=1,2")}
		trial := Trial{Settings: map[string]string{"x": "2"}}
		left := Attempt{Number: 1, Run: filepath.Join(dir, "run-1")}
		if _, err := s.Runner(e, b, nil)(t.Context(), trial, left); err != nil {
			t.Fatal(err)
		}
		if err := test.spoil(left.Run); err != nil {
			t.Fatal(err)
		}
		a := Attempt{Number: 2, Run: filepath.Join(dir, "run-2"), Left: left.Run}
		r, err := s.Runner(e, b, nil)(t.Context(), trial, a)
		if err != nil || r.Metrics["x"] != 2 || begun != test.begun || r.Metrics["begun"] != float64(test.begun) {
			t.Errorf("%s: found %v after %d beginnings (%v)", name, r.Metrics, begun, err)
		}
		if run, err := experiments.OpenRun(a.Run); err != nil || run.Results(&r) != nil || exists(a.Run+copying) {
			t.Errorf("%s: the run folder is not whole (%v)", name, err)
		}
		if name != "nothing" && !exists(left.Run) {
			t.Errorf("%s: what was left is gone", name)
		}
	}
	// Settings that the experiment does not take are refused, others may fail.
	run := (&Sweep{Spec: newSpec(t, nil, "x=1")}).Runner(e, b, nil)
	for value, want := range map[string]bool{"many": true, "13": false} {
		_, err := run(t.Context(), Trial{Settings: map[string]string{"x": value}}, Attempt{Run: filepath.Join(t.TempDir(), "run-1")})
		if refusal := (*refusal)(nil); err == nil || errors.As(err, &refusal) != want {
			t.Errorf("x=%s: found %v, expected it to be refused: %v", value, err, want)
		}
	}
}
