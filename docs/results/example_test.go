package results_test

import (
	"fmt"
	"io/fs"

	"github.com/glimpse-ml/glimpse/docs/results"
)

func Example() {
	files, err := fs.Glob(results.Built, "built-guided.json")
	fmt.Println(files, err)
	// Output: [built-guided.json] <nil>
}
