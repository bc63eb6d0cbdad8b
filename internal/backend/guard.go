//go:build cgo && linux && (onnx || !noxla)

package backend

import (
	"fmt"
	"runtime"

	"github.com/gomlx/compute"
)

// breakdown is what is left of a panic.
type breakdown struct{ error }

// guard turns a panic of a library's Go code into an error. It stays on one thread: compute-onnx and go-xla call dlopen
// and then dlerror, which the C library answers for each thread, so that another one now and then knows no reason.
func guard(open func() (compute.Backend, error)) (b compute.Backend, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() {
		if r := recover(); r != nil {
			b, err = nil, &breakdown{fmt.Errorf("it broke down: %v", r)}
		}
	}()
	return open()
}
