package torchfile

import (
	"slices"
	"testing"
)

// wantTensor checks name, shape and numbers.
func wantTensor(t *testing.T, f *File, name string, shape []int, values ...float32) {
	t.Helper()
	tensor, ok := f.Get(name)
	if !ok {
		t.Errorf("no tensor %q among %q", name, f.Names())
		return
	}
	got, err := tensor.AsFloat32s()
	if err != nil || !slices.Equal(got, values) || !slices.Equal(tensor.Shape, shape) {
		t.Errorf("%s is %v of shape %v (%v), want %v of shape %v", name, got, tensor.Shape, err, values, shape)
	}
}
