// Package history looks back on runs: it lists run folders, compares runs, gathers their curves, and removes what nobody needs
// any more. Everything it says comes from the plain files of the folders. The index (index.go) only remembers what was read, so
// that long lists are quick: without it, or with a damaged one, the answers are the same.
//
// The parts: entry.go (one run as lists show it), list.go (many), index.go; figure.go (results with intervals), curve.go and
// overlay.go (what was recorded at every step), group.go (runs that differ in their seed alone), diff.go (what differs);
// remove.go and gc.go (what may go).
package history
