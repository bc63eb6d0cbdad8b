package lesson

import (
	"fmt"
	"os"
	"path/filepath"
)

// CheckPages is an error where a page, its figures' files or docs/errata.md of the checkout root differ from what the recorded runs of a series say.
func CheckPages(root string, series Series) error {
	studies := series.Studies
	all, err := readAll(root, studies)
	if err != nil {
		return err
	}
	texts, err := series.summaries(all)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, s := range studies {
		runs := all[s.Name].Runs
		if len(runs) == 0 {
			continue
		}
		if err := s.check(all[s.Name]); err != nil {
			return err
		}
		told, err := s.tell(runs)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Experiment.Name, err)
		}
		texts[s.pageFile()] = s.page(told, runs)
		for _, f := range told.figures() {
			for _, ending := range endings {
				wanted[s.figureFile(f.Name+ending)] = true
			}
		}
	}
	for name, text := range texts {
		if written, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(written) != text {
			return fmt.Errorf("expected %s as its runs say, found it otherwise or not at all; write it with `glimpse report %s`", name, series.Name)
		}
	}
	return series.checkFigures(root, wanted)
}

// checkFigures is an error where a figure is missing, or one is left of a page that no longer shows it.
func (series Series) checkFigures(root string, wanted map[string]bool) error {
	for name := range wanted {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			return fmt.Errorf("expected the figure %s, found none; draw it with `glimpse report %s`", name, series.Name)
		}
	}
	there, err := filepath.Glob(filepath.Join(root, "docs/images/"+series.Name+"-*"))
	if err != nil {
		return err
	}
	for _, path := range there {
		if name := "docs/images/" + filepath.Base(path); !wanted[name] {
			return fmt.Errorf("expected figures that a page shows, found %s; remove it", name)
		}
	}
	return nil
}
