package captions

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/experiments/resumetest"
)

// The quick form trains two captioners from seeds of their own, and an ensemble of captioners that runs have trained scores as they do.
func TestEnsemble(t *testing.T) {
	b := fast(t)
	start := func(e experiments.Experiment, settings ...string) (*experiments.Run, experiments.Result) {
		t.Helper()
		opts := experiments.Options{Form: experiments.Quick, Seed: 1, Out: filepath.Join(t.TempDir(), "run")}
		for _, text := range settings {
			o, err := experiments.ParseOverride(text)
			if err != nil {
				t.Fatal(err)
			}
			opts.Overrides = append(opts.Overrides, o)
		}
		run, result, err := e.Start(context.Background(), b, opts)
		if err != nil {
			t.Fatal(err)
		}
		return run, result
	}
	run, result := start(Ensemble())
	if m := result.Metrics; m["CIDEr"] < 0.2 || !(m["CIDEr_low"] < m["CIDEr"] && m["CIDEr"] < m["CIDEr_high"]) || m["dev_CIDEr"] == 0 {
		t.Errorf("captions scored %v", m)
	}
	var losses []float64
	var set datasets.Dataset
	for i := 1; i <= 2; i++ {
		c, err := captioner.Open(t.Context(), b, run.Path(fmt.Sprintf("member-%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		if set == nil { // the same pictures for both
			if set, err = c.HeldOut(); err != nil {
				t.Fatal(err)
			}
		}
		prepared, _, err := c.Prepare(t.Context(), &experiments.Env{Backend: b}, set)
		if err != nil {
			t.Fatal(err)
		}
		loss, err := c.HeldOutLoss(t.Context(), prepared)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, loss.Loss.Value)
		c.Close()
	}
	if losses[0] == losses[1] {
		t.Errorf("both members have the loss %g: their seeds are the same", losses[0])
	}

	single, alone := start(Photographs(), "train.steps=60", "critical.train.steps=2", "critical.train.eval_every=2")
	var trained EnsembleReport
	readReport(t, run, &trained)
	if m := trained.Members; len(m) != 2 || !m[0].Known || m[0].Seed != 1 || m[1].Seed != 2 || trained.Training <= 0 ||
		math.Abs((m[0].DevCIDEr+m[1].DevCIDEr)/2-result.Metrics["members_dev_CIDEr"]) > 1e-9 {
		t.Errorf("found the members %+v, whose training took %g s, and %v", m, trained.Training, result.Metrics)
	}
	members := fmt.Sprintf("members=[%q,%q]", single.Dir, single.Path("model")+"/")
	run, result = start(Ensemble(), members)
	if got, want := result.Metrics["CIDEr"], alone.Metrics["CIDEr"]; got != want {
		t.Errorf("the same captioner twice scored %g, alone %g", got, want)
	}
	var report EnsembleReport
	readReport(t, run, &report)
	m := report.Members
	want := Member{Kind: captioning.AttentionSoft, Known: true, Seed: 1, Critical: true, DevCIDEr: alone.Metrics["dev_CIDEr"]}
	if len(m) == 2 {
		want.Weights = m[0].Weights
	}
	var of Report
	data, err := os.ReadFile(single.Path(ReportFile))
	if err != nil || json.Unmarshal(data, &of) != nil {
		t.Fatal(err)
	}
	if len(m) != 2 || m[0] != want || m[1] != want || len(want.Weights) != 64 || report.Training != of.Processor {
		t.Errorf("found the members %+v, whose training took %g s; the run took %g", m, report.Training, of.Processor)
	}
	copied := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.CopyFS(copied, os.DirFS(single.Path("model"))); err != nil {
		t.Fatal(err)
	}
	run, _ = start(Ensemble(), fmt.Sprintf("members=[%q]", copied))
	if readReport(t, run, &report); report.Members[0].Known || report.Members[0].Weights != want.Weights {
		t.Errorf("of a copied captioner is said: %+v", report.Members[0])
	}
	run, _ = start(Ensemble(), fmt.Sprintf("members=[%q]", single.Path("foretelling")))
	readReport(t, run, &report)
	if report.Members[0].Critical || report.name() != "1 together: soft attention" {
		t.Errorf("the captioner before self-critical training is called %q", report.name())
	}
}

func readReport(t *testing.T, run *experiments.Run, into *EnsembleReport) {
	t.Helper()
	*into = EnsembleReport{}
	data, err := os.ReadFile(run.Path(ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// The page has ensembles beside the others, and says of each bar whether the one of its kind reaches it.
func TestPageOfEnsembles(t *testing.T) {
	together := func(v float64, critical bool, kinds ...captioning.Attention) EnsembleRecord {
		one := made(t, captioning.AttentionSoft, 1, v).Report
		report := EnsembleReport{Data: one.Data, Dev: one.Dev, HeldOut: one.HeldOut, OnDev: one.Foretold.OnDev, OnHeldOut: one.Foretold.OnHeldOut}
		for i, kind := range kinds {
			report.Members = append(report.Members, Member{Kind: kind, Known: true, Seed: int64(i + 1), Critical: critical, DevCIDEr: v / 2})
		}
		config, err := json.Marshal(ensembleDefaults(experiments.Full, "onnx"))
		if err != nil {
			t.Fatal(err)
		}
		return EnsembleRecord{Report: report, Config: config}
	}
	soft := captioning.AttentionSoft
	recorded := Recorded{Runs: []Record{made(t, soft, 1, 0.45)}, Ensembles: []EnsembleRecord{
		together(0.3, false, soft, soft), together(0.51, false, soft, soft, soft), together(0.58, true, soft, soft), together(0.7, false, soft, captioning.AttentionUniform)}}
	if err := recorded.check(); err != nil {
		t.Error(err)
	}
	page := recorded.page()
	for _, says := range []string{
		"| CIDEr-D after cross-entropy | 0.500 | 0.450 (0.400–0.500) | 0.510 (0.460–0.560) of 3 | reached by 0 of 1, reached as an ensemble |",
		"| CIDEr-D after self-critical training | 0.600 | not run | 0.580 (0.530–0.630) of 2 | reached by 0 of 0, missed as an ensemble |",
		"| 2 together: soft attention, then self-critical training | one run |", "| 2 together: 1 of no attention (uniform); 1 of soft attention | one run |",
		"| 3 together: soft attention | 1, 2, 3 | 0.510 (0.460–0.560) | 0.255 |",
	} {
		if !strings.Contains(page, says) {
			t.Errorf("expected %q on the page:\n%s", says, page)
		}
	}
}

// An ensemble that was measured on other pictures does not belong beside the other runs.
func TestEnsemblesAreMeasuredAlike(t *testing.T) {
	config, err := json.Marshal(ensembleDefaults(experiments.Full, "onnx"))
	if err != nil {
		t.Fatal(err)
	}
	one := made(t, captioning.AttentionSoft, 1, 0.5)
	fewer := EnsembleRecord{Config: config, Report: EnsembleReport{Data: "flickr8k", Dev: 500, HeldOut: 100}}
	if err := (Recorded{Runs: []Record{one}, Ensembles: []EnsembleRecord{fewer}}).check(); err == nil || !strings.Contains(err.Error(), "700 test pictures of flickr8k, beam 5") {
		t.Errorf("100 test pictures beside 700: %v", err)
	}
	if err := (Recorded{Ensembles: []EnsembleRecord{fewer}}).check(); err == nil {
		t.Error("an ensemble beside no run was taken")
	}
}

func TestEnsembleRefusesSettings(t *testing.T) {
	none := ensembleDefaults(experiments.Quick, "go")
	none.Seeds = 0
	critical := ensembleDefaults(experiments.Quick, "go")
	critical.Captions.Critical.Train.Steps = 3
	for _, c := range []EnsembleConfig{none, critical} {
		if err := c.Check(); err == nil {
			t.Errorf("%+v was not refused", c)
		}
	}
}

// Stopped at random moments of both members' trainings.
func TestEnsembleResumesExactly(t *testing.T) {
	b, options := resumetest.Quick(t, "captions.pictures=40", "captions.dev=4", "captions.held_out=4", "captions.size=16", "captions.batch_size=4", "captions.train.steps=5",
		"captions.train.eval_every=3", "captions.train.log_every=1", "captions.model.hidden=16", "captions.model.embed_dim=8", "captions.model.attention_dim=8", "captions.model.max_len=9", "captions.beam=2")
	resumetest.Exact(t, Ensemble(), b, options, 4)
}
