package pointing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// The page says what the recorded runs say.
func TestPageAgreesWithRecordedRuns(t *testing.T) {
	root := filepath.Join("..", "..")
	recorded, err := readRecorded(root)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, ResultsPage))
	if len(recorded.Runs) == 0 && os.IsNotExist(err) {
		t.Logf("no results are recorded in %s yet, and there is no page: `glimpse report pointing RUN...` writes both", recordedFile)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != recorded.page() {
		t.Errorf("%s differs from what its runs say: write it with `glimpse report pointing`", ResultsPage)
	}
}

// made is a recorded run in which right of a hundred captions were true, and a noun's map was times as much in its box as an even one.
func made(attention captioning.Attention, seed int64, right int, times float64) Record {
	cfg := Defaults(experiments.Full, "onnx")
	cfg.Model.Attention = attention
	of := func(v float64) stats.Mean { return stats.Mean{Value: v, Low: 0.9 * v, High: 1.1 * v, N: 100} }
	point := func(name string, times float64) Pointed {
		return Pointed{Map: name, Words: 200, Share: of(0.1 * times), Uniform: of(0.1), Ratio: of(times), Hits: of(0.5), Chance: of(0.1)}
	}
	maps := []Pointed{point(AttentionMap, times), point(GradientMap, 2)}
	return Record{Seed: seed, Config: cfg, Backend: "onnx:cpu", Machine: "a machine", Report: Report{Attention: attention, Grid: 8,
		OnHeldOut: &Scored{Scenes: 100, True: stats.NewProportion(right, 100), Nouns: maps, Adjs: maps, Early: maps[0], Late: maps[0]}}}
}

func TestPage(t *testing.T) {
	runs := Recorded{Runs: []Record{made(captioning.AttentionSoft, 1, 99, 4), made(captioning.AttentionSoft, 2, 98, 3.5), made(captioning.AttentionUniform, 1, 60, 1)}}
	if err := runs.check(); err != nil {
		t.Fatal(err)
	}
	has := func(r Recorded, all ...string) {
		t.Helper()
		for _, says := range all {
			if page := r.page(); !strings.Contains(page, says) {
				t.Errorf("expected %q on the page:\n%s", says, page)
			}
		}
	}
	has(runs, "**98.5%**", "| 98.0% | reached |", "**3.75**", "| 3.00 | reached |", "before the word of the step before is read")
	if series := runs.barSeries(); len(series) != 2 || series[0].Values[0] != 0.4 || series[1].Values[0] != 0.2 {
		t.Errorf("bars: %+v", series)
	}

	missed := Recorded{Runs: []Record{made(captioning.AttentionSoft, 1, 90, 2.5)}}
	missed.Runs[0].Config.Saliency = false
	missed.Runs[0].Report.OnHeldOut.Nouns = missed.Runs[0].Report.OnHeldOut.Nouns[:1]
	has(missed, "| 98.0% | missed |", "| 3.00 | missed |", "before the word of the step before is read")
	if series := missed.barSeries(); len(series) != 1 {
		t.Errorf("expected no bars for a gradient that was not measured, found %+v", series)
	}
	if _, err := missed.bars(); err != nil {
		t.Error(err)
	}
	if err := (Recorded{Runs: append(runs.Runs, missed.Runs...)}).check(); err == nil || !strings.Contains(err.Error(), "differ in attention and seed alone") {
		t.Errorf("two configurations: %v", err)
	}
}
