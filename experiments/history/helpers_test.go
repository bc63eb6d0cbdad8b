package history

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// folder describes a run folder that a test makes.
type folder struct {
	experiment string // captioner when empty
	lr         float64
	seed       int64
	started    time.Time
	losses     []float64          // one a step
	metrics    map[string]float64 // nil for a run without results.json
	seconds    float64
	more       map[string]string // more files, by their paths
}

// write makes the folder and opens the run.
func write(t testing.TB, dir string, f folder) *experiments.Run {
	t.Helper()
	if f.experiment == "" {
		f.experiment = "captioner"
	}
	if f.started.IsZero() {
		f.started = start
	}
	config := fmt.Sprintf(`{"data":"scenes","train":{"steps":4,"optimizer":{"lr":%g}}}`, f.lr)
	manifest, err := json.Marshal(experiments.Manifest{
		Format: 1, Experiment: f.experiment, Form: experiments.Quick, Config: json.RawMessage(config), Seed: f.seed, Started: f.started,
		Backend: "go", Command: []string{"glimpse", "train"}, Commit: "abc", Versions: map[string]string{"go": "go1.26"}, Machine: "m",
	})
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for i, loss := range f.losses {
		fmt.Fprintf(&lines, `{"step":%d,"epoch":0,"loss":%g,"lr":0.1,"seconds":%d,"waiting":0}`+"\n", i+1, loss, i)
	}
	files := map[string]string{"manifest.json": string(manifest), "metrics.jsonl": lines.String()}
	if f.metrics != nil {
		results, err := json.Marshal(experiments.Result{Metrics: f.metrics, Seconds: f.seconds, Remarks: []string{"a remark"}})
		if err != nil {
			t.Fatal(err)
		}
		files["results.json"] = string(results)
	}
	for name, text := range f.more {
		files[name] = text
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run, err := experiments.OpenRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// age makes all files of a folder look as if nothing had happened for an hour and a half.
func age(t testing.TB, dir string) {
	t.Helper()
	then := time.Now().Add(-90 * time.Minute)
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, then, then)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// names are the last parts of paths, with a space between them.
func names(entries []Entry) string {
	var list []string
	for _, e := range entries {
		list = append(list, filepath.Base(e.Run))
	}
	return strings.Join(list, " ")
}
