package experiments

import (
	"math"
	"runtime"
	"testing"
)

// Work costs processor time, and what was touched counts as memory.
func TestUsage(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("measured on Linux alone")
	}
	before, _ := Usage()
	sum, touched := 0.0, make([]byte, 64<<20)
	for i := range touched {
		touched[i] = byte(i)
		sum += math.Sqrt(float64(i))
	}
	processor, peak := Usage()
	if processor <= before || peak < 64<<20 || sum == 0 {
		t.Errorf("%g and then %g processor seconds, %d bytes", before, processor, peak)
	}
	runtime.KeepAlive(touched)
}
