package captions

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/captioning/metrics"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// The page says what the recorded runs say, and neither holds what belongs to the data set.
func TestPageAgreesWithRecordedRuns(t *testing.T) {
	root := filepath.Join("..", "..")
	recorded, err := experiments.ReadRecorded[Recorded](root, recordedFile)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, ResultsPage))
	if len(recorded.Runs) == 0 && os.IsNotExist(err) {
		t.Logf("no results are recorded in %s yet, and there is no page: `glimpse report captions RUN...` writes both", recordedFile)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != recorded.page() {
		t.Errorf("%s differs from what its runs say: write it with `glimpse report captions`", ResultsPage)
	}
	for _, r := range append(recorded.Runs, recorded.Tried...) {
		for _, phase := range []*Phase{r.Report.Foretold, r.Report.Critical} {
			if phase == nil {
				continue
			}
			for _, e := range phase.OnDev.Examples {
				if len(e.Human) > 0 {
					t.Fatalf("seed %d: what people say of %s is recorded", r.Seed, e.ID)
				}
			}
		}
	}
}

// made is a recorded run that scored value in everything.
func made(t *testing.T, kind captioning.Attention, seed int64, value float64) Record {
	t.Helper()
	cfg := defaults(experiments.Full, "onnx")
	cfg.Model.Attention = kind
	config, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	scored := func(v float64) Scored {
		s := Scored{Scores: metrics.Scores{CIDEr: v}, Interval: map[string]stats.Mean{}, Examples: []Example{{ID: "photo.jpg", Caption: "a dog runs", CIDEr: v}}}
		for _, c := range columns {
			s.Interval[c.name] = stats.Mean{Value: v, Low: v - 0.05, High: v + 0.05, N: 700}
		}
		return s
	}
	held := scored(value)
	return Record{Experiment: "captions/flickr8k", Seed: seed, Config: config, Backend: "onnx:cpu", Machine: "a machine",
		Curve: []map[string]float64{{"step": 700, devCIDEr: value / 2}, {"step": 1400, devCIDEr: value}},
		Report: Report{Data: "flickr8k", Training: 6000, Dev: 500, HeldOut: 700, Words: 2538, Processor: 1800,
			Foretold: &Phase{OnDev: scored(value), OnHeldOut: &held}, Baselines: []Baseline{{"the commonest training caption", scored(0.1)}}}}
}

func TestPage(t *testing.T) {
	for _, c := range []struct {
		soft, none []float64
		says       []string
	}{
		{[]float64{0.50, 0.51, 0.52}, []float64{0.40, 0.41, 0.42}, []string{"Soft attention is better than none in CIDEr-D", "reached by 3 of 3", "reached by 0 of 0", "| 0.510 (0.485–0.535) |"}},
		{[]float64{0.50, 0.51, 0.52}, []float64{0.49, 0.50, 0.51}, []string{"the intervals over seeds overlap"}},
		{[]float64{0.40, 0.41, 0.42}, []float64{0.50, 0.51, 0.52}, []string{"NOT better", "reached by 0 of 3"}},
		{[]float64{0.48}, []float64{0.2, 0.3}, []string{"of 1 and 2 seeds; three", "0.480 (0.430–0.530)"}},
		{nil, []float64{0.3}, []string{"no attention (uniform)"}},
	} {
		var recorded Recorded
		for i, v := range c.none {
			recorded.Runs = append(recorded.Runs, made(t, captioning.AttentionUniform, int64(i+1), v))
		}
		for i, v := range c.soft {
			recorded.Runs = append(recorded.Runs, made(t, captioning.AttentionSoft, int64(i+1), v))
		}
		if err := recorded.check(); err != nil {
			t.Error(err)
		}
		page := recorded.page()
		for _, says := range append(c.says, "the commonest training caption", "Flickr8k: 6000 training photographs") {
			if !strings.Contains(page, says) {
				t.Errorf("soft %v, none %v: expected %q on the page:\n%s", c.soft, c.none, says, page)
			}
		}
		if err := recorded.draw(filepath.Join(t.TempDir(), "curves.png")); err != nil {
			t.Error(err)
		}
	}
	if page := (Recorded{}).page(); !strings.Contains(page, "No run") {
		t.Errorf("a page without runs:\n%s", page)
	}
}

// Runs that differ in more than their attention say nothing of it, and the page names the pictures and the network that they are of.
func TestPageComparesLikeWithLike(t *testing.T) {
	var recorded Recorded
	for seed := int64(1); seed <= 3; seed++ {
		none, soft := made(t, captioning.AttentionUniform, seed, 0.4), made(t, captioning.AttentionSoft, seed, 0.6)
		none.Config = json.RawMessage(strings.Replace(string(none.Config), `"batch_size":64`, `"batch_size":32`, 1))
		recorded.Runs = append(recorded.Runs, none, soft)
	}
	if page := recorded.page(); strings.Contains(page, "better than none") || !strings.Contains(page, "(`batch_size=64`): they give no verdict") {
		t.Errorf("two configurations:\n%s", page)
	}
	// Where a run's captioner comes from, and what was done after cross-entropy, is no difference in attention; how long it was trained is.
	for i := range recorded.Runs {
		r := &recorded.Runs[i]
		if r.Config = json.RawMessage(strings.Replace(string(r.Config), `"batch_size":32`, `"batch_size":64`, 1)); kindOf(*r) == captioning.AttentionSoft {
			r.Config = json.RawMessage(strings.NewReplacer(`"start":""`, `"start":"a"`, `"samples":5`, `"samples":6`, `"train":{"steps":5000`, `"train":{"steps":0`).Replace(string(r.Config)))
		}
	}
	if page := recorded.page(); !strings.Contains(page, "better than none") {
		t.Errorf("one configuration:\n%s", page)
	}
	recorded.Runs[1].Report.Foretold.Trained.Last.Step = 7
	if page := recorded.page(); strings.Contains(page, "better than none") {
		t.Errorf("another number of steps:\n%s", page)
	}
	first := &recorded.Runs[0]
	first.Config = json.RawMessage(strings.Replace(string(first.Config), `"encoder":"squeezenet"`, `"encoder":"resnet:a"`, 1))
	first.Report.Data = "flickr30k"
	if page := recorded.page(); strings.Contains(page, "SqueezeNet") || !strings.Contains(page, "Features of `resnet:a`, frozen") || !strings.Contains(page, "flickr30k: 6000") {
		t.Errorf("another network:\n%s", page)
	}
}

// How hard attention would be trained tells no other kind's runs apart, of which the older say nothing of it.
func TestWithoutHard(t *testing.T) {
	older := json.RawMessage(`{"seed_of": 12345678901234567890, "model": {"attention": "soft", "hidden": 512}}`)
	newer := json.RawMessage(`{"seed_of": 12345678901234567890, "model": {"attention": "soft", "hard": {"lambda_r": 1, "expected": 0.5}, "hidden": 512}}`)
	if found := experiments.Difference(newer, older); !strings.Contains(found, "hard") {
		t.Errorf("expected settings that differ in how hard attention is trained, found %s", found)
	}
	for _, config := range []json.RawMessage{older, newer} {
		bare, err := withoutHard(config)
		if err != nil {
			t.Fatal(err)
		}
		if found := experiments.Difference(bare, older); found != "nothing" {
			t.Errorf("%s: expected no difference, found %s", config, found)
		}
	}
	if _, err := withoutHard(json.RawMessage(`[]`)); err == nil {
		t.Error("expected a refusal of what is no configuration")
	}
}

// A run that was tried takes the place of an earlier one with its settings and seed, also of one that was read from the file.
func TestTried(t *testing.T) {
	var recorded Recorded
	recorded.list(made(t, captioning.AttentionSoft, 1, 0.5))
	recorded, err := experiments.WriteRecorded(t.TempDir(), recordedFile, recorded)
	if err != nil {
		t.Fatal(err)
	}
	recorded.list(made(t, captioning.AttentionSoft, 1, 0.6))
	recorded.list(made(t, captioning.AttentionSoft, 2, 0.7))
	if len(recorded.Tried) != 2 || recorded.Tried[0].Report.Foretold.OnDev.Scores.CIDEr != 0.6 || recorded.Tried[1].Seed != 2 {
		t.Errorf("expected the second run of seed 1 and that of seed 2, found %d runs", len(recorded.Tried))
	}
}

// A run in the place of one of another configuration leaves that one among what was tried, without its figures on test pictures.
func TestReplaced(t *testing.T) {
	old, again := made(t, captioning.AttentionSoft, 1, 0.5), made(t, captioning.AttentionSoft, 1, 0.6)
	recorded := Recorded{Runs: []Record{old}}
	recorded.replace(again)
	if len(recorded.Runs) != 1 || len(recorded.Tried) != 0 || recorded.Runs[0].Report.Foretold.OnDev.Scores.CIDEr != 0.6 {
		t.Errorf("the same configuration: %d runs, %d tried", len(recorded.Runs), len(recorded.Tried))
	}
	other := made(t, captioning.AttentionSoft, 1, 0.7)
	other.Config = json.RawMessage(strings.Replace(string(other.Config), `"batch_size":64`, `"batch_size":32`, 1))
	recorded.replace(other)
	if len(recorded.Runs) != 1 || len(recorded.Tried) != 1 || recorded.Runs[0].Report.Foretold.OnDev.Scores.CIDEr != 0.7 ||
		recorded.Tried[0].Report.Foretold.OnDev.Scores.CIDEr != 0.6 || recorded.Tried[0].Report.Foretold.OnHeldOut != nil {
		t.Errorf("another configuration: %d runs, tried %+v", len(recorded.Runs), recorded.Tried)
	}
}

func TestRecordRefuses(t *testing.T) {
	a, b := made(t, captioning.AttentionSoft, 1, 0.5), made(t, captioning.AttentionSoft, 2, 0.5)
	b.Config = json.RawMessage(strings.Replace(string(b.Config), `"batch_size":64`, `"batch_size":32`, 1))
	if err := (Recorded{Runs: []Record{a, b}}).check(); err == nil || !strings.Contains(err.Error(), "batch_size=32") {
		t.Errorf("two configurations: %v", err)
	}
	b.Config, b.Report.Foretold.Trained.Last.Step = json.RawMessage(strings.Replace(string(a.Config), `"start":""`, `"start":"b"`, 1)), 7
	if err := (Recorded{Runs: []Record{a, b}}).check(); err == nil || !strings.Contains(err.Error(), "7 steps") {
		t.Errorf("another number of steps: %v", err)
	}
	b.Report.Foretold.Trained.Last.Step = 0
	if err := (Recorded{Runs: []Record{a, b}}).check(); err != nil {
		t.Errorf("captioners of their own to start from: %v", err)
	}
	// Self-critical training is compared where both had it.
	b.Config = json.RawMessage(strings.Replace(string(a.Config), `"samples":5`, `"samples":6`, 1))
	a.Report.Critical, b.Report.Critical = a.Report.Foretold, b.Report.Foretold
	if err := (Recorded{Runs: []Record{a, b}}).check(); err == nil || !strings.Contains(err.Error(), "critical.samples=6") {
		t.Errorf("another self-critical training: %v", err)
	}
	b.Report.Critical = nil
	if err := (Recorded{Runs: []Record{a, b}}).check(); err != nil {
		t.Errorf("one run without self-critical training: %v", err)
	}
	if err := RecordResults(t.TempDir(), nil, nil); err == nil || !strings.Contains(err.Error(), "expected a checkout") {
		t.Errorf("no checkout: %v", err)
	}
	root := t.TempDir()
	for _, name := range []string{"go.mod", "docs/x"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := RecordResults(root, []string{root}, nil); err == nil {
		t.Error("a folder without a run was recorded")
	}
	if _, err := os.Stat(filepath.Join(root, ResultsPage)); err == nil {
		t.Error("a page was written")
	}
}

// Seeds are averaged where they have been measured at the same step of the same training.
func TestCurveOf(t *testing.T) {
	a, b := made(t, captioning.AttentionSoft, 1, 0.4), made(t, captioning.AttentionSoft, 2, 0.6)
	a.Curve = append(a.Curve, map[string]float64{"step": 700, devCIDEr: 0.5})                                                 // self-critical
	b.Curve = []map[string]float64{{"step": 1400, devCIDEr: 0.6}, {"step": 250, devCIDEr: 0.8}, {"step": 700, devCIDEr: 0.7}} // measured at other steps
	curve := curveOf(captioning.AttentionSoft, []Record{a, b})
	if !slices.Equal(curve.X, []float64{1400, 2100}) || math.Abs(curve.Y[0]-0.5) > 1e-9 || math.Abs(curve.Y[1]-0.6) > 1e-9 || curve.Low[1] != 0.5 || curve.High[1] != 0.7 {
		t.Errorf("found %+v", curve)
	}
	c := made(t, captioning.AttentionSoft, 3, 0.5) // went on from a captioner
	c.Config = json.RawMessage(strings.Replace(string(c.Config), `"train":{"steps":5000`, `"train":{"steps":0`, 1))
	c.Curve = []map[string]float64{{"step": 100, devCIDEr: 0.1}}
	if with := curveOf(captioning.AttentionSoft, []Record{c, a, b}); !slices.Equal(with.Y, curve.Y) || len(with.Y) == 0 {
		t.Errorf("with a run that went on from another: found %+v", with)
	}
	if alone := curveOf(captioning.AttentionSoft, []Record{c}); !slices.Equal(alone.X, []float64{100}) {
		t.Errorf("a run that went on from another, alone: found %+v", alone)
	}
	if curve := curveOf(captioning.AttentionHard, nil); len(curve.X) > 0 {
		t.Errorf("found %+v of no runs", curve)
	}
}
