package attention

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Array holds float32 values in row-major order: the last axis of Shape runs fastest.
type Array struct {
	Shape []int
	Data  []float32
}

// Run computes the scores e [N, L], the weights alpha [N, L] and the contexts z [N, D] of [Attend]. The arrays of in go
// by the names of the equations: "a" [N, L, D], "h" [N, H], "W_a" [A, D], "W_h" [A, H], "b" [A] and "v" [A]; others
// are not looked at. It returns an error that names the array when one is missing or has another shape.
func Run(backend compute.Backend, in map[string]Array) (e, alpha, z Array, err error) {
	names := []string{"a", "h", "W_a", "W_h", "b", "v"}
	if err := check(in, names); err != nil {
		return e, alpha, z, err
	}
	args := make([]any, len(names))
	for i, name := range names {
		args[i] = tensors.FromFlatDataAndDimensions(in[name].Data, in[name].Shape...)
	}
	attend := func(x []*Node) []*Node {
		e, alpha, z := Attend(x[0], x[1], x[2], x[3], x[4], x[5])
		return []*Node{e, alpha, z}
	}
	exec, err := graph.NewExec(backend, attend)
	if err != nil {
		return e, alpha, z, err
	}
	defer exec.Finalize()
	out, err := exec.Call(args...)
	if err != nil {
		return e, alpha, z, fmt.Errorf("the backend %s cannot compute attention: %w", backend.Name(), err)
	}
	for i, to := range []*Array{&e, &alpha, &z} {
		to.Shape = slices.Clone(out[i].Shape().Dimensions)
		if to.Data, err = tensors.CopyFlatData[float32](out[i]); err != nil {
			return e, alpha, z, err
		}
	}
	return e, alpha, z, nil
}

// check tests that every array is there, is whole, and agrees with the others on N, D, H and A.
func check(in map[string]Array, names []string) error {
	ranks := map[string]int{"a": 3, "h": 2, "W_a": 2, "W_h": 2, "b": 1, "v": 1}
	for _, name := range names {
		x, ok := in[name]
		if !ok {
			return fmt.Errorf("expected an array called %q, found none: attention needs %q", name, names)
		}
		if len(x.Shape) != ranks[name] {
			return fmt.Errorf("expected %d axes for %q, found the shape %v", ranks[name], name, x.Shape)
		}
		size := 1
		for _, d := range x.Shape {
			if d < 1 {
				return fmt.Errorf("expected no empty axis for %q, found the shape %v", name, x.Shape)
			}
			size *= d
		}
		if size != len(x.Data) {
			return fmt.Errorf("expected %d numbers for %q of shape %v, found %d", size, name, x.Shape, len(x.Data))
		}
	}
	N, D := in["a"].Shape[0], in["a"].Shape[2]
	H := in["h"].Shape[1]
	A := in["v"].Shape[0]
	for _, want := range []struct {
		name  string
		axes  string
		shape []int
	}{
		{"h", "[N, H], with the N of a", []int{N, H}},
		{"W_a", "[A, D], with the A of v and the D of a", []int{A, D}},
		{"W_h", "[A, H], with the A of v and the H of h", []int{A, H}},
		{"b", "[A], with the A of v", []int{A}},
	} {
		if got := in[want.name].Shape; !slices.Equal(got, want.shape) {
			return fmt.Errorf("expected the shape %v for %q (%s), found %v", want.shape, want.name, want.axes, got)
		}
	}
	return nil
}
