//go:build !unix

package experiments

// Usage is not known on this system.
func Usage() (processor float64, peak int64) { return 0, 0 }
