package captions

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// The recorded results: docs/results/captioning.json holds one record a run, docs/results/captioning.md is written from it.
// Nothing in it is typed by hand, and a test compares them.
const (
	recordedFile = "docs/results/captioning.json"
	ResultsPage  = "docs/results/captioning.md"
	curvesFile   = "docs/images/results-captioning.png"
)

// Record is a run as it is recorded, without what people say of the pictures: that is the data set's.
type Record = experiments.Record[Report]

// Recorded is what the page is written from.
type Recorded struct {
	Runs  []Record `json:"runs"`  // of final configurations, one a kind of attention and seed
	Tried []Record `json:"tried"` // of others, measured on dev pictures alone

	Ensembles []EnsembleRecord `json:"ensembles,omitempty"` // one a kind of members
}

// RecordResults adds runs of captions/flickr8k and captions/ensemble to the recorded results of the checkout root, and writes the page and its figure
// anew. A run takes the place of an earlier one with the same attention and seed, an ensemble of one with as many members of the same kinds; runs with the same attention have to differ
// in their seeds alone. Tried ones join the list of what else was tried, and so does a run of another configuration that is replaced.
func RecordResults(root string, runs, tried []string) error {
	if err := experiments.CheckCheckout(root); err != nil {
		return err
	}
	recorded, err := experiments.ReadRecorded[Recorded](root, recordedFile)
	if err != nil {
		return err
	}
	for _, dir := range runs {
		add := recorded.add
		if run, err := experiments.OpenRun(dir); err == nil && run.Manifest.Experiment == Ensemble().Name {
			add = recorded.addEnsemble
		}
		if err := add(dir); err != nil {
			return err
		}
	}
	for _, dir := range tried {
		if err := recorded.addTried(dir); err != nil {
			return err
		}
	}
	slices.SortStableFunc(recorded.Runs, func(a, b Record) int {
		return 2*(slices.Index(kinds, kindOf(a))-slices.Index(kinds, kindOf(b))) + int(max(-1, min(1, a.Seed-b.Seed)))
	})
	if err := recorded.check(); err != nil {
		return err
	}
	if recorded, err = experiments.WriteRecorded(root, recordedFile, recorded); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(root, filepath.Dir(curvesFile)), 0o755); err != nil {
		return fmt.Errorf("cannot draw the results: %w", err)
	}
	if recorded.hasCurves() {
		if err := recorded.draw(filepath.Join(root, curvesFile)); err != nil {
			return err
		}
	}
	return atomicfile.WriteFile(filepath.Join(root, ResultsPage), []byte(recorded.page()))
}

// readRun takes what is recorded from a run folder. The captions that people wrote stay where they are.
func readRun(dir string) (Record, error) {
	r, err := experiments.ReadRecord[Report](dir, ReportFile, []string{Photographs().Name}, []string{devCIDEr, devBLEU4})
	if err != nil {
		return r, err
	}
	if kindOf(r) != captioning.AttentionHard {
		if r.Config, err = withoutHard(r.Config); err != nil {
			return r, err
		}
	}
	for _, phase := range []*Phase{r.Report.Foretold, r.Report.Critical} {
		if phase == nil {
			continue
		}
		phase.OnDev.withoutPeople()
		if phase.OnHeldOut != nil {
			phase.OnHeldOut.withoutPeople()
		}
	}
	for i := range r.Report.Baselines { // their captions are people's
		r.Report.Baselines[i].Scored.Examples = nil
	}
	return r, nil
}

// withoutHard is a configuration without how hard attention would be trained, which makes no difference to another kind's runs.
func withoutHard(config json.RawMessage) (json.RawMessage, error) {
	var settings, of map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(config, &settings), json.Unmarshal(settings["model"], &of)); err != nil {
		return nil, fmt.Errorf("expected a configuration with a model, found something else: %w", err)
	}
	if _, there := of["hard"]; !there {
		return config, nil
	}
	delete(of, "hard")
	model, err := json.Marshal(of)
	if err != nil {
		return nil, err
	}
	settings["model"] = model
	return json.Marshal(settings)
}

func (s *Scored) withoutPeople() {
	for i := range s.Examples {
		s.Examples[i].Human = nil
	}
}

// add takes a run of a final configuration.
func (r *Recorded) add(dir string) error {
	record, err := readRun(dir)
	if err != nil {
		return err
	}
	if record.Report.Foretold.OnHeldOut == nil {
		return fmt.Errorf("expected a final run in %s, found one that did not look at the test pictures (final=false)", dir)
	}
	r.replace(record)
	return nil
}

// replace puts a run in the place of an earlier one with the same attention and seed. One of another configuration is among what was tried from then on.
func (r *Recorded) replace(record Record) {
	r.Runs = slices.DeleteFunc(r.Runs, func(old Record) bool {
		replaced := kindOf(old) == kindOf(record) && old.Seed == record.Seed
		if replaced && experiments.Difference(old.Config, record.Config, "start", "train.steps", "critical.") != "nothing" {
			r.tried(old)
		}
		return replaced
	})
	r.Runs = append(r.Runs, record)
}

// addTried takes a run of another configuration.
func (r *Recorded) addTried(dir string) error {
	record, err := readRun(dir)
	if err == nil {
		r.tried(record)
	}
	return err
}

// tried lists a run with what it scored on dev pictures.
func (r *Recorded) tried(record Record) {
	for _, phase := range []*Phase{record.Report.Foretold, record.Report.Critical} {
		if phase != nil {
			phase.OnHeldOut = nil // nothing was chosen by them
		}
	}
	record.Report.Baselines = nil
	r.list(record)
}

// list puts a run among those that were tried, in the place of an earlier one with its settings and seed.
func (r *Recorded) list(tried Record) {
	r.Tried = slices.DeleteFunc(r.Tried, func(old Record) bool { // a file holds the same settings with other spaces
		return experiments.Difference(old.Config, tried.Config) == "nothing" && old.Seed == tried.Seed
	})
	r.Tried = append(r.Tried, tried)
}

// check sees to it that the runs of a kind differ in their seeds alone.
func (r Recorded) check() error {
	for _, kind := range kinds {
		runs := r.of(kind)
		for _, run := range runs[min(1, len(runs)):] {
			but := []string{"start"} // each seed has a captioner of its own to start from
			if run.Report.Critical == nil || runs[0].Report.Critical == nil {
				but = append(but, "train.steps", "critical.") // one of them was not trained on, or the other started from a captioner; learntFrom counts the steps
			}
			this := experiments.Difference(run.Config, runs[0].Config, but...)
			if this != "nothing" || learntFrom(run) != learntFrom(runs[0]) {
				return fmt.Errorf("expected runs with %s that differ in their seeds alone, found seed %d with %s on %s where seed %d has %s on %s; "+
					"give the runs of all seeds at once, or name the one of another configuration with --tried", kind, run.Seed, this, learntFrom(run),
					runs[0].Seed, experiments.Difference(runs[0].Config, run.Config, but...), learntFrom(runs[0]))
			}
		}
	}
	return r.checkEnsembles()
}

// learntFrom is what a run learnt from and was measured on, and for how many steps it was trained to foretell words, in itself or in the run that it
// starts from.
func learntFrom(r Record) string {
	return fmt.Sprintf("%d and %d pictures of %s, %d steps", r.Report.Training, r.Report.HeldOut, r.Report.Data, r.Report.Foretold.Trained.Last.Step)
}

// kinds of decoders in the page's order, by their attention. Show and Tell's has none at all.
var kinds = []captioning.Attention{showAndTell, captioning.AttentionUniform, captioning.AttentionHard, captioning.AttentionSoft}

const showAndTell captioning.Attention = tell

// What else a member of an ensemble can be.
const (
	languageModel captioning.Attention = "language model"
	blipHead      captioning.Attention = "BLIP"
)

func kindOf(r Record) captioning.Attention {
	var cfg Config
	if err := json.Unmarshal(r.Config, &cfg); err != nil {
		return ""
	}
	if cfg.Decoder == tell {
		return showAndTell
	}
	return cfg.Model.Attention
}

// of are the recorded runs of a kind.
func (r Recorded) of(kind captioning.Attention) (runs []Record) {
	for _, run := range r.Runs {
		if kindOf(run) == kind {
			runs = append(runs, run)
		}
	}
	return runs
}

// named are a kind's words on the page.
func named(kind captioning.Attention) string {
	switch kind {
	case showAndTell:
		return "Show and Tell"
	case captioning.AttentionUniform:
		return "no attention (uniform)"
	case languageModel, blipHead:
		return string(kind)
	}
	return strings.ToLower(string(kind)) + " attention"
}

// thenCritical is what is added of runs that went on self-critically.
const thenCritical = ", then self-critical training"
