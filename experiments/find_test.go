package experiments

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

type counting struct {
	About string  `json:"about"` // long, and the first of all settings: what follows counts too
	LR    float64 `json:"lr"`
	Steps int64   `json:"steps"`
}

var long = strings.Repeat("long ", 100)

// countingExperiment trains nothing and counts how often it is run.
func countingExperiment(runs *int) Experiment {
	return New("counting", "", func(Form, backend.Kind) counting { return counting{long, 0.1, 1<<60 + 1} },
		func(context.Context, *Env, counting) (Result, error) {
			*runs++
			return Result{Metrics: map[string]float64{"run": float64(*runs)}, Remarks: []string{"one of its own"}}, nil
		})
}

// A run is found instead of made again when all that it depends on is the same, and by nothing less.
func TestReuse(t *testing.T) {
	b, runs := goBackend(t), 0
	e, dir := countingExperiment(&runs), t.TempDir()
	reuse := func(opts Options) (*Run, Result) {
		t.Helper()
		if opts.Form == "" {
			opts.Form = Quick
		}
		opts.Out = filepath.Join(dir, "run"+string(rune('a'+runs)))
		r, result, err := e.Reuse(t.Context(), b, dir, opts)
		if err != nil {
			t.Fatal(err)
		}
		return r, result
	}
	first, result := reuse(Options{Seed: 1})
	if runs != 1 || len(result.Remarks) != 1 {
		t.Fatalf("expected a new run, found %d runs and %q", runs, result.Remarks)
	}
	again, result := reuse(Options{Seed: 1})
	if runs != 1 || again.Dir != first.Dir || result.Metrics["run"] != 1 || len(result.Remarks) != 2 ||
		!strings.Contains(result.Remarks[0], "nothing was trained: the run "+first.Dir) || result.Remarks[1] != "one of its own" {
		t.Errorf("expected the first run, found %s of %d with %q", again.Dir, runs, result.Remarks)
	}
	for i, opts := range []Options{
		{Seed: 2}, {Seed: 1, Form: Full}, {Seed: 1, DataDir: dir}, {Seed: 1, Overrides: []Override{{"lr", "0.2"}}},
		{Seed: 1, Overrides: []Override{{"steps", "1152921504606846978"}}}, // one more, and the same as a float64
	} {
		if reuse(opts); runs != i+2 {
			t.Errorf("%+v: expected a run of its own", opts)
		}
	}
	// The order of settings and how they were given says nothing.
	if r, _ := reuse(Options{Seed: 1, Overrides: []Override{{"lr", "1e-1"}}}); r.Dir != first.Dir {
		t.Errorf("expected the first run, found %s", r.Dir)
	}
	change := func(r *Run, change func(m *Manifest)) {
		t.Helper()
		change(&r.Manifest)
		if err := r.WriteJSON(manifestFile, r.Manifest); err != nil {
			t.Fatal(err)
		}
	}
	change(first, func(m *Manifest) {
		m.Config = json.RawMessage(`{"steps": 1152921504606846977, "lr": 0.1, "about": "` + long + `"}`)
	})
	if r, _ := reuse(Options{Seed: 1}); r.Dir != first.Dir {
		t.Errorf("expected the first run, found %s", r.Dir)
	}
	for what, spoil := range map[string]func(m *Manifest){
		"another backend":    func(m *Manifest) { m.Backend = "onnx:cpu" },
		"several devices":    func(m *Manifest) { m.Devices = 4 },
		"another experiment": func(m *Manifest) { m.Experiment = "other" },
	} {
		kept := first.Manifest
		change(first, spoil)
		if r, _, err := Find(dir, Wanted{"counting", Quick, kept.Config, 1, b, ""}); err != nil || r != nil {
			t.Errorf("%s: expected none, found %v (%v)", what, r, err)
		}
		change(first, func(m *Manifest) { *m = kept })
	}
	if err := os.Remove(first.Path(resultsFile)); err != nil {
		t.Fatal(err)
	}
	if r, _ := reuse(Options{Seed: 1}); r.Dir == first.Dir {
		t.Error("a run that is not complete was found")
	}
	if r, _, err := Find(filepath.Join(dir, "none"), Wanted{Config: json.RawMessage(`{}`)}); r != nil || err != nil {
		t.Errorf("a folder that is not there: expected no run, found %v (%v)", r, err)
	}
	if _, _, err := Find(dir, Wanted{Config: json.RawMessage(`{`)}); err == nil {
		t.Error("expected an error of settings that are no JSON, found none")
	}
}

// A run of this checkout's code comes before a later one of other code, and what is not known to be the same is said.
func TestFindByCode(t *testing.T) {
	runs := 0
	dir, e, b := t.TempDir(), countingExperiment(&runs), goBackend(t)
	t.Chdir(cleanCheckout(t)) // whose commit is known
	ours := Commit()
	make := func(name, commit string, started time.Time, versions map[string]string, attempts ...Attempt) {
		t.Helper()
		r, _, err := e.Start(t.Context(), b, Options{Form: Quick, Seed: 1, Out: filepath.Join(dir, name)})
		if err != nil {
			t.Fatal(err)
		}
		r.Manifest.Commit, r.Manifest.Started, r.Manifest.Attempts = commit, started, attempts
		if versions != nil {
			r.Manifest.Versions = versions
		}
		if err := r.WriteJSON(manifestFile, r.Manifest); err != nil {
			t.Fatal(err)
		}
	}
	find := func() (name, remark string) {
		t.Helper()
		config, err := e.Config(backend.Go, Options{Form: Quick})
		if err != nil {
			t.Fatal(err)
		}
		r, result, err := Find(dir, Wanted{"counting", Quick, config, 1, b, ""})
		if err != nil || r == nil {
			t.Fatal(r, err)
		}
		return filepath.Base(r.Dir), result.Remarks[0]
	}
	at := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	make("other", "0123456789abcdef", at(1), nil)
	if name, remark := find(); name != "other" || !strings.Contains(remark, "its code may be another (commit 0123456789ab, now "+ShortCommit(ours)+")") {
		t.Errorf("found %s: %q", name, remark)
	}
	make("changed", ours+"+changes", at(2), map[string]string{"go": "go1.0", "backend": "go"})
	if name, remark := find(); name != "changed" || !strings.Contains(remark, "+changes") || !strings.Contains(remark, "other versions (go go1.0, now go1.") {
		t.Errorf("found %s: %q", name, remark)
	}
	r := &Run{Manifest: Manifest{Versions: map[string]string{"e": "1"}}}
	if remark := r.foundRemark(ours, map[string]string{"a": "1", "b": "1", "c": "1", "d": "1", "e": "1"}); !strings.Contains(remark, "c unknown, now 1; 1 more)") {
		t.Errorf("many other versions: %q", remark)
	}
	make("ours", ours, at(3), nil)
	make("later", "fedcba9876543210", at(4), nil)
	make("resumed", ours, at(5), nil, Attempt{Commit: "fedcba9876543210"})
	if name, remark := find(); name != "ours" || strings.Contains(remark, "may be") || strings.Contains(remark, "other versions") {
		t.Errorf("found %s: %q", name, remark)
	}
	make("ours again", ours, at(6), nil)
	if name, _ := find(); name != "ours again" {
		t.Errorf("expected the latest, found %s", name)
	}
}

// cleanCheckout is a folder with a git repository of one commit and no changes.
func cleanCheckout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, args := range [][]string{{"init", "-q"}, {"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "first"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("git makes no repository here: %v, %s", err, out)
		}
	}
	return dir
}

func goBackend(t *testing.T) *backend.Backend {
	t.Helper()
	return backendtest.Open(t, "go")
}
