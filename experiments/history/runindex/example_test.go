package runindex_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/glimpse-ml/glimpse/experiments/history"
	"github.com/glimpse-ml/glimpse/experiments/history/runindex"
)

// What was read of a run is there for the next list, until the file is deleted.
func ExampleIndex() {
	dir, err := os.MkdirTemp("", "runindex-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	index := runindex.New(filepath.Join(dir, "runs.sqlite"))
	index.Store("/runs", map[string]history.Remembered{"first": {Stamp: "12 bytes", Value: []byte("{}")}}, nil)
	fmt.Println(index.Load("/runs")["first"].Stamp, len(index.Load("/other")))
	// Output: 12 bytes 0
}
