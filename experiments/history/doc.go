// Package history looks back on runs: it lists run folders, compares runs, gathers their curves, and removes what nobody needs
// any more. Everything it says comes from the plain files of the folders.
//
// The parts: entry.go (one run as lists show it), list.go (many), remembered.go (so that long lists are quick); figure.go (results
// with intervals), curve.go and overlay.go (what was recorded at every step), group.go and seeds.go (runs that differ in their seed
// alone), compare.go and diff.go (what differs); remove.go and gc.go (what may go).
package history
