package experiments

// Used is what a run used of its machine; 0 for what is not known.
type Used struct {
	Processor float64 `json:"processor_seconds,omitempty"` // of all cores together
	Peak      int64   `json:"peak_memory_bytes,omitempty"` // the largest memory of one of its processes
}

// Usage is what the run has used so far, in all processes that worked on it, as far as what they did was kept: processor seconds of all
// cores together, and the largest memory of one of them, in bytes. Other runs that a process did before, as a sweep's workers do,
// count for its memory alone.
func (env *Env) Usage() (processor float64, peak int64) {
	now, peak := Usage()
	return env.used + now - env.usedBefore, max(env.peak, peak)
}
