package experiments

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

var noBackend = &backend.Backend{Kind: backend.Go, Config: "go:test"}

// newRun makes a run in a folder of its own.
func newRun(t testing.TB) *Run {
	t.Helper()
	r, err := NewRun(filepath.Join(t.TempDir(), "run"), "demo/clip", Quick, map[string]int{"steps": 3}, 42, noBackend)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRunFolder(t *testing.T) {
	r := newRun(t)
	if err := r.Record(Step{Step: 1, Epoch: 2, Loss: 0.5, Seconds: 1.5, Waiting: 0.25, Scalars: map[string]float64{"lr": 1e-3, "grad_norm": 2}}); err != nil {
		t.Fatal(err)
	}
	if err := r.Record(Step{Step: 2}); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteJSON("report.json", []int{1}); err != nil {
		t.Fatal(err)
	}
	back, err := OpenRun(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	m := back.Manifest
	if m.Experiment != "demo/clip" || m.Form != Quick || m.Seed != 42 || m.Backend != "go:test" || m.Format != 1 || m.Machine == "" ||
		m.Versions["go"] == "" || len(m.Command) == 0 || time.Since(m.Started) > time.Minute || time.Since(m.Started) < -time.Minute {
		t.Errorf("the manifest is %+v", m)
	}
	var config map[string]int
	if err := json.Unmarshal(m.Config, &config); err != nil || config["steps"] != 3 {
		t.Errorf("the configuration is %s (%v)", m.Config, err)
	}
	// Metrics can be read while they are written: at once through the run itself, soon by others.
	steps, err := back.Metrics()
	for deadline := time.Now().Add(10 * time.Second); len(steps) < 2 && err == nil && time.Now().Before(deadline); steps, err = back.Metrics() {
		time.Sleep(delay / 10)
	}
	want := map[string]float64{"step": 1, "epoch": 2, "loss": 0.5, "seconds": 1.5, "waiting": 0.25, "lr": 1e-3, "grad_norm": 2}
	if err != nil || len(steps) != 2 || !maps.Equal(steps[0], want) || steps[1]["step"] != 2 {
		t.Errorf("found the metrics %v (%v)", steps, err)
	}
	for _, name := range []string{"checkpoints", "plots"} {
		if info, err := os.Stat(r.Path(name)); err != nil || !info.IsDir() {
			t.Errorf("there is no folder %s", name)
		}
	}

	var result Result
	sentence(t, back.Results(&result), "has no results", "still running or was stopped", r.Dir)
	if err := r.Finish(Result{Metrics: map[string]float64{"top1": 0.5}, Seconds: 3, Remarks: []string{"without flickr8k"}}); err != nil {
		t.Fatal(err)
	}
	if err := back.Results(&result); err != nil || result.Metrics["top1"] != 0.5 || result.Seconds != 3 || len(result.Remarks) != 1 {
		t.Errorf("found the results %+v (%v)", result, err)
	}
	if err := r.Record(Step{Step: 3}); err == nil {
		t.Error("a finished run took another step")
	}
	write(t, r.Path(resultsFile), "{")
	sentence(t, back.Results(&result), resultsFile, "damaged")
}

func TestNewRunRefuses(t *testing.T) {
	r := newRun(t)
	before, err := os.ReadFile(r.Path(manifestFile))
	if err != nil {
		t.Fatal(err)
	}
	_, err = NewRun(r.Dir, "other", Full, nil, 1, noBackend)
	sentence(t, err, r.Dir, "already holds a run", "--out")
	if after, err := os.ReadFile(r.Path(manifestFile)); err != nil || string(after) != string(before) {
		t.Errorf("the refused run changed the manifest (%v)", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	_, err = NewRun(filepath.Join(file, "run"), "x", Full, nil, 1, noBackend)
	sentence(t, err, "cannot make the run folder", file, "--out")
	_, err = NewRun(file, "x", Full, nil, 1, noBackend)
	sentence(t, err, "cannot make the run folder", file)
	_, err = NewRun(filepath.Join(t.TempDir(), "nan"), "x", Full, math.NaN(), 1, noBackend)
	sentence(t, err, "NaN")
	// A folder that only holds other things is fine.
	dir := t.TempDir()
	write(t, filepath.Join(dir, "notes.txt"), "mine")
	if _, err := NewRun(dir, "x", Full, nil, 1, noBackend); err != nil {
		t.Error(err)
	}
}

// Without --out every run gets a folder of its own, even in the same second.
func TestFreshRunFolders(t *testing.T) {
	t.Chdir(t.TempDir())
	dirs := map[string]bool{}
	for range 3 {
		r, err := NewRun("", "demo/clip", Full, nil, 7, noBackend)
		if err != nil {
			t.Fatal(err)
		}
		if dirs[r.Dir] || !strings.HasPrefix(r.Dir, filepath.Join("runs", "demo-clip-20")) || !strings.Contains(r.Dir, "-seed7") {
			t.Errorf("found the folder %s", r.Dir)
		}
		dirs[r.Dir] = true
	}
	if runs, err := ListRuns("runs"); err != nil || len(runs) != 3 {
		t.Errorf("found %d runs (%v)", len(runs), err)
	}
	t.Chdir(t.TempDir())
	write(t, "runs", "a file")
	_, err := NewRun("", "x", Full, nil, 1, noBackend)
	sentence(t, err, "runs", "--out")
}

func TestOpenRunRefuses(t *testing.T) {
	dir := t.TempDir()
	_, err := OpenRun(dir)
	sentence(t, err, "expected a run folder", dir, "runs list")
	_, err = OpenRun(filepath.Join(dir, "none"))
	sentence(t, err, "expected a run folder", "none")
	for content, want := range map[string][]string{
		"":                        {"damaged"},
		"{":                       {"damaged"},
		"[]":                      {"damaged"},
		`{"name": "a web app"}`:   {"damaged"},
		"null":                    {"damaged"},
		`{"format": 2}`:           {"newer glimpse", "format 2", "reads 1", "update"},
		`{"format": 1, "seed":1.`: {"damaged"},
		`{"format": "1"}`:         {"damaged"},
	} {
		write(t, filepath.Join(dir, manifestFile), content)
		_, err := OpenRun(dir)
		sentence(t, err, append(want, dir)...)
	}
}

// A line that was cut short by a crash is left out at the end, and an error elsewhere.
func TestMetricsThatWereCut(t *testing.T) {
	r := newRun(t)
	if steps, err := r.Metrics(); err != nil || len(steps) != 0 {
		t.Errorf("a run without steps: found %v (%v)", steps, err)
	}
	one, two := `{"step":1,"loss":0.5}`+"\n", `{"step":2,"loss":0.25}`
	for cut := 0; cut < len(two); cut++ {
		write(t, r.Path(metricsFile), one+two[:cut])
		if steps, err := r.Metrics(); err != nil || len(steps) != 1 || steps[0]["loss"] != 0.5 {
			t.Errorf("cut after %q: found %v (%v)", two[:cut], steps, err)
		}
	}
	for _, end := range []string{"", "\n"} {
		write(t, r.Path(metricsFile), one+two+end)
		if steps, err := r.Metrics(); err != nil || len(steps) != 2 || steps[1]["loss"] != 0.25 {
			t.Errorf("found %v (%v)", steps, err)
		}
	}
	for _, bad := range []string{"{\n", "\n", "{\"step\":\"x\"}\n"} {
		write(t, r.Path(metricsFile), one+bad+two+"\n")
		_, err := r.Metrics()
		sentence(t, err, metricsFile, "line 2", "damaged")
	}
	if err := os.Remove(r.Path(metricsFile)); err != nil {
		t.Fatal(err)
	}
	_, err := r.Metrics()
	sentence(t, err, "cannot read the run's metrics")
}

// What JSON cannot say is an error in a sentence, and nothing half-written.
func TestNumbersThatAreNone(t *testing.T) {
	r := newRun(t)
	sentence(t, r.Record(Step{Step: 4, Loss: math.NaN()}), "cannot record step 4", "NaN")
	sentence(t, r.WriteJSON("report.json", math.Inf(1)), "cannot write", "report.json", "Inf")
	if steps, err := r.Metrics(); err != nil || len(steps) != 0 {
		t.Errorf("found %v (%v)", steps, err)
	}
	sentence(t, r.Finish(Result{Metrics: map[string]float64{"top1": math.NaN()}}), resultsFile, "NaN")
	var result Result
	sentence(t, r.Results(&result), "has no results")
}

func TestListRuns(t *testing.T) {
	dir := t.TempDir()
	if runs, err := ListRuns(filepath.Join(dir, "none")); err != nil || len(runs) != 0 {
		t.Errorf("no folder: found %v (%v)", runs, err)
	}
	write(t, filepath.Join(dir, "file"), "")
	_, err := ListRuns(filepath.Join(dir, "file"))
	sentence(t, err, "cannot list the runs")
	for i, name := range []string{"b", "d", "a", "c"} { // made in this order, b and d in the same second
		at := time.Date(2026, 11, 23, 12, 0, max(i, 1), 0, time.UTC)
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, manifestFile), fmt.Sprintf(`{"format": 1, "experiment": %q, "started": %q}`, name, at.Format(time.RFC3339)))
	}
	for name, content := range map[string]string{"empty": "", "newer": `{"format": 99}`, "broken": "{", "other": `{"version": 3}`} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if name != "empty" {
			write(t, filepath.Join(dir, name, manifestFile), content)
		}
	}
	runs, err := ListRuns(dir)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, r := range runs {
		order = append(order, r.Manifest.Experiment)
	}
	if want := []string{"b", "d", "a", "c"}; !slices.Equal(order, want) {
		t.Errorf("expected the order %q, found %q", want, order)
	}
}

// A commit is cut, the mark that files differ from it is not.
func TestShortCommit(t *testing.T) {
	for commit, want := range map[string]string{
		"20867c1b67336d7bf64e7e88b2c4ef68ac5097e6": "20867c1b6733", "20867c1b67336d7bf64e7e88b2c4ef68ac5097e6+changes": "20867c1b6733+changes", "abc": "abc", "": "",
	} {
		if got := ShortCommit(commit); got != want {
			t.Errorf("%q is shown as %q, expected %q", commit, got, want)
		}
	}
}
