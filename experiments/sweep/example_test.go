package sweep_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/experiments/sweep"
)

// Successive halving of 27 settings: a third of them goes on with three times the steps.
func ExamplePlanHalving() {
	rungs, err := sweep.PlanHalving(27, 3, 0, 900)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range rungs {
		fmt.Println(r.Settings, "settings,", r.Budget, "steps each")
	}
	// Output:
	// 27 settings, 33 steps each
	// 9 settings, 100 steps each
	// 3 settings, 300 steps each
	// 1 settings, 900 steps each
}

// A setting that is searched, as --over takes it.
func ExampleParseDimension() {
	d, err := sweep.ParseDimension("train.optimizer.lr=log(1e-4..1e-2)")
	fmt.Println(d.Key, d.Text, err)
	_, err = sweep.ParseDimension("train.optimizer.lr")
	fmt.Println(err != nil)
	// Output:
	// train.optimizer.lr log(1e-4..1e-2) <nil>
	// true
}
