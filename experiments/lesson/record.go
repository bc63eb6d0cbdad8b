package lesson

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// The recorded results: docs/results/SERIES-NAME.json holds one record a run of each study, and the pages are written from them. Nothing
// in the pages is typed by hand, and a test compares them.
func (s Study) recordedFile() string { return "docs/results/" + s.Series + "-" + s.Name + ".json" }
func (s Study) pageFile() string     { return "docs/results/" + s.Series + "-" + s.Name + ".md" }
func (s Study) figureFile(figure string) string {
	return "docs/images/" + s.Series + "-" + s.Name + "-" + figure
}

// Series are studies that one page lists.
type Series struct {
	Name    string // of all its studies' experiments, NAME/STUDY, and of the command that writes the pages, `glimpse report NAME`
	Title   string // of the page that lists the answers
	Opening string // Markdown: what stands above the list
	Index   string // that page, below the checkout's root
	Errata  string // the page of what the lesson says otherwise, below the checkout's root; without one there is none
	Studies []Study
}

// recorded is what a page is written from.
type recorded struct {
	Runs []record `json:"runs"` // one a seed
}

type record = experiments.Record[json.RawMessage]

// RecordResults adds full runs of a series of studies to the recorded results of the checkout root, and writes the pages of all studies that have
// recorded runs, with their figures, and the pages about all of them. A run takes the place of an earlier one of the same seed, and must be like
// the other runs of its study. It returns the pages that it wrote, below root.
func RecordResults(root string, series Series, runs []string) ([]string, error) {
	if err := experiments.CheckCheckout(root); err != nil {
		return nil, err
	}
	studies := series.Studies
	all, err := readAll(root, studies)
	if err != nil {
		return nil, err
	}
	for _, dir := range runs {
		if err := add(all, studies, dir); err != nil {
			return nil, err
		}
	}
	var pages []string
	for _, s := range studies {
		if len(all[s.Name].Runs) == 0 {
			continue
		}
		page, err := s.write(root, all[s.Name])
		if err != nil {
			return pages, err
		}
		pages = append(pages, page)
	}
	texts, err := series.summaries(all)
	if err != nil {
		return pages, err
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if err := atomicfile.WriteFile(filepath.Join(root, name), []byte(texts[name])); err != nil {
			return pages, err
		}
		pages = append(pages, name)
	}
	return pages, nil
}

// readAll reads what is recorded of every study, by its name.
func readAll(root string, studies []Study) (map[string]recorded, error) {
	all := map[string]recorded{}
	for _, s := range studies {
		r, err := experiments.ReadRecorded[recorded](root, s.recordedFile())
		if err != nil {
			return nil, err
		}
		all[s.Name] = r
	}
	return all, nil
}

// Recorded is what the recorded runs of a study say, and how many there are, out of the files that [RecordResults] has written, which lie side by side. None
// is an error that says how there would be one.
func (s Study) Recorded(files fs.FS) (Told, int, error) {
	text, err := fs.ReadFile(files, filepath.Base(s.recordedFile()))
	if err != nil {
		return Told{}, 0, fmt.Errorf("no run of %s is recorded: %w; `glimpse train %s` makes one, and `glimpse report %s RUN` records it", s.Experiment.Name, err, s.Experiment.Name, s.Series)
	}
	var r recorded
	if err := json.Unmarshal(text, &r); err != nil {
		return Told{}, 0, fmt.Errorf("%s is damaged: %w", s.recordedFile(), err)
	}
	told, err := s.tell(r.Runs)
	return told, len(r.Runs), err
}

// add takes a run into the records of its study.
func add(all map[string]recorded, studies []Study, dir string) error {
	var names []string
	for _, s := range studies {
		names = append(names, s.Experiment.Name)
	}
	r, err := experiments.ReadRecord[json.RawMessage](dir, ReportFile, names, nil)
	if err != nil {
		return err
	}
	name := studies[slices.Index(names, r.Experiment)].Name
	study := all[name]
	study.Runs = slices.DeleteFunc(study.Runs, func(old record) bool { return old.Seed == r.Seed })
	study.Runs = append(study.Runs, r)
	slices.SortFunc(study.Runs, func(a, b record) int { return int(max(-1, min(1, a.Seed-b.Seed))) })
	all[name] = study
	return nil
}

// check sees to it that the runs of a study differ in their seeds alone.
func (s Study) check(r recorded) error {
	for _, run := range r.Runs[1:] {
		if different := experiments.Difference(run.Config, r.Runs[0].Config); different != "nothing" {
			return fmt.Errorf("expected runs of %s that differ in their seeds alone, found seed %d with other settings (%s) than seed %d; give the runs of one "+
				"configuration at once, and remove %s if those recorded are of another", s.Experiment.Name, run.Seed, different, r.Runs[0].Seed, s.recordedFile())
		}
	}
	return nil
}

// write writes the records of a study, its figures and its page.
func (s Study) write(root string, r recorded) (string, error) {
	if err := s.check(r); err != nil {
		return "", err
	}
	if _, err := s.tell(r.Runs); err != nil { // before anything is written
		return "", fmt.Errorf("%s: %w", s.Experiment.Name, err)
	}
	r, err := experiments.WriteRecorded(root, s.recordedFile(), r)
	if err != nil {
		return "", err
	}
	told, err := s.tell(r.Runs) // as the page's test reads it
	if err != nil {
		return "", err
	}
	if err := s.draw(root, told); err != nil {
		return "", err
	}
	page := s.pageFile()
	return page, atomicfile.WriteFile(filepath.Join(root, page), []byte(s.page(told, r.Runs)))
}

// draw saves the figures of a page.
func (s Study) draw(root string, told Told) error {
	if err := os.MkdirAll(filepath.Join(root, filepath.Dir(s.figureFile(""))), 0o755); err != nil {
		return fmt.Errorf("cannot draw the results: %w", err)
	}
	for _, f := range told.figures() {
		for _, ending := range endings {
			if err := f.Plot.Save(filepath.Join(root, s.figureFile(f.Name+ending))); err != nil {
				return err
			}
		}
	}
	return nil
}
