// Package weights moves a model's variables between a GoMLX store and safetensors files. The variable
// /visual/proj/weight is the tensor visual.proj.weight.
package weights

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// Name is the name in a file of the variable with the given path.
func Name(path string) string { return strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", ".") }

// Path is the path of the variable with the given name in a file.
func Path(name string) string { return "/" + strings.ReplaceAll(name, ".", "/") }

// FromStore copies the variables whose paths keep accepts.
func FromStore(store *model.Store, keep func(path string) bool) (map[string]safetensors.Tensor, error) {
	out := map[string]safetensors.Tensor{}
	for v := range store.IterVariables() {
		if !keep(v.Path()) || !v.HasValue() {
			continue
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

// IntoStore creates or overwrites a variable of store for every tensor.
func IntoStore(store *model.Store, tensors map[string]safetensors.Tensor) error {
	for name, t := range tensors {
		value, err := ToTensor(t)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", name, err)
		}
		if v := store.GetVariable(Path(name)); v != nil {
			err = v.SetValue(value)
		} else {
			_, err = store.CreateVariable(Path(name), value)
		}
		if err != nil {
			return fmt.Errorf("cannot set the variable %s: %w", Path(name), err)
		}
	}
	return nil
}

// FromTensor copies a tensor of one of the types that models here use.
func FromTensor(value *tensors.Tensor) (t safetensors.Tensor, err error) {
	dims := value.Shape().Dimensions
	switch value.DType() {
	case dtypes.Float32:
		err = tensors.ConstFlatData(value, func(flat []float32) { t = safetensors.FromFloat32s(flat, dims...) })
	case dtypes.Int32:
		err = tensors.ConstFlatData(value, func(flat []int32) { t = safetensors.FromInt32s(flat, dims...) })
	case dtypes.Uint64:
		err = tensors.ConstFlatData(value, func(flat []uint64) { t = safetensors.FromUint64s(flat, dims...) })
	default:
		err = fmt.Errorf("expected float32, int32 or uint64, found %s", value.DType())
	}
	return t, err
}

// ToTensor copies a tensor read from a file.
func ToTensor(t safetensors.Tensor) (*tensors.Tensor, error) {
	switch t.DType {
	case safetensors.F32:
		values, err := t.Float32s()
		if err != nil {
			return nil, err
		}
		return tensors.FromFlatDataAndDimensions(values, t.Shape...), nil
	case safetensors.I32:
		values, err := t.Int32s()
		if err != nil {
			return nil, err
		}
		return tensors.FromFlatDataAndDimensions(values, t.Shape...), nil
	case safetensors.U64:
		values, err := t.Uint64s()
		if err != nil {
			return nil, err
		}
		return tensors.FromFlatDataAndDimensions(values, t.Shape...), nil
	}
	return nil, fmt.Errorf("expected the type F32, I32 or U64, found %s", t.DType)
}
