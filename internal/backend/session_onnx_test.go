//go:build cgo && onnx && linux

package backend

import (
	"os"
	"runtime"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
)

// A graph brings the threads that were asked for, but for the one that calls it. When this fails after an update of
// compute-onnx, the function that session_onnx.go takes the place of has another name or form.
func TestThreadsOfONNX(t *testing.T) {
	b, err := OpenNamed("onnx")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	const wanted = 24
	setThreads(wanted)
	defer setThreads(runtime.GOMAXPROCS(0))
	before := threads(t)
	exec := graph.MustNewExec(b.Backend, func(x *graph.Node) *graph.Node { return graph.MatMul(x, x) })
	defer exec.Finalize()
	if _, err := exec.Call1([][]float32{{1, 2}, {3, 4}}); err != nil {
		t.Fatal(err)
	}
	if more := threads(t) - before; more < wanted-1 {
		t.Errorf("expected at least %d more threads, found %d", wanted-1, more)
	}
}

func threads(t *testing.T) int {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}
