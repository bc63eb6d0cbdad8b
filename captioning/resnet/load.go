package resnet

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// weightsFile is what a folder from the hub calls its weights.
const weightsFile = "model.safetensors"

// Read reads the weights of a published ResNet in torchvision's and timm's names (conv1.weight, bn1.running_mean,
// layer1.0.downsample.0.weight, ...): path is a safetensors file or a folder with model.safetensors. Which network it is, is read off
// the names and shapes. The weights that it returns are those that [Features] needs; the classifier (fc) has to be there, and is
// left out, as are PyTorch's counts of batches. A tensor that is missing, of another shape, or of no use is an error.
func Read(path string) (Config, map[string]safetensors.Tensor, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, weightsFile)
	}
	file, err := safetensors.Load(path)
	if err != nil {
		return Config{}, nil, err
	}
	cfg, err := ConfigOf(file.Tensors)
	if err != nil {
		return Config{}, nil, fmt.Errorf("%s: expected a ResNet in torchvision's names: %w", path, err)
	}
	weights, err := cfg.check(file.Tensors)
	if err != nil {
		return Config{}, nil, fmt.Errorf("%s: expected a ResNet in torchvision's names: %w", path, err)
	}
	return cfg, weights, nil
}

// ConfigOf reads the sizes of a network off its weights.
func ConfigOf(tensors map[string]safetensors.Tensor) (Config, error) {
	out := func(name string) (int, error) { // channels that a convolution puts out
		t, ok := tensors[name]
		if !ok || len(t.Shape) != 4 {
			return 0, fmt.Errorf("expected a convolution's weight %s [out, in, h, w], found %s", name, found(t, ok))
		}
		return t.Shape[0], nil
	}
	var cfg Config
	var err error
	if cfg.Stem, err = out("conv1.weight"); err != nil {
		return cfg, err
	}
	_, cfg.Bottleneck = tensors["layer1.0.conv3.weight"]
	last := "conv2"
	if cfg.Bottleneck {
		last = "conv3"
	}
	for {
		var stage Stage
		at := func(block int, part string) string {
			return fmt.Sprintf("layer%d.%d.%s.weight", len(cfg.Stages)+1, block, part)
		}
		for has(tensors, at(stage.Blocks, "conv1")) {
			stage.Blocks++
		}
		if stage.Blocks == 0 {
			break
		}
		if stage.Inside, err = out(at(0, "conv1")); err != nil {
			return cfg, err
		}
		if stage.Channels, err = out(at(0, last)); err != nil {
			return cfg, err
		}
		cfg.Stages = append(cfg.Stages, stage)
	}
	if len(cfg.Stages) == 0 {
		return cfg, fmt.Errorf("expected blocks layer1.0, layer1.1 and so on, found none among %d tensors", len(tensors))
	}
	return cfg, nil
}

func has(tensors map[string]safetensors.Tensor, name string) bool {
	_, ok := tensors[name]
	return ok
}

func found(t safetensors.Tensor, ok bool) string {
	if !ok {
		return "none"
	}
	return fmt.Sprintf("one of shape %v", t.Shape)
}

// Shapes returns the shape of every weight that [Features] needs, by torchvision's name. The variable of layer1.0.conv1.weight is
// layer1/0/conv1/weight in the scope of the model.
func (c Config) Shapes() map[string][]int {
	all := map[string][]int{}
	convolution := func(conv, norm string, in, out, kernel int) {
		all[conv+".weight"] = []int{out, in, kernel, kernel}
		for _, part := range []string{"weight", "bias", "running_mean", "running_var"} {
			all[norm+"."+part] = []int{out}
		}
	}
	convolution("conv1", "bn1", 3, c.Stem, 7)
	in := c.Stem
	for i, stage := range c.Stages {
		for j := range stage.Blocks {
			name := fmt.Sprintf("layer%d.%d.", i+1, j)
			if c.Bottleneck {
				convolution(name+"conv1", name+"bn1", in, stage.Inside, 1)
				convolution(name+"conv2", name+"bn2", stage.Inside, stage.Inside, 3)
				convolution(name+"conv3", name+"bn3", stage.Inside, stage.Channels, 1)
			} else {
				convolution(name+"conv1", name+"bn1", in, stage.Inside, 3)
				convolution(name+"conv2", name+"bn2", stage.Inside, stage.Channels, 3)
			}
			if j == 0 && (i > 0 || in != stage.Channels) {
				convolution(name+"downsample.0", name+"downsample.1", in, stage.Channels, 1)
			}
			in = stage.Channels
		}
	}
	return all
}

// check returns the weights that the network needs, and refuses files with others.
func (c Config) check(tensors map[string]safetensors.Tensor) (map[string]safetensors.Tensor, error) {
	weights := map[string]safetensors.Tensor{}
	shapes := c.Shapes()
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		t, ok := tensors[name]
		if !ok || !slices.Equal(t.Shape, shapes[name]) {
			return nil, fmt.Errorf("expected %s of shape %v, found %s", name, shapes[name], found(t, ok))
		}
		values, err := t.AsFloat32s()
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", name, err)
		}
		for i, v := range values {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) || f < 0 && strings.HasSuffix(name, ".running_var") {
				return nil, fmt.Errorf("expected finite numbers in %s, and variances of 0 or more, found %g at index %d; the file is damaged", name, v, i)
			}
		}
		weights[name] = safetensors.FromFloat32s(values, t.Shape...)
	}
	weight, bias := tensors["fc.weight"], tensors["fc.bias"]
	if len(weight.Shape) != 2 || weight.Shape[1] != c.Channels() || !slices.Equal(bias.Shape, weight.Shape[:1]) {
		return nil, fmt.Errorf("expected a classifier fc.weight [classes, %d] and fc.bias [classes], found the shapes %v and %v", c.Channels(), weight.Shape, bias.Shape)
	}
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		norm, isCount := strings.CutSuffix(name, ".num_batches_tracked")
		_, isNorm := shapes[norm+".running_mean"]
		if _, ok := shapes[name]; !ok && name != "fc.weight" && name != "fc.bias" && !(isCount && isNorm) {
			return nil, fmt.Errorf("found a tensor %s of shape %v that this network has no use for; it is of another kind", name, tensors[name].Shape)
		}
	}
	return weights, nil
}
