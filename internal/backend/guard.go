//go:build cgo && linux && (onnx || !noxla)

package backend

import (
	"fmt"

	"github.com/gomlx/compute"
)

// breakdown is what is left of a panic.
type breakdown struct{ error }

// guard turns a panic of a library's Go code into an error.
func guard(open func() (compute.Backend, error)) (b compute.Backend, err error) {
	defer func() {
		if r := recover(); r != nil {
			b, err = nil, &breakdown{fmt.Errorf("it broke down: %v", r)}
		}
	}()
	return open()
}
