//go:build unix

package scenes

import (
	"syscall"
	"time"
)

// clock is the processor time of this process. Unlike the time of day it does not run faster when other programs
// share the core.
func clock() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
