package resnet_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/glimpse-ml/glimpse/captioning/resnet"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// picture is [h, w, c].
type picture struct {
	values  []float32
	h, w, c int
}

func (p picture) at(y, x, c int) float64 {
	if y < 0 || x < 0 || y >= p.h || x >= p.w {
		return 0
	}
	return float64(p.values[(y*p.w+x)*p.c+c])
}

// reference is the network in plain loops and float64, written from the paper and PyTorch's documentation of its layers.
type reference struct {
	t       *testing.T
	weights map[string]safetensors.Tensor
}

func (r reference) get(name string) ([]float32, []int) {
	r.t.Helper()
	t, ok := r.weights[name]
	if !ok {
		r.t.Fatalf("no weight %s", name)
	}
	values, err := t.Float32s()
	if err != nil {
		r.t.Fatal(err)
	}
	return values, t.Shape
}

// each makes a picture, value by value.
func each(h, w, c int, value func(y, x, c int) float64) picture {
	p := picture{make([]float32, h*w*c), h, w, c}
	for y := range h {
		for x := range w {
			for k := range c {
				p.values[(y*w+x)*c+k] = float32(value(y, x, k))
			}
		}
	}
	return p
}

// convNorm is a convolution with padding kernel/2 and its batch norm.
func (r reference) convNorm(conv, norm string, in picture, stride int) picture {
	kernel, shape := r.get(conv + ".weight")
	gain, _ := r.get(norm + ".weight")
	bias, _ := r.get(norm + ".bias")
	mean, _ := r.get(norm + ".running_mean")
	variance, _ := r.get(norm + ".running_var")
	k := shape[2]
	return each((in.h+2*(k/2)-k)/stride+1, (in.w+2*(k/2)-k)/stride+1, shape[0], func(y, x, o int) float64 {
		sum := 0.0
		for i := range shape[1] {
			for v := range k {
				for u := range k {
					sum += float64(kernel[((o*shape[1]+i)*k+v)*k+u]) * in.at(y*stride+v-k/2, x*stride+u-k/2, i)
				}
			}
		}
		return (sum-float64(mean[o]))/math.Sqrt(float64(variance[o])+1e-5)*float64(gain[o]) + float64(bias[o])
	})
}

func relu(p picture) picture {
	return each(p.h, p.w, p.c, func(y, x, c int) float64 { return max(p.at(y, x, c), 0) })
}

func (r reference) features(cfg resnet.Config, in picture) picture {
	x := relu(r.convNorm("conv1", "bn1", in, 2))
	x = maxPool(x)
	for i, stage := range cfg.Stages {
		for j := range stage.Blocks {
			stride := 1
			if i > 0 && j == 0 {
				stride = 2
			}
			x = r.block(fmt.Sprintf("layer%d.%d.", i+1, j), cfg.Bottleneck, x, stride)
		}
	}
	return x
}

// maxPool has windows of 3 with stride 2 and padding 1. What it pools is never negative, and so 0 does outside.
func maxPool(p picture) picture {
	return each((p.h+2-3)/2+1, (p.w+2-3)/2+1, p.c, func(y, x, c int) float64 {
		most := 0.0
		for v := range 3 {
			for u := range 3 {
				most = max(most, p.at(2*y+v-1, 2*x+u-1, c))
			}
		}
		return most
	})
}

func (r reference) block(name string, bottleneck bool, x picture, stride int) picture {
	var y picture
	if bottleneck {
		y = relu(r.convNorm(name+"conv1", name+"bn1", x, 1))
		y = relu(r.convNorm(name+"conv2", name+"bn2", y, stride))
		y = r.convNorm(name+"conv3", name+"bn3", y, 1)
	} else {
		y = relu(r.convNorm(name+"conv1", name+"bn1", x, stride))
		y = r.convNorm(name+"conv2", name+"bn2", y, 1)
	}
	if _, ok := r.weights[name+"downsample.0.weight"]; ok {
		x = r.convNorm(name+"downsample.0", name+"downsample.1", x, stride)
	}
	return relu(each(y.h, y.w, y.c, func(v, u, c int) float64 { return y.at(v, u, c) + x.at(v, u, c) }))
}
