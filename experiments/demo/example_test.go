package demo_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/experiments/demo"
)

// The two experiments of `make demo`.
func ExampleAll() {
	for _, e := range demo.All() {
		fmt.Println(e.Name)
	}
	// Output:
	// clip
	// captioner
}
