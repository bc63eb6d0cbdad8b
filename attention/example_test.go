package attention_test

import (
	"fmt"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/glimpse-ml/glimpse/attention"
)

// Four places of a picture get the scores 2.1, 0.5, 0.8 and -0.3. The first is worth almost two thirds of the look.
func ExampleSoftmax() {
	backend, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer backend.Finalize()
	alpha, err := graph.CallOnce(backend, attention.Softmax, [][]float32{{2.1, 0.5, 0.8, -0.3}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f\n", alpha.Value().([][]float32)[0])
	// Output: [0.639 0.129 0.174 0.058]
}

// One picture of two places with two features each; the decoder's state makes the second place fit better.
func ExampleRun() {
	backend, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer backend.Finalize()
	e, alpha, z, err := attention.Run(backend, map[string]attention.Array{
		"a":   {Shape: []int{1, 2, 2}, Data: []float32{1, 0 /* place 1 */, 0, 1 /* place 2 */}},
		"h":   {Shape: []int{1, 1}, Data: []float32{1}},
		"W_a": {Shape: []int{1, 2}, Data: []float32{-1, 1}},
		"W_h": {Shape: []int{1, 1}, Data: []float32{0.5}},
		"b":   {Shape: []int{1}, Data: []float32{0}},
		"v":   {Shape: []int{1}, Data: []float32{2}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("e = %.2f\nalpha = %.2f\nz = %.2f\n", e.Data, alpha.Data, z.Data)
	// Output:
	// e = [-0.92 1.81]
	// alpha = [0.06 0.94]
	// z = [0.06 0.94]
}
