package lesson

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/docs/results"
	studies "github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/plots"
)

// Recorded is what full runs of an experiment have found: they take too long for a notebook.
type Recorded struct {
	studies.Told
	name  string
	Seeds int // runs, each of another seed
}

// Study is an experiment with its page.
type Study = studies.Study

// OpenRecorded opens what is recorded of an experiment below experiments/built, and prints its answer.
func OpenRecorded(study Study) Recorded {
	told, seeds, err := study.Recorded(results.Built)
	Check(err)
	fmt.Printf("%s, recorded seeds: %d\n%s\n", study.Experiment.Name, seeds, told.Answer)
	return Recorded{told, study.Experiment.Name, seeds}
}

// Figure is one of the figures of its page, for [Show].
func (r Recorded) Figure(name string) (*plots.Figure, error) {
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
