package squeezenet

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// shapes lists every tensor of a weight file by torchvision's name. The variable of features.3.squeeze.weight is
// features/3/squeeze/weight in the scope of the model.
func shapes() map[string][]int {
	all := map[string][]int{}
	add := func(name string, out, in, kernel int) {
		all[name+".weight"] = []int{out, in, kernel, kernel}
		all[name+".bias"] = []int{out}
	}
	add("features.0", 96, 3, 7)
	in := 96
	for _, f := range fires {
		name := "features." + strconv.Itoa(f.index)
		add(name+".squeeze", f.squeeze, in, 1)
		add(name+".expand1x1", f.expand, f.squeeze, 1)
		add(name+".expand3x3", f.expand, f.squeeze, 3)
		in = 2 * f.expand
	}
	add("classifier.1", Classes, in, 1)
	return all
}

// Load reads a weight file in torchvision's names, of float32, into variables below scope. They are not trainable
// until someone says so. Nothing changes when a tensor is missing, unknown or of another shape.
func Load(scope *model.Scope, path string) error {
	file, err := safetensors.Load(path)
	if err != nil {
		return err
	}
	want := shapes()
	values := map[string]*tensors.Tensor{}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		t, ok := file.Get(name)
		if !ok {
			return fmt.Errorf("%s: expected SqueezeNet 1.0 with %d tensors in torchvision's names, found none called %q among %d",
				path, len(want), name, len(file.Tensors))
		}
		if !slices.Equal(t.Shape, want[name]) {
			return fmt.Errorf("%s: expected the shape %v for %q of SqueezeNet 1.0, found %v", path, want[name], name, t.Shape)
		}
		flat, err := t.Float32s()
		if err != nil {
			return fmt.Errorf("%s: tensor %q: %w", path, name, err)
		}
		values[name] = tensors.FromFlatDataAndDimensions(flat, t.Shape...)
	}
	for _, name := range file.Names() {
		if _, ok := want[name]; !ok {
			return fmt.Errorf("%s: expected SqueezeNet 1.0, found a tensor %q that it has no use for", path, name)
		}
	}
	for name, value := range values {
		if err := set(scope, name, value); err != nil {
			return err
		}
	}
	return nil
}

func set(scope *model.Scope, name string, value *tensors.Tensor) error {
	parts := strings.Split(name, ".")
	for _, part := range parts[:len(parts)-1] {
		scope = scope.At("%s", part)
	}
	v := scope.GetVariable(parts[len(parts)-1])
	if v == nil {
		var err error
		if v, err = scope.CreateVariable(parts[len(parts)-1], value); err != nil {
			return fmt.Errorf("cannot make the variable %s: %w", name, err)
		}
	} else if err := v.SetValue(value); err != nil {
		return fmt.Errorf("cannot set the variable %s: %w", v.Path(), err)
	}
	v.SetTrainable(false)
	return nil
}
