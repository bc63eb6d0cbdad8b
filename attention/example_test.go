package attention_test

import (
	"fmt"
	"math"

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

// The gradient walk, with numbers to follow by pencil. Two places have the features (1, 0) and (0, 1), and score 0 and
// ln 3 (the atanh is there to make that come out), so alpha is (1/4, 3/4) and z the same. Let dL/dz be (2, -2): the loss
// would fall if z had less of the first feature and more of the second.
//
//	dL/dalpha = (dL/dz . a_1, dL/dz . a_2) = (2, -2)
//	mean      = 1/4 * 2 + 3/4 * -2 = -1
//	dL/de     = (1/4 * (2 + 1), 3/4 * (-2 + 1)) = (3/4, -3/4)
//
// Going downhill lowers the score of place 1 and raises that of place 2. The same gradient reaches W_a through tanh,
// whose slope is 1 at place 1 (where it is 0) and 1 - (ln(3)/2)^2 at place 2.
func ExampleWalk() {
	half := math.Log(3) / 2
	f, g, err := attention.Walk(attention.Picture{
		A:   [][]float64{{1, 0}, {0, 1}},
		H:   []float64{1},
		W_a: [][]float64{{0, math.Atanh(half)}},
		W_h: [][]float64{{0}},
		B:   []float64{0},
		V:   []float64{2},
	}, []float64{2, -2}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("e = %.3f, alpha = %.2f, z = %.2f\n", f.E, f.Alpha, f.Z)
	fmt.Printf("dL/dz     = %5.2f\n", g.Z)
	fmt.Printf("dL/dalpha = %5.2f\n", g.Alpha)
	fmt.Printf("dL/de     = %5.2f\n", g.E)
	fmt.Printf("dL/dv     = %5.2f   (-3/4 of tanh = %.3f)\n", g.V, half)
	fmt.Printf("dL/dW_a   = %5.2f   (3/4 * 2 * 1, -3/4 * 2 * %.3f)\n", g.W_a[0], 1-half*half)
	fmt.Printf("dL/dW_h   = %5.2f   (their sum, as h = 1)\n", g.W_h[0])
	// Output:
	// e = [0.000 1.099], alpha = [0.25 0.75], z = [0.25 0.75]
	// dL/dz     = [ 2.00 -2.00]
	// dL/dalpha = [ 2.00 -2.00]
	// dL/de     = [ 0.75 -0.75]
	// dL/dv     = [-0.41]   (-3/4 of tanh = 0.549)
	// dL/dW_a   = [ 1.50 -1.05]   (3/4 * 2 * 1, -3/4 * 2 * 0.698)
	// dL/dW_h   = [ 0.45]   (their sum, as h = 1)
}
