package clip

import (
	"math"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// The grid is what the tower had before its places were put together: of ResNets the last stage, of a ViT the patches' tokens
// behind the last block, with mean 0 and spread 1. It needs the weights that IsGridWeight names, all of them and no others.
func TestImageGrid(t *testing.T) {
	for name, c := range map[string]struct {
		vision VisionConfig
		last   string
	}{
		"residual": {smallVision, "visual.after_layer3"},
		"resnet": {VisionConfig{Height: 64, Width: 32, ResNet: &ResNetConfig{Blocks: []int{1, 1, 1, 1}, Width: 2, Heads: 2}, Mean: smallVision.Mean, Std: smallVision.Std},
			"visual.after_layer4"},
		"vit": {VisionConfig{Height: 16, Width: 24, Patch: 8, ViT: &ViTConfig{Width: 12, Layers: 2, Heads: 3}, Mean: smallVision.Mean, Std: smallVision.Std},
			"visual.after_block.1"},
	} {
		backendtest.Each(t, func(t *testing.T, b compute.Backend) {
			v := c.vision
			values := make([]float32, 2*v.Height*v.Width*3)
			for i := range values {
				values[i] = float32(math.Sin(float64(i) * 0.37))
			}
			input := tensors.FromFlatDataAndDimensions(values, 2, v.Height, v.Width, 3)
			store := seeded(1)
			grid, err := model.CallOnce(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node { return ImageGrid(scope, v, x) }, input)
			if err != nil {
				t.Fatal(err)
			}
			before := everything(t, store)
			all, err := model.CallOnceN(b, store, func(scope *model.Scope, x *graph.Node) []*graph.Node {
				feature, layers := ImageTower(scope, v, 5, x)
				for _, l := range layers {
					if l.Name == c.last {
						return []*graph.Node{l.Value, feature}
					}
				}
				panic("no layer " + c.last)
			}, input)
			if err != nil {
				t.Fatal(err)
			}
			for variable := range store.IterVariables() {
				path := variable.Path()
				if _, needed := before[weights.Name(path)]; IsWeight(path) && v.IsGridWeight(path) != needed {
					t.Errorf("%s: %s is needed: %v", name, path, needed)
				}
			}
			compareGrid(t, name, v, tensors.MustCopyFlatData[float32](grid), tensors.MustCopyFlatData[float32](all[0]))
		})
	}
}

// compareGrid compares a grid [2, h, w, C] with a layer, [2, C, h, w] or [2, 1+h*w, C].
func compareGrid(t *testing.T, name string, v VisionConfig, grid, layer []float32) {
	t.Helper()
	h, w, channels := v.Grid()
	if len(grid) != 2*h*w*channels {
		t.Fatalf("%s: %d values in a grid of %dx%dx%d", name, len(grid), h, w, channels)
	}
	for n := range 2 {
		for place := range h * w {
			got, want := grid[(n*h*w+place)*channels:][:channels], make([]float32, channels)
			for c := range channels {
				want[c] = layer[min((n*channels+c)*h*w+place, len(layer)-1)]
			}
			if v.ViT != nil {
				want = standardised(layer[(n*(1+h*w)+1+place)*channels:][:channels])
			}
			near(t, name, got, want, 1e-4, 1e-4)
		}
	}
}

// standardised is a layer norm without gain and bias.
func standardised(x []float32) []float32 {
	mean, square := 0.0, 0.0
	for _, v := range x {
		mean += float64(v) / float64(len(x))
	}
	for _, v := range x {
		square += (float64(v) - mean) * (float64(v) - mean) / float64(len(x))
	}
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32((float64(v) - mean) / math.Sqrt(square+1e-5))
	}
	return out
}

// A place by itself is the picture's feature where there is one place, and of a ViT what ImageGrid has of it, projected.
func TestImagePlaces(t *testing.T) {
	for name, v := range map[string]VisionConfig{
		"residual": {Height: 8, Width: 8, Patch: 4, Stages: []Stage{{Channels: 4, Blocks: 1}, {Channels: 6, Blocks: 1}}},
		"resnet":   {Height: 32, Width: 32, ResNet: &ResNetConfig{Blocks: []int{1, 1, 1, 1}, Width: 2, Heads: 2}},
		"vit":      {Height: 16, Width: 24, Patch: 8, ViT: &ViTConfig{Width: 12, Layers: 1, Heads: 3}},
	} {
		backendtest.Each(t, func(t *testing.T, b compute.Backend) {
			values := make([]float32, 2*v.Height*v.Width*3)
			for i := range values {
				values[i] = float32(math.Sin(float64(i) * 0.37))
			}
			store := seeded(1)
			h, w, channels := v.Grid()
			if v.ResNet != nil { // where the places are is no part of what they are
				store.RootScope().At("visual").At("attnpool").VariableWithValue("positional_embedding", tensors.FromFlatDataAndDimensions(make([]float32, (1+h*w)*channels), 1+h*w, channels))
			}
			out, err := model.CallOnceN(b, store, func(scope *model.Scope, x *graph.Node) []*graph.Node {
				places := graph.Reshape(ImagePlaces(scope, v, 5, x), 2*h*w, 5)
				if v.ViT == nil {
					return []*graph.Node{places, EncodeImage(scope, v, 5, x)}
				}
				projection := scope.At("visual").GetVariable("proj").NodeValue(x)
				return []*graph.Node{places, graph.MatMul(graph.Reshape(ImageGrid(scope, v, x), 2*h*w, channels), projection)}
			}, tensors.FromFlatDataAndDimensions(values, 2, v.Height, v.Width, 3))
			if err != nil {
				t.Fatal(err)
			}
			found, want := tensors.MustCopyFlatData[float32](out[0]), tensors.MustCopyFlatData[float32](out[1])
			if len(found) != len(want) {
				t.Fatalf("%s: found %d numbers and %d", name, len(found), len(want))
			}
			for i := range want {
				if math.Abs(float64(found[i]-want[i])) > 1e-4 {
					t.Fatalf("%s: number %d: expected %g, found %g", name, i, want[i], found[i])
				}
			}
		})
	}
}
