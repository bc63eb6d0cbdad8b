package learning_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/experiments/contrastive/learning"
	"github.com/glimpse-ml/glimpse/experiments/demo"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// The quick forms of the three contrastive experiments learn, and no rule says otherwise at any of their steps, for five seeds
// each. Their figures are those of `glimpse train NAME --quick --seed 1` to 5 on the go backend, to four digits.
func TestHealthyRunsRaiseNoAlarm(t *testing.T) {
	settings := map[string]learning.Settings{}
	for _, e := range []experiments.Experiment{demo.CLIP(), contrastive.LiT(), contrastive.Products()} {
		config, err := e.Config(backend.Go, experiments.Options{Form: experiments.Quick})
		if err != nil {
			t.Fatal(err)
		}
		if settings[e.Name], err = learning.SettingsOf(config); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Open(filepath.Join("testdata", "healthy.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	runs := 0
	for ; lines.Scan(); runs++ {
		var run struct {
			Experiment string
			Seed       int
			Columns    map[string][]*float64
		}
		if err := json.Unmarshal(lines.Bytes(), &run); err != nil {
			t.Fatal(err)
		}
		s := settings[run.Experiment]
		w := learning.Watcher{Settings: s, Say: func(sentence string) { t.Errorf("%s, seed %d: %s", run.Experiment, run.Seed, sentence) }}
		var steps []map[string]float64
		for i := range run.Columns["step"] {
			line := map[string]float64{}
			for name, column := range run.Columns {
				if column[i] != nil {
					line[name] = *column[i]
				}
			}
			steps = append(steps, line)
			w.See(line)
		}
		if r := learning.Look(steps, s); r.Step != s.Steps || len(r.Findings) > 0 || r.Figures["loss"] > 0.95*r.Chance {
			t.Errorf("%s, seed %d: expected a whole run that learns, found %+v", run.Experiment, run.Seed, r)
		}
	}
	if runs != 15 {
		t.Errorf("expected 15 runs, found %d", runs)
	}
}
