package demo

import "github.com/glimpse-ml/glimpse/experiments"

// All are the experiments of `make demo`, in the order they are run.
func All() []experiments.Experiment {
	return []experiments.Experiment{CLIP(), CaptionerExperiment()}
}
