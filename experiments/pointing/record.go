package pointing

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// The recorded results: docs/results/pointing.json holds one record a run, docs/results/pointing.md and its figures are made
// from it. Nothing in them is typed by hand, and a test compares them.
const (
	recordedFile = "docs/results/pointing.json"
	ResultsPage  = "docs/results/pointing.md"
	barsFile     = "docs/images/results-pointing.png"
	exampleFile  = "docs/images/results-pointing-%d.png"
)

// Recorded is what the page is written from.
type Recorded struct {
	Runs []Record `json:"runs"` // soft, hard, uniform; of each the seeds in their order
}

// Record is a run as it is recorded.
type Record struct {
	Seed    int64                `json:"seed"`
	Config  Config               `json:"config"`
	Backend string               `json:"backend"`
	Machine string               `json:"machine"`
	Started string               `json:"started"`
	Commit  string               `json:"commit"`
	Seconds float64              `json:"seconds"` // all of the run
	Report  Report               `json:"report"`
	Curve   []map[string]float64 `json:"curve"` // step and figures on dev scenes
}

// RecordResults adds full runs of captions/scenes to the recorded results of the checkout root, and writes the page and its
// figures anew. A run takes the place of an earlier one of the same attention and seed. All runs have one configuration but
// for the attention.
func RecordResults(root string, runs []string) error {
	if err := experiments.CheckCheckout(root); err != nil {
		return err
	}
	recorded, err := readRecorded(root)
	if err != nil {
		return err
	}
	for _, dir := range runs {
		record, err := readRun(dir)
		if err != nil {
			return err
		}
		recorded.Runs = slices.DeleteFunc(recorded.Runs, func(old Record) bool {
			return old.Report.Attention == record.Report.Attention && old.Seed == record.Seed
		})
		recorded.Runs = append(recorded.Runs, record)
	}
	slices.SortStableFunc(recorded.Runs, func(a, b Record) int {
		order := []captioning.Attention{captioning.AttentionSoft, captioning.AttentionHard, captioning.AttentionUniform}
		if d := slices.Index(order, a.Report.Attention) - slices.Index(order, b.Report.Attention); d != 0 {
			return d
		}
		return int(max(-1, min(1, a.Seed-b.Seed)))
	})
	if err := recorded.check(); err != nil {
		return err
	}
	return recorded.write(root)
}

// check sees to it that the runs differ in attention and seed alone.
func (r Recorded) check() error {
	if len(r.Runs) == 0 {
		return fmt.Errorf("expected at least one run of captions/scenes to record, found none; `glimpse train captions/scenes` makes one")
	}
	alike := func(c Config) Config {
		c.Model.Attention = ""
		return c
	}
	for _, run := range r.Runs[1:] {
		if !reflect.DeepEqual(alike(run.Config), alike(r.Runs[0].Config)) {
			return fmt.Errorf("expected runs that differ in attention and seed alone, found other settings in the run of %s attention, seed %d, than in that of "+
				"%s attention, seed %d; give the runs of one configuration at once, and remove %s if those recorded are of another",
				run.Report.Attention, run.Seed, r.Runs[0].Report.Attention, r.Runs[0].Seed, recordedFile)
		}
	}
	shown, examples := r.examplesShown()
	for _, e := range examples { // before anything is written
		if _, err := strip(shown.Config, e, testSeed, shown.Report.OnHeldOut.Scenes, shown.Report.Grid); err != nil {
			return err
		}
	}
	return nil
}

func (r Recorded) write(root string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(recordedFile), filepath.Dir(barsFile)} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return fmt.Errorf("cannot record the results: %w", err)
		}
	}
	if err := atomicfile.WriteFile(filepath.Join(root, recordedFile), append(data, '\n')); err != nil {
		return err
	}
	recorded, err := readRecorded(root) // as the page's test reads it
	if err != nil {
		return err
	}
	if err := recorded.drawAll(root); err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(root, ResultsPage), []byte(recorded.page()))
}

func readRecorded(root string) (Recorded, error) {
	var recorded Recorded
	data, err := os.ReadFile(filepath.Join(root, recordedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return recorded, nil
	}
	if err != nil {
		return recorded, fmt.Errorf("cannot read the recorded results: %w", err)
	}
	if err := json.Unmarshal(data, &recorded); err != nil {
		return recorded, fmt.Errorf("%s is damaged: %w", recordedFile, err)
	}
	return recorded, nil
}

// readRun takes what is recorded from a run folder.
func readRun(dir string) (Record, error) {
	run, err := experiments.OpenRun(dir)
	if err != nil {
		return Record{}, err
	}
	m := run.Manifest
	if m.Experiment != Experiment().Name {
		return Record{}, fmt.Errorf("expected a run of %s in %s, found one of %s", Experiment().Name, dir, m.Experiment)
	}
	if m.Form != experiments.Full {
		return Record{}, fmt.Errorf("expected a full run in %s, found a quick one", dir)
	}
	var result experiments.Result
	if err := run.Results(&result); err != nil {
		return Record{}, err
	}
	r := Record{Seed: m.Seed, Machine: m.Machine, Commit: m.Commit, Started: m.Started.Format("2006-01-02 15:04 MST"), Seconds: result.Seconds}
	r.Backend, _, _ = strings.Cut(m.Backend, ",") // without the path of a library
	if err := json.Unmarshal(m.Config, &r.Config); err != nil {
		return r, fmt.Errorf("the manifest of %s is damaged: %w", dir, err)
	}
	data, err := os.ReadFile(run.Path(ReportFile))
	if err != nil {
		return r, fmt.Errorf("cannot read what a run found out: %w", err)
	}
	if err := json.Unmarshal(data, &r.Report); err != nil {
		return r, fmt.Errorf("%s is damaged: %w", run.Path(ReportFile), err)
	}
	if r.Report.OnHeldOut == nil {
		return r, fmt.Errorf("expected a run that measured on test scenes in %s, found one that did not (held_out=0)", dir)
	}
	r.Report.OnDev.Examples = nil // the page shows those of test scenes
	r.Curve, err = curve(run)
	return r, err
}

// curve are the figures on dev scenes during training.
func curve(run *experiments.Run) (points []map[string]float64, err error) {
	steps, err := run.Metrics()
	if err != nil {
		return nil, err
	}
	for _, step := range steps {
		if _, ok := step[devTrue]; !ok {
			continue
		}
		point := map[string]float64{}
		for _, column := range []string{"step", "seconds", "loss", devTrue, devShare, devRatio} {
			point[column] = step[column]
		}
		points = append(points, point)
	}
	return points, nil
}

// of are the recorded runs with an attention.
func (r Recorded) of(attention captioning.Attention) (runs []Record) {
	for _, run := range r.Runs {
		if run.Report.Attention == attention {
			runs = append(runs, run)
		}
	}
	return runs
}
