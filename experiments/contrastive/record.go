package contrastive

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// The recorded results: docs/results/clip.json holds one record a run, docs/results/clip.md is written from it. Nothing in it is
// typed by hand, and a test compares them.
const (
	recordedFile = "docs/results/clip.json"
	ResultsPage  = "docs/results/clip.md"
	curvesFile   = "docs/images/results-%s.png" // of an experiment, with "-" for "/"
)

// Recorded is what the page is written from.
type Recorded struct {
	Runs  []Record `json:"runs"`  // of the final configurations, one a seed
	Tried []Record `json:"tried"` // of other configurations, measured on dev pictures alone
}

// Record is a run as it is recorded.
type Record = experiments.Record[Report]

// RecordResults adds runs of clip/lit and clip/products to the recorded results of the checkout root, and writes the page and
// its figures anew. A run takes the place of an earlier one of the same experiment and seed, and must be like the other runs of
// the experiment: their mean is taken. Tried ones are those of other configurations, which were compared on dev pictures, and
// join the list of them.
func RecordResults(root string, runs, tried []string) error {
	if err := experiments.CheckCheckout(root); err != nil {
		return err
	}
	recorded, err := readRecorded(root)
	if err != nil {
		return err
	}
	for _, dir := range runs {
		if err := recorded.add(dir); err != nil {
			return err
		}
	}
	for _, dir := range tried {
		if err := recorded.addTried(dir); err != nil {
			return err
		}
	}
	slices.SortStableFunc(recorded.Runs, func(a, b Record) int {
		return 2*strings.Compare(a.Experiment, b.Experiment) + int(max(-1, min(1, a.Seed-b.Seed)))
	})
	if err := recorded.check(); err != nil {
		return err
	}
	return recorded.write(root)
}

// add takes a run of a final configuration.
func (r *Recorded) add(dir string) error {
	record, err := readRun(dir)
	if err != nil {
		return err
	}
	if record.Report.OnHeldOut == nil {
		return fmt.Errorf("expected a final run in %s, found one that did not look at the held-out pictures (final=false)", dir)
	}
	r.Runs = slices.DeleteFunc(r.Runs, func(old Record) bool { return old.Experiment == record.Experiment && old.Seed == record.Seed })
	r.Runs = append(r.Runs, record)
	return nil
}

// addTried takes a run of another configuration.
func (r *Recorded) addTried(dir string) error {
	record, err := readRun(dir)
	if err != nil {
		return err
	}
	record.Report.OnHeldOut = nil // nothing of them was chosen by
	r.Tried = slices.DeleteFunc(r.Tried, func(old Record) bool {
		return old.Experiment == record.Experiment && old.Seed == record.Seed && experiments.Difference(old.Config, record.Config) == "nothing"
	})
	r.Tried = append(r.Tried, record)
	return nil
}

// check sees to it that the runs of an experiment differ in their seeds alone.
func (r Recorded) check() error {
	for _, name := range r.experiments() {
		runs := r.of(name)
		first := runs[0]
		for _, run := range runs[1:] {
			this, other := difference(run.Config, first.Config)+" on "+learntFrom(run), difference(first.Config, run.Config)+" on "+learntFrom(first)
			if this != other {
				return fmt.Errorf("expected runs of %s that differ in their seeds alone, found seed %d with other settings or data (%s) than seed %d (%s); "+
					"give the runs of all seeds at once, or name the one of another configuration with --tried", name, run.Seed, this, first.Seed, other)
			}
		}
	}
	return nil
}

// learntFrom is what a run learnt from and was measured on.
func learntFrom(r Record) string {
	return fmt.Sprintf("%d and %d pictures of %s", r.Report.Training, r.Report.HeldOut, r.Report.Data)
}

func (r Recorded) write(root string) error {
	recorded, err := experiments.WriteRecorded(root, recordedFile, r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(root, filepath.Dir(curvesFile)), 0o755); err != nil {
		return fmt.Errorf("cannot draw the results: %w", err)
	}
	for _, name := range recorded.experiments() {
		if err := drawSeeds(filepath.Join(root, curvesName(name)), recorded.of(name)); err != nil {
			return err
		}
	}
	return atomicfile.WriteFile(filepath.Join(root, ResultsPage), []byte(recorded.page()))
}

func readRecorded(root string) (Recorded, error) {
	return experiments.ReadRecorded[Recorded](root, recordedFile)
}

// readRun takes what is recorded from a run folder.
func readRun(dir string) (Record, error) {
	return experiments.ReadRecord[Report](dir, ReportFile, []string{"clip/lit", "clip/products"},
		[]string{devRecall(1), devRecall(10), devTop1, devByTitles})
}

// experiments are the names of the experiments with recorded runs.
func (r Recorded) experiments() (names []string) {
	for _, run := range r.Runs {
		if !slices.Contains(names, run.Experiment) {
			names = append(names, run.Experiment)
		}
	}
	return names
}

// of are the recorded runs of an experiment.
func (r Recorded) of(name string) (runs []Record) {
	for _, run := range r.Runs {
		if run.Experiment == name {
			runs = append(runs, run)
		}
	}
	return runs
}

func curvesName(experiment string) string {
	return fmt.Sprintf(curvesFile, strings.ReplaceAll(experiment, "/", "-"))
}
