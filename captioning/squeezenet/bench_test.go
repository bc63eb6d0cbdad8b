package squeezenet_test

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/captioning/squeezenet"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// cpuTime is what all threads of this process have used together.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkFeatures measures pictures a second in the best batch, which is what an idle machine would do, and the processor
// time of the cheapest batch.
func BenchmarkFeatures(b *testing.B) {
	weights := filepath.Join(testdata.Data(b, "squeezenet"), "squeezenet1_0.safetensors")
	for _, config := range []string{"go", "onnx:cpu"} {
		open, err := backend.OpenNamed(config)
		if err != nil {
			b.Log(err)
			continue
		}
		defer open.Finalize()
		for _, size := range []int{112, 128, 160, 224} {
			for _, batch := range []int{1, 4, 8, 16, 32} {
				b.Run(fmt.Sprintf("%s/size=%d/batch=%d", config, size, batch), func(b *testing.B) {
					e, err := squeezenet.NewExtractor(open.Backend, weights, size, batch)
					if err != nil {
						b.Fatal(err)
					}
					defer e.Close()
					pictures := make([][]uint8, 2*batch)
					for i := range pictures {
						pictures[i] = make([]uint8, 3*size*size)
						for j := range pictures[i] {
							pictures[i][j] = uint8(i + j*j>>3)
						}
					}
					best, cpu := time.Hour, time.Hour
					for b.Loop() {
						start, busy := time.Now(), cpuTime()
						if _, err := e.Features(pictures); err != nil {
							b.Fatal(err)
						}
						best, cpu = min(best, time.Since(start)), min(cpu, cpuTime()-busy)
					}
					b.ReportMetric(float64(len(pictures))/best.Seconds(), "pictures/s")
					b.ReportMetric(1e3*cpu.Seconds()/float64(len(pictures)), "cpu-ms/picture")
				})
			}
		}
	}
}
