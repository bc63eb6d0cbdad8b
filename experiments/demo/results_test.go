package demo

import (
	"os"
	"path/filepath"
	"testing"
)

// The pages say what the recorded runs say.
func TestPagesAgreeWithRecordedRuns(t *testing.T) {
	root := filepath.Join("..", "..")
	recorded, err := readRecorded(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(recorded) == 0 {
		t.Fatalf("no results are recorded in %s: run `glimpse demo --record`", recordedFile)
	}
	page, err := os.ReadFile(filepath.Join(root, resultsPage))
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != resultsText(recorded) {
		t.Errorf("%s differs from what its runs say: write it with `glimpse demo --record`", resultsPage)
	}
	readme, err := os.ReadFile(filepath.Join(root, readmePage))
	if err != nil {
		t.Fatal(err)
	}
	want, err := withResults(string(readme), recorded)
	if err != nil {
		t.Fatal(err)
	}
	if string(readme) != want {
		t.Errorf("the table in README.md differs from what its runs say: write it with `glimpse demo --record`")
	}
}
