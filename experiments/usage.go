package experiments

import (
	"fmt"

	"github.com/dustin/go-humanize"
)

// Used is what a run used of its machine; 0 for what is not known.
type Used struct {
	Processor float64 `json:"processor_seconds,omitempty"` // of all cores together
	Peak      int64   `json:"peak_memory_bytes,omitempty"` // the largest memory of one of its processes
}

// Describe is "12.3 s of processor time, at most 610 MiB of memory", "" where nothing is known.
func (u Used) Describe() string {
	if u.Peak == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f s of processor time, at most %s of memory", u.Processor, humanize.IBytes(uint64(u.Peak)))
}

// Usage is what the run has used so far, in all processes that worked on it, as far as what they did was kept: processor seconds of all
// cores together, and the largest memory of one of them, in bytes. Other runs that a process did before, as a sweep's workers do,
// count for its memory alone.
func (env *Env) Usage() (processor float64, peak int64) {
	now, peak := Usage()
	return env.used + now - env.usedBefore, max(env.peak, peak)
}
