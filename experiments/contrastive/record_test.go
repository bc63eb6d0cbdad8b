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
	page, err := os.ReadFile(filepath.Join(root, ResultsPage))
	if len(recorded.Runs) == 0 && os.IsNotExist(err) {
		t.Logf("no results are recorded in %s yet, and there is no page: `glimpse report clip RUN...` writes both", recordedFile)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != recorded.page() {
		t.Errorf("%s differs from what its runs say: write it with `glimpse report clip`", ResultsPage)
	}
	for _, name := range recorded.experiments() {
		if _, err := os.Stat(filepath.Join(root, curvesName(name))); err != nil {
			t.Error(err)
		}
	}
}

func TestRecordRefuses(t *testing.T) {
	run, _, err := quick(t, open(t, "go"), LiT(), 1, "train.steps=2", "limit=200")
	if err != nil {
		t.Fatal(err)
	}
	root := checkout(t)
	if err := RecordResults(t.TempDir(), []string{run.Dir}, nil); err == nil || !strings.Contains(err.Error(), "expected a checkout") {
		t.Errorf("no checkout: %v", err)
	}
	if err := RecordResults(root, []string{run.Dir}, nil); err == nil || !strings.Contains(err.Error(), "expected a full run") {
		t.Errorf("a quick run: %v", err)
	}
	if err := RecordResults(root, []string{root}, nil); err == nil {
		t.Error("a folder without a run was recorded")
	}
	if _, err := os.Stat(filepath.Join(root, ResultsPage)); err == nil {
		t.Error("a page was written")
	}
}

// checkout is a folder that looks like the lab's.
func checkout(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "docs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "go.mod"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

// likeRecorded are runs like the first recorded one, with the seeds 1, 2, ...
func likeRecorded(t *testing.T, n int) Recorded {
	t.Helper()
	recorded, err := readRecorded(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(recorded.Runs) == 0 {
		t.Fatalf("expected recorded runs in %s, found none", recordedFile)
	}
	var r Recorded
	for i := range n {
		r.Runs = append(r.Runs, recorded.Runs[0])
		r.Runs[i].Seed = int64(i + 1)
	}
	return r
}

// Runs that are averaged differ in their seeds alone.
func TestRunsOfOneConfiguration(t *testing.T) {
	if err := likeRecorded(t, 3).check(); err != nil {
		t.Error(err)
	}
	other := likeRecorded(t, 3)
	other.Runs[2].Config = []byte(strings.Replace(string(other.Runs[2].Config), `"batch_size": `, `"batch_size": 1`, 1))
	if err := other.check(); err == nil || !strings.Contains(err.Error(), "found seed 3 with other settings") || !strings.Contains(err.Error(), "batch_size=1") {
		t.Errorf("another batch size: %v", err)
	}
	other = likeRecorded(t, 2)
	other.Runs[1].Report.Training--
	if err := other.check(); err == nil || !strings.Contains(err.Error(), "--tried") {
		t.Errorf("other data: %v", err)
	}
}

// A bar is reached or missed by three seeds, not by fewer.
func TestVerdictTakesThreeSeeds(t *testing.T) {
	for n, want := range map[int]string{1: "| of 3 seeds: 1 |", 2: "| of 3 seeds: 2 |", 3: "| reached |"} {
		r := likeRecorded(t, n)
		name := r.Runs[0].Experiment
		story := stories()[name]
		for i := range story.bars {
			story.bars[i].least = 0
		}
		var b strings.Builder
		writeBars(&b, story, r.Runs)
		if !strings.Contains(b.String(), want) {
			t.Errorf("%d seeds: expected %q in %s", n, want, b.String())
		}
	}
}

func TestDifference(t *testing.T) {
	a, b := []byte(`{"x":1,"train":{"steps":3,"lr":0.1},"old":true,"final":false}`), []byte(`{"x":1,"train":{"steps":4,"lr":0.1},"mask":true,"final":true}`)
	if got, want := difference(a, b), "`mask=none old=true train.steps=3`"; got != want {
		t.Errorf("expected %s, found %s", want, got)
	}
}
