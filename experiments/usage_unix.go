//go:build unix

package experiments

import (
	"runtime"
	"syscall"
)

// Usage is what this process has used so far: processor seconds of all cores together, and its largest memory in bytes.
func Usage() (processor float64, peak int64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, 0
	}
	peak = int64(u.Maxrss)
	if runtime.GOOS != "darwin" { // kilobytes but there
		peak *= 1024
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6, peak
}
