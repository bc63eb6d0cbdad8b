//go:build cgo && !noxla && linux

package backendtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// The plugin makes an error of an argument on another device than the one that it is for, and the backend names its devices.
func TestXLAHoldsBuffersAgainstTheRules(t *testing.T) {
	b, xla := OpenXLA(t, 3)
	if names := b.DeviceNames(); len(names) != 3 || !strings.Contains(names[2], "TestDevice(id=2)") {
		t.Errorf("found the devices %q", names)
	}
	shape := shapes.Make(dtypes.Float32, 2)
	builder := b.Builder("negate")
	main := builder.Main()
	x, err := main.Parameter("x", shape, nil)
	if err != nil {
		t.Fatal(err)
	}
	y, err := main.Neg(x)
	if err != nil {
		t.Fatal(err)
	}
	if err := main.Return([]compute.Value{y}, nil); err != nil {
		t.Fatal(err)
	}
	program, err := builder.Compile()
	if err != nil {
		t.Fatal(err)
	}
	buffer, err := b.BufferFromFlatData(1, []float32{1, 2}, shape)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := program.Execute([]compute.Buffer{buffer}, nil, 0); err == nil || !strings.Contains(err.Error(), "expected a buffer on device 0, found one on 1") {
		t.Errorf("a buffer on another device: %v", err)
	}
	if _, err := program.Execute([]compute.Buffer{buffer}, nil, 1); err != nil {
		t.Error(err)
	}
	p := xla.Programs(t)
	if len(p) != 1 || !slices.Equal(p[0].Arguments, []Placed{{"x", "2xf32", "none"}}) || !slices.Equal(p[0].Result, []Placed{{"", "2xf32", "none"}}) {
		t.Errorf("found %+v", p)
	}
	if n := xla.Executions(t); !slices.Equal(n, []int{0}) { // it counts device 0, which got nothing
		t.Errorf("found %v executions on device 0", n)
	}
}
