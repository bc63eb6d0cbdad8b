// Package weights moves a model's variables between a GoMLX store and safetensors files. The variable
// /visual/proj/weight is the tensor visual.proj.weight.
package weights

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	gomlx "github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// Name is the name in a file of the variable with the given path.
func Name(path string) string { return strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", ".") }

// Path is the path of the variable with the given name in a file.
func Path(name string) string { return "/" + strings.ReplaceAll(name, ".", "/") }

// FromStore copies the variables whose paths keep accepts. One without a value is an error: a training step that
// failed half-way leaves such ones behind.
func FromStore(store *model.Store, keep func(path string) bool) (map[string]safetensors.Tensor, error) {
	out := map[string]safetensors.Tensor{}
	for v := range store.IterVariables() {
		if !keep(v.Path()) {
			continue
		}
		if Path(Name(v.Path())) != v.Path() {
			return nil, fmt.Errorf("cannot name the variable %s in a file: expected a path without dots, because dots stand for slashes", v.Path())
		}
		value, err := v.Value()
		if err != nil {
			return nil, fmt.Errorf("cannot read the variable %s: %w", v.Path(), err)
		}
		tensor, err := FromTensor(value)
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", v.Path(), err)
		}
		out[Name(v.Path())] = tensor
	}
	return out, nil
}

// IntoStore creates or overwrites a variable of store for every tensor, in the order of their names. A variable that
// exists already keeps its type and dimensions: tensors of others are an error, and then no variable is changed.
func IntoStore(store *model.Store, tensors map[string]safetensors.Tensor) error {
	names := slices.Sorted(maps.Keys(tensors))
	values := make([]*gomlx.Tensor, len(names))
	for i, name := range names {
		value, err := ToTensor(tensors[name])
		if err != nil {
			return fmt.Errorf("tensor %s: %w", name, err)
		}
		if Name(Path(name)) != name {
			return fmt.Errorf("tensor %s: expected a name without slashes, because dots stand for them", name)
		}
		if v := store.GetVariable(Path(name)); v != nil && !v.Shape().Equal(value.Shape()) {
			return fmt.Errorf("tensor %s: expected %s, as the variable %s has, found %s; the file belongs to another configuration",
				name, v.Shape(), v.Path(), value.Shape())
		}
		values[i] = value
	}
	for i, name := range names {
		var err error
		if v := store.GetVariable(Path(name)); v != nil {
			err = v.SetValue(values[i])
		} else {
			_, err = store.CreateVariable(Path(name), values[i])
		}
		if err != nil {
			return fmt.Errorf("cannot set the variable %s: %w", Path(name), err)
		}
	}
	return nil
}

// FromTensor copies a tensor of one of the types that models here use.
func FromTensor(value *gomlx.Tensor) (t safetensors.Tensor, err error) {
	dims := value.Shape().Dimensions
	switch value.DType() {
	case dtypes.Float32:
		err = gomlx.ConstFlatData(value, func(flat []float32) { t = safetensors.FromFloat32s(flat, dims...) })
	case dtypes.Int32:
		err = gomlx.ConstFlatData(value, func(flat []int32) { t = safetensors.FromInt32s(flat, dims...) })
	case dtypes.Uint64:
		err = gomlx.ConstFlatData(value, func(flat []uint64) { t = safetensors.FromUint64s(flat, dims...) })
	default:
		err = fmt.Errorf("expected float32, int32 or uint64, found %s", value.DType())
	}
	return t, err
}

// ToTensor copies a tensor read from a file.
func ToTensor(t safetensors.Tensor) (*gomlx.Tensor, error) {
	switch t.DType {
	case safetensors.F32:
		return build(t.Float32s, t.Shape)
	case safetensors.I32:
		return build(t.Int32s, t.Shape)
	case safetensors.U64:
		return build(t.Uint64s, t.Shape)
	}
	return nil, fmt.Errorf("expected the type F32, I32 or U64, found %s", t.DType)
}

func build[T float32 | int32 | uint64](read func() ([]T, error), dims []int) (*gomlx.Tensor, error) {
	values, err := read()
	if err != nil {
		return nil, err
	}
	n := 1
	for _, d := range dims {
		n *= d
	}
	if n == 0 || n != len(values) {
		return nil, fmt.Errorf("expected numbers in a tensor of shape %v, found %d", dims, len(values))
	}
	return gomlx.FromFlatDataAndDimensions(values, dims...), nil
}
