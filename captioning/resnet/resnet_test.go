package resnet_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/google/go-cmp/cmp"

	"github.com/glimpse-ml/glimpse/captioning/resnet"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// The published networks' stages, and small networks of both kinds. In the last the first stage needs no projection.
var (
	resNet18 = resnet.Config{Stem: 64, Stages: []resnet.Stage{{2, 64, 64}, {2, 128, 128}, {2, 256, 256}, {2, 512, 512}}}
	resNet50 = resnet.Config{Stem: 64, Bottleneck: true, Stages: []resnet.Stage{{3, 64, 256}, {4, 128, 512}, {6, 256, 1024}, {3, 512, 2048}}}

	smallBottleneck = resnet.Config{Stem: 4, Bottleneck: true, Stages: []resnet.Stage{{2, 3, 8}, {1, 4, 12}, {2, 5, 10}}}
	smallBasic      = resnet.Config{Stem: 4, Stages: []resnet.Stage{{1, 4, 4}, {2, 6, 6}, {1, 5, 5}}}
)

// random are weights and statistics of all sizes: gains of either sign, means off 0, variances off 1.
func random(cfg resnet.Config, seed uint64) map[string]safetensors.Tensor {
	rng := rand.New(rand.NewPCG(seed, 1))
	all := map[string]safetensors.Tensor{}
	shapes := cfg.Shapes()
	names := make([]string, 0, len(shapes))
	for name := range shapes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		n, fan := 1, 1
		for i, d := range shapes[name] {
			n *= d
			if i > 0 {
				fan *= d
			}
		}
		values := make([]float32, n)
		for i := range values {
			switch {
			case strings.HasSuffix(name, "running_var"):
				values[i] = float32(0.5 + rng.Float64())
			case fan > 1:
				values[i] = float32(rng.NormFloat64() * math.Sqrt(2/float64(fan)))
			default:
				values[i] = float32(0.5 * rng.NormFloat64())
			}
		}
		all[name] = safetensors.FromFloat32s(values, shapes[name]...)
	}
	return all
}

// withClassifier is what a published file holds beside the features' weights.
func withClassifier(cfg resnet.Config, all map[string]safetensors.Tensor) map[string]safetensors.Tensor {
	out := map[string]safetensors.Tensor{}
	for name, t := range all {
		out[name] = t
	}
	c := cfg.Channels()
	out["fc.weight"], out["fc.bias"] = safetensors.FromFloat32s(make([]float32, 7*c), 7, c), safetensors.FromFloat32s(make([]float32, 7), 7)
	out["bn1.num_batches_tracked"] = safetensors.FromInt32s([]int32{3}, 1)
	return out
}

// The features are those of the plain loops of reference_test.go, on every backend, at sizes that halve evenly and that do not.
func TestFeatures(t *testing.T) {
	for name, cfg := range map[string]resnet.Config{"bottlenecks": smallBottleneck, "basic blocks": smallBasic} {
		for _, size := range []int{32, 45} {
			all := random(cfg, 5)
			rng := rand.New(rand.NewPCG(7, 7))
			pictures := make([]float32, 2*size*size*3)
			for i := range pictures {
				pictures[i] = float32(rng.NormFloat64())
			}
			want := reference{t, all}.features(cfg, picture{pictures[size*size*3:], size, size, 3})
			side, err := cfg.Grid(size)
			if err != nil || want.h != side || want.w != side || want.c != cfg.Channels() {
				t.Fatalf("%s at %d: the reference's grid is %dx%dx%d, Grid says %d (%v)", name, size, want.h, want.w, want.c, side, err)
			}
			backendtest.Each(t, func(t *testing.T, b compute.Backend) {
				for _, frozen := range []bool{true, false} {
					store := model.NewStore()
					if err := weights.IntoStore(store, all); err != nil {
						t.Fatal(err)
					}
					out, err := model.CallOnce(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
						return resnet.Features(scope, cfg, x, frozen)
					}, tensors.FromFlatDataAndDimensions(pictures, 2, size, size, 3))
					if err != nil {
						t.Fatal(err)
					}
					got := tensors.MustCopyFlatData[float32](out)
					got = got[len(got)/2:]
					worst := 0.0
					for i, v := range want.values {
						worst = max(worst, math.Abs(float64(got[i]-v))/(1+math.Abs(float64(v))))
					}
					if len(got) != len(want.values) || !(worst < 1e-4) {
						t.Errorf("%s at %d, frozen %v: %d values, expected %d, the largest difference %g", name, size, frozen, len(got), len(want.values), worst)
					}
				}
			})
		}
	}
}

// Gradients reach the first kernel when the network is not frozen, and not when it is.
func TestTrains(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, frozen := range []bool{false, true} {
			store := model.NewStore()
			if err := weights.IntoStore(store, random(smallBottleneck, 5)); err != nil {
				t.Fatal(err)
			}
			out, err := model.CallOnce(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
				kernel := scope.At("conv1").GetVariable("weight").NodeValue(x)
				loss := graph.ReduceAllSum(graph.Square(resnet.Features(scope, smallBottleneck, x, frozen)))
				return graph.ReduceAllSum(graph.Abs(graph.Gradient(loss, kernel)[0]))
			}, tensors.FromFlatDataAndDimensions(slices.Repeat([]float32{0.5, -1, 2}, 32*32), 1, 32, 32, 3))
			if err != nil {
				t.Fatal(err)
			}
			if sum := tensors.ToScalar[float32](out); (sum > 0) == frozen {
				t.Errorf("frozen %v: the gradient of the first kernel sums to %g", frozen, sum)
			}
		}
	})
}

// Which network it is, is read off its weights.
func TestConfigOf(t *testing.T) {
	for _, cfg := range []resnet.Config{resNet18, resNet50, smallBottleneck, smallBasic} {
		tensors := map[string]safetensors.Tensor{}
		for name, shape := range cfg.Shapes() {
			tensors[name] = safetensors.Tensor{DType: safetensors.F32, Shape: shape}
		}
		got, err := resnet.ConfigOf(tensors)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(cfg, got); diff != "" {
			t.Error(diff)
		}
	}
	// Counted from table 1 of the paper, without the classifier: 11.18 and 23.5 million parameters, as torchvision's have.
	for cfg, want := range map[*resnet.Config]int{&resNet18: 11_689_512 - 513_000, &resNet50: 25_557_032 - 2_049_000} {
		n := 0
		for name, shape := range cfg.Shapes() {
			size := 1
			for _, d := range shape {
				size *= d
			}
			if !strings.Contains(name, "running") {
				n += size
			}
		}
		if n != want {
			t.Errorf("expected %d parameters, found %d", want, n)
		}
	}
	if side, err := resNet50.Grid(224); side != 7 || err != nil {
		t.Errorf("at 224 the grid's side is %d (%v)", side, err)
	}
	if _, err := resNet50.Grid(31); err == nil || !strings.Contains(err.Error(), "at least 32x32") {
		t.Errorf("at 31: %v", err)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	all := withClassifier(smallBottleneck, random(smallBottleneck, 5))
	if err := safetensors.Write(filepath.Join(dir, "model.safetensors"), all, nil); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "model.safetensors")} {
		cfg, read, err := resnet.Read(path)
		if err != nil || !cmp.Equal(cfg, smallBottleneck) || len(read) != len(all)-3 {
			t.Errorf("%s: %+v with %d weights (%v)", path, cfg, len(read), err)
		}
	}
	half, err := safetensors.FromFloat32sAs(safetensors.F16, make([]float32, 4), 4)
	if err != nil {
		t.Fatal(err)
	}
	all["bn1.bias"] = half
	write := func(change func(m map[string]safetensors.Tensor)) string {
		changed := map[string]safetensors.Tensor{}
		for name, tensor := range all {
			changed[name] = tensor
		}
		change(changed)
		path := filepath.Join(dir, fmt.Sprintf("%d.safetensors", len(changed)))
		if err := safetensors.Write(path, changed, nil); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if _, read, err := resnet.Read(write(func(map[string]safetensors.Tensor) {})); err != nil || read["bn1.bias"].DType != safetensors.F32 {
		t.Errorf("half precision: %v", err)
	}
	one := safetensors.FromFloat32s([]float32{1}, 1)
	for want, change := range map[string]func(m map[string]safetensors.Tensor){
		"expected layer2.0.bn3.running_var of shape [12], found none":     func(m map[string]safetensors.Tensor) { delete(m, "layer2.0.bn3.running_var") },
		"expected bn1.weight of shape [4], found one of shape [1]":        func(m map[string]safetensors.Tensor) { m["bn1.weight"] = one },
		"found a tensor layer1.0.se.fc1.weight of shape [1]":              func(m map[string]safetensors.Tensor) { m["layer1.0.se.fc1.weight"] = one },
		"found a tensor bn9.num_batches_tracked":                          func(m map[string]safetensors.Tensor) { m["bn9.num_batches_tracked"] = one },
		"found a tensor layer5.0.conv1.weight":                            func(m map[string]safetensors.Tensor) { m["layer5.0.conv1.weight"] = one },
		"expected a classifier fc.weight [classes, 10]":                   func(m map[string]safetensors.Tensor) { delete(m, "fc.bias") },
		"a convolution's weight conv1.weight [out, in, h, w], found none": func(m map[string]safetensors.Tensor) { delete(m, "conv1.weight") },
		"expected finite numbers in layer1.0.bn2.running_var, and variances of 0 or more, found -1 at index 1": func(m map[string]safetensors.Tensor) {
			m["layer1.0.bn2.running_var"] = safetensors.FromFloat32s([]float32{1, -1, 1}, 3)
		},
		"expected finite numbers in bn1.weight, and variances of 0 or more, found NaN at index 3": func(m map[string]safetensors.Tensor) {
			m["bn1.weight"] = safetensors.FromFloat32s([]float32{1, 1, 1, float32(math.NaN())}, 4)
		},
		"expected blocks layer1.0": func(m map[string]safetensors.Tensor) {
			for name := range m {
				if strings.HasPrefix(name, "layer1") {
					delete(m, name)
				}
			}
		},
	} {
		if _, _, err := resnet.Read(write(change)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("expected an error with %q, found %v", want, err)
		}
	}
	if _, _, err := resnet.Read(filepath.Join(dir, "none")); !os.IsNotExist(err) && (err == nil || !strings.Contains(err.Error(), "none")) {
		t.Errorf("no file: %v", err)
	}
}

// The field of the 50 layers' places, by hand: the kernels of 3 and of 7, each times the stride below it.
func TestField(t *testing.T) {
	cfg := resnet.Config{Stem: 64, Bottleneck: true, Stages: []resnet.Stage{{Blocks: 3}, {Blocks: 4}, {Blocks: 6}, {Blocks: 3}}}
	want := 1 + 6*1 + 2*2 + 3*2*4 + (2*4 + 3*2*8) + (2*8 + 5*2*16) + (2*16 + 2*2*32)
	if f := cfg.Field(); f.Size != want || f.Size != 427 || f.Stride != 32 {
		t.Errorf("expected 427 pixels, every 32, found %d, every %d", f.Size, f.Stride)
	}
}
