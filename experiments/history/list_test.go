package history

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"
)

// What a run's files say, whether it is complete, running or stopped.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	complete := write(t, filepath.Join(dir, "a"), folder{seed: 3, losses: []float64{3, 2}, metrics: map[string]float64{"x": 1}, seconds: 61})
	e, problems := Read(complete)
	want := Entry{Run: complete.Dir, Experiment: "captioner", Form: "quick", Seed: 3, Started: start, Backend: "go", Commit: "abc",
		State: Complete, Complete: true, Seconds: 61, Step: 2, Steps: 4, Metrics: map[string]float64{"x": 1}, Remarks: []string{"a remark"},
		Last: map[string]float64{"step": 2, "epoch": 0, "loss": 2, "lr": 0.1, "seconds": 1, "waiting": 0}}
	if diff := cmp.Diff(want, e); diff != "" || len(problems) > 0 {
		t.Errorf("%v %s", problems, diff)
	}

	cut := write(t, filepath.Join(dir, "b"), folder{more: map[string]string{
		"metrics.jsonl": `{"step":1,"loss":5}` + "\n" + `{"step":2,"loss":4}` + "\n" + `{"step":3,"lo`}})
	e, problems = Read(cut)
	if e.State != Stopped || e.Step != 2 || len(problems) > 0 || e.How() != "stopped at step 2 of 4" {
		t.Errorf("a cut last line: %+v, problems %v", e, problems)
	}
	if v, ok := e.Value("loss"); v != 4 || !ok {
		t.Errorf("the loss of a stopped run: %v %v", v, ok)
	}

	lock := flock.New(cut.Path(".lock"))
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	if e, _ = Read(cut); e.State != Running || e.How() != "running, at step 2 of 4" {
		t.Errorf("a run whose lock is held is %s: %s", e.State, e.How())
	}
	lock.Close()
	if e, _ = Read(cut); e.State != Stopped {
		t.Errorf("a run whose lock is free is %s", e.State)
	}

	second := write(t, filepath.Join(dir, "e"), folder{losses: []float64{1}, more: map[string]string{"checkpoints/01-words-done.safetensors": ""}})
	if e, _ = Read(second); e.How() != "stopped at step 1, trainings that are over: 1" {
		t.Errorf("in its second training: %s", e.How())
	}

	damaged := write(t, filepath.Join(dir, "c"), folder{more: map[string]string{
		"metrics.jsonl": `{"step":1,"loss":5}` + "\nno JSON\n", "results.json": "no JSON"}})
	if e, problems = Read(damaged); e.State != Stopped || len(problems) != 2 || !strings.Contains(problems[0].Error(), "results.json is damaged") {
		t.Errorf("damaged files: %+v, problems %v", e, problems)
	}
	none := write(t, filepath.Join(dir, "d"), folder{})
	if e, problems = Read(none); e.How() != "stopped before its first recorded step" || len(problems) > 0 {
		t.Errorf("no step: %s, problems %v", e.How(), problems)
	}
}

// The last line is found in a long file, also when it is longer than what is read of the end.
func TestLastStepOfLongFiles(t *testing.T) {
	long := strings.Repeat(`{"step":1,"loss":5}`+"\n", 5000)
	for name, text := range map[string]string{
		"whole": long + `{"step":7}` + "\n", "no end of line": long + `{"step":7}`, "cut": long + `{"step":7}` + "\n" + `{"st`,
	} {
		run := write(t, t.TempDir(), folder{more: map[string]string{"metrics.jsonl": text}})
		if last, err := lastStep(run); err != nil || last["step"] != 7 {
			t.Errorf("%s: got %v, %v", name, last, err)
		}
	}
	huge := `{"step":7,"` + strings.Repeat("x", tail) + `":1}` + "\n"
	run := write(t, t.TempDir(), folder{more: map[string]string{"metrics.jsonl": huge}})
	if last, err := lastStep(run); err != nil || last != nil {
		t.Errorf("a line longer than what is read: got %v, %v", last, err)
	}
}

func TestList(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "old"), folder{experiment: "captions/flickr8k", metrics: map[string]float64{"acc": 0.5}, started: start})
	write(t, filepath.Join(dir, "new"), folder{experiment: "captions/scenes", losses: []float64{1}, started: start.Add(time.Hour)})
	write(t, filepath.Join(dir, "mid"), folder{experiment: "clip", metrics: map[string]float64{"acc": 0.7}, started: start.Add(time.Minute)})
	write(t, filepath.Join(dir, ".left.0123456789abcdef.removed"), folder{})
	for name, text := range map[string]string{"damaged/manifest.json": "{", "newer/manifest.json": `{"format":99}`, "no run/x": ""} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	list := func() []Entry {
		entries, problems, err := List(dir, nil)
		if err != nil || len(problems) != 2 {
			t.Fatalf("%v, problems %v", err, problems)
		}
		return entries
	}
	if got := names(list()); got != "new mid old" {
		t.Errorf("expected the latest first, got %s", got)
	}
	for _, c := range []struct {
		filter Filter
		want   string
	}{
		{Filter{Experiment: "captions/*"}, "new old"}, {Filter{Experiment: "clip"}, "mid"}, {Filter{State: Complete}, "mid old"},
		{Filter{State: Stopped}, "new"}, {Filter{Experiment: "captions/*", State: Complete}, "old"}, {Filter{Experiment: "[", State: ""}, ""},
	} {
		if got := names(c.filter.Keep(list())); got != c.want {
			t.Errorf("%+v keeps %q, expected %q", c.filter, got, c.want)
		}
	}
	entries := list()
	SortBy(entries, "acc", false)
	if got := names(entries); got != "mid old new" {
		t.Errorf("by acc: %s", got)
	}
	SortBy(entries, "acc", true)
	if got := names(entries); got != "old mid new" {
		t.Errorf("by acc, the smallest first: %s", got)
	}
	if entries, _, err := List(filepath.Join(dir, "nowhere"), nil); err != nil || len(entries) > 0 {
		t.Errorf("no folder: %v, %v", entries, err)
	}
}
