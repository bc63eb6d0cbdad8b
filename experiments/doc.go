// Package experiments is what a run is: a typed configuration, a seed, a folder with everything that happened, one
// training function for every paper, and the list of experiments that the command line offers.
//
// The parts, in the order data flows through them: config.go (settings and their overrides), run.go (the run folder),
// train.go and adamw.go (the training function), checkpoint.go (the state of a training on disk).
// The experiments themselves are in the folders below this one.
package experiments
