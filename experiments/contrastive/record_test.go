package contrastive

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The page says what the recorded runs say.
func TestPageAgreesWithRecordedRuns(t *testing.T) {
	root := filepath.Join("..", "..")
	recorded, err := readRecorded(root)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, resultsPage))
	if len(recorded.Runs) == 0 && os.IsNotExist(err) {
		t.Logf("no results are recorded in %s yet, and there is no page: `glimpse report clip RUN...` writes both", recordedFile)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != recorded.page() {
		t.Errorf("%s differs from what its runs say: write it with `glimpse report clip`", resultsPage)
	}
	for _, name := range recorded.experiments() {
		if _, err := os.Stat(filepath.Join(root, curvesName(name))); err != nil {
			t.Error(err)
		}
	}
}

// Student's t by hand: three values with mean 2 and standard deviation 1 have the half width 4.303/sqrt(3).
func TestOverSeeds(t *testing.T) {
	mean, half := overSeeds([]float64{1, 2, 3})
	if mean != 2 || half < 2.4843 || half > 2.4845 {
		t.Errorf("mean %g ± %g", mean, half)
	}
}

func TestRecordRefuses(t *testing.T) {
	run, _, err := quick(t, open(t, "go"), LiT(), 1, "train.steps=2", "limit=200")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := RecordResults(root, []string{run.Dir}, nil); err == nil || !strings.Contains(err.Error(), "expected a full run") {
		t.Errorf("a quick run: %v", err)
	}
	if err := RecordResults(root, []string{root}, nil); err == nil {
		t.Error("a folder without a run was recorded")
	}
	if _, err := os.Stat(filepath.Join(root, resultsPage)); err == nil {
		t.Error("a page was written")
	}
}

func TestDifference(t *testing.T) {
	a, b := []byte(`{"x":1,"train":{"steps":3,"lr":0.1},"old":true,"final":false}`), []byte(`{"x":1,"train":{"steps":4,"lr":0.1},"mask":true,"final":true}`)
	if got, want := difference(a, b), "`mask=none old=true train.steps=3`"; got != want {
		t.Errorf("expected %s, found %s", want, got)
	}
}
