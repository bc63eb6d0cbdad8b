package pointing_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/pointing"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// How many drawn scenes each form of the experiment is tested with.
func ExampleDefaults() {
	for _, form := range []experiments.Form{experiments.Quick, experiments.Full} {
		c := pointing.Defaults(form, backend.Go)
		fmt.Printf("%s: %d scenes of %d to %d objects\n", form, c.HeldOut, c.Drawing.MinObjects, c.Drawing.MaxObjects)
	}
	fmt.Println(pointing.Experiment().Name)
	// Output:
	// quick: 300 scenes of 1 to 1 objects
	// full: 2000 scenes of 2 to 2 objects
	// captions/scenes
}
