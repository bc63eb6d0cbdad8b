package lesson

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"

	"github.com/glimpse-ml/glimpse/docs/results"
	studies "github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/plots"
)

// Study is an experiment with its page.
type Study = studies.Study

// Recorded is what full runs of an experiment have found: they take too long for a notebook.
type Recorded struct {
	studies.Told
	name  string
	Seeds int // runs, each of another seed
}

// OpenRecorded opens what is recorded of an experiment below experiments/built, and prints its answer. Where nothing is recorded it says so.
func OpenRecorded(study Study) Recorded {
	told, seeds, err := study.Recorded(results.Built)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Printf("%s, recorded seeds: 0\nno full run is recorded yet; glimpse train %s --quick shows what one would\n", study.Experiment.Name, study.Experiment.Name)
		return Recorded{name: study.Experiment.Name}
	}
	Check(err)
	fmt.Printf("%s, recorded seeds: %d\n%s\n", study.Experiment.Name, seeds, wrapped(told.Answer, answerColumns))
	return Recorded{told, study.Experiment.Name, seeds}
}

// answerColumns is how wide an answer is printed.
const answerColumns = 100

// wrapped breaks a text between words, so that no line with more than one of them is longer than so many columns.
func wrapped(text string, columns int) string {
	var b strings.Builder
	line := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case line > 0 && line+1+n > columns:
			b.WriteByte('\n')
			line = 0
		case line > 0:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += n
	}
	return b.String()
}

// Show puts figures of the experiment's page below the cell, by their names; none where nothing is recorded.
func (r Recorded) Show(figures ...string) {
	for _, name := range figures {
		if r.Seeds > 0 {
			Show(r.figure(name))
		}
	}
}

func (r Recorded) figure(name string) (*plots.Figure, error) {
	var names []string
	for _, section := range r.Sections {
		for _, f := range section.Figures {
			if f.Name == name {
				return f.Plot, nil
			}
			names = append(names, f.Name)
		}
	}
	return nil, fmt.Errorf("expected a figure of %s, one of %q, found %q", r.name, names, name)
}
