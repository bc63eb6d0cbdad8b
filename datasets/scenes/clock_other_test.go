//go:build !unix

package scenes

import "time"

var started = time.Now()

// clock is the time of day where the processor time cannot be asked for.
func clock() time.Duration { return time.Since(started) }
