//go:build race

package scenes

func init() { raceEnabled = true }
