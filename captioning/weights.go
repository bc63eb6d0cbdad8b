package captioning

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// WeightShapes returns the shape of every weight of the decoder by its name, such as "lstm.weight_ih": [4H, E+D]. The
// variable's path is the name with a slash for the dot. Matrices are [out, in]; the LSTM's rows are in the order
// input, forget, cell, output gate, as PyTorch has them.
func (c Config) WeightShapes() map[string][]int {
	V, E, H, A, D := c.VocabSize, c.EmbedDim, c.Hidden, c.AttentionDim, c.FeatureDim
	shapes := map[string][]int{
		"embedding.weight": {V, E},
		"init_h.weight":    {H, D}, "init_h.bias": {H},
		"init_c.weight": {H, D}, "init_c.bias": {H},
		"lstm.weight_ih": {4 * H, E + D}, "lstm.bias_ih": {4 * H},
		"lstm.weight_hh": {4 * H, H}, "lstm.bias_hh": {4 * H},
	}
	if c.Attention != AttentionUniform {
		maps.Copy(shapes, map[string][]int{"att.W_a": {A, D}, "att.W_h": {A, H}, "att.b": {A}, "att.v": {A}})
	}
	if n := c.gateDim(); n > 0 {
		maps.Copy(shapes, map[string][]int{"gate.weight": {n, H}, "gate.bias": {n}})
	}
	if c.DeepOutput {
		maps.Copy(shapes, map[string][]int{"deep.L_o": {V, E}, "deep.L_h": {E, H}, "deep.L_z": {E, D}, "deep.bias": {V}})
	} else {
		maps.Copy(shapes, map[string][]int{"out.weight": {V, H}, "out.bias": {V}})
	}
	return shapes
}

// WeightShapes returns the shape of every weight of the decoder by its name, as [Config.WeightShapes] does.
func (c ShowAndTellConfig) WeightShapes() map[string][]int {
	V, E, H, F := c.VocabSize, c.EmbedDim, c.Hidden, c.FeatureDim
	return map[string][]int{
		"image_proj.weight": {E, F}, "image_proj.bias": {E}, "embedding.weight": {V, E},
		"lstm.weight_ih": {4 * H, E}, "lstm.bias_ih": {4 * H}, "lstm.weight_hh": {4 * H, H}, "lstm.bias_hh": {4 * H},
		"out.weight": {V, H}, "out.bias": {V},
	}
}

// LoadWeights puts tensors named as in [Config.WeightShapes] into the scope's variables, creating those that are not
// there yet. It returns an error, and changes nothing, when one is missing, left over or of another shape.
func LoadWeights(scope *model.Scope, cfg Config, weights map[string]safetensors.Tensor) error {
	shapes := cfg.WeightShapes()
	values := map[string]*tensors.Tensor{}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		shape, ok := shapes[name]
		if !ok {
			return fmt.Errorf("found a weight %q that this decoder has no use for; expected %q",
				name, slices.Sorted(maps.Keys(shapes)))
		}
		if !slices.Equal(weights[name].Shape, shape) {
			return fmt.Errorf("expected the shape %v for the weight %q, found %v; the weights belong to another configuration",
				shape, name, weights[name].Shape)
		}
		data, err := weights[name].Float32s()
		if err != nil {
			return fmt.Errorf("cannot read the weight %q: %w", name, err)
		}
		values[name] = tensors.FromFlatDataAndDimensions(data, shape...)
	}
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		if values[name] == nil {
			return fmt.Errorf("expected a weight %q of shape %v, found none", name, shapes[name])
		}
	}
	for name, value := range values {
		part, variable, _ := strings.Cut(name, ".")
		if old := scope.At("%s", part).GetVariable(variable); old != nil {
			if err := old.SetValue(value); err != nil {
				return fmt.Errorf("cannot set the weight %q: %w", name, err)
			}
		} else if _, err := scope.At("%s", part).CreateVariable(variable, value); err != nil {
			return fmt.Errorf("cannot create the weight %q: %w", name, err)
		}
	}
	return nil
}

// Weights returns the values of the scope's variables, named as in [Config.WeightShapes].
func Weights(scope *model.Scope, cfg Config) (map[string]safetensors.Tensor, error) {
	weights := map[string]safetensors.Tensor{}
	for name, shape := range cfg.WeightShapes() {
		part, variable, _ := strings.Cut(name, ".")
		v := scope.At("%s", part).GetVariable(variable)
		if v == nil || !v.HasValue() {
			return nil, fmt.Errorf("expected a variable with a value for the weight %q, found none; "+
				"train or load the decoder first", name)
		}
		if got := v.Shape().Dimensions; !slices.Equal(got, shape) {
			return nil, fmt.Errorf("expected the shape %v for the weight %q, found %v; the weights belong to another configuration",
				shape, name, got)
		}
		value, err := v.Value()
		if err != nil {
			return nil, fmt.Errorf("cannot read the weight %q: %w", name, err)
		}
		data, err := tensors.CopyFlatData[float32](value)
		if err != nil {
			return nil, fmt.Errorf("cannot read the weight %q: %w", name, err)
		}
		weights[name] = safetensors.FromFloat32s(data, shape...)
	}
	return weights, nil
}

// ConfigOf reads the sizes of a decoder off its weights: everything but the number of locations and what concerns
// training, which take the values of [Small]. Soft and hard attention have the same weights; it says soft.
func ConfigOf(weights map[string]safetensors.Tensor) (Config, error) {
	dim := func(name string, axis int) (int, error) {
		t, ok := weights[name]
		if !ok || len(t.Shape) <= axis {
			return 0, fmt.Errorf("expected a weight %q with %d axes or more, found %v among %q",
				name, axis+1, t.Shape, slices.Sorted(maps.Keys(weights)))
		}
		return t.Shape[axis], nil
	}
	c := Small(0)
	c.DeepOutput, c.Gate, c.Attention = false, GateNone, AttentionUniform
	if _, ok := weights["deep.L_o"]; ok {
		c.DeepOutput = true
	}
	var err error
	for _, read := range []struct {
		to   *int
		name string
		axis int
	}{
		{&c.VocabSize, "embedding.weight", 0}, {&c.EmbedDim, "embedding.weight", 1},
		{&c.Hidden, "init_h.weight", 0}, {&c.FeatureDim, "init_h.weight", 1},
	} {
		if *read.to, err = dim(read.name, read.axis); err != nil {
			return Config{}, err
		}
	}
	if _, ok := weights["att.v"]; ok {
		c.Attention = AttentionSoft
		if c.AttentionDim, err = dim("att.v", 0); err != nil {
			return Config{}, err
		}
	}
	if _, ok := weights["gate.bias"]; ok {
		n, err := dim("gate.bias", 0)
		if err != nil {
			return Config{}, err
		}
		c.Gate = GateVector
		if n == 1 {
			c.Gate = GateScalar
		}
	}
	return c, nil
}
