package studies

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
)

// The pages say what the recorded runs say.
func TestPagesAgreeWithRecordedRuns(t *testing.T) {
	for _, series := range []lesson.Series{Claims(), BuiltOnCLIP()} {
		if err := lesson.CheckPages(filepath.Join("..", "..", ".."), series); err != nil {
			t.Error(err)
		}
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(s.Name) || seen[s.Name] || s.Title == "" || s.Experiment.Summary == "" {
			t.Errorf("expected a name of its own in lower case, a title and a summary, found %q, %q, %q", s.Name, s.Title, s.Experiment.Summary)
		}
		seen[s.Name] = true
	}
}
