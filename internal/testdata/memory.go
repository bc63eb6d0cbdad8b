package testdata

import (
	"runtime"
	"testing"
)

// Allocated is how many bytes are allocated in all while f runs, whether they are freed meanwhile or not. What other goroutines
// allocate counts too.
func Allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// Bounded fails the test when reading n bytes from a stranger allocates more than factor times as many and 1 MiB, and more besides.
func Bounded(t testing.TB, n, factor int, more int64, read func()) {
	t.Helper()
	if most, found := int64(factor)*int64(n)+1<<20+more, Allocated(read); found > most {
		t.Errorf("expected at most %d bytes of memory to read %d bytes, found %d", most, n, found)
	}
}
