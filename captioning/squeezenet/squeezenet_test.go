package squeezenet_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning/squeezenet"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// nhwc turns [n, c, h, w] into [n, h, w, c].
func nhwc(values []float32, n, c, h, w int) []float32 {
	out := make([]float32, len(values))
	for i := range n {
		for j := range c {
			for k := range h * w {
				out[(i*h*w+k)*c+j] = values[(i*c+j)*h*w+k]
			}
		}
	}
	return out
}

func golden(t *testing.T, name string) []float32 {
	t.Helper()
	f, err := safetensors.Load(filepath.Join(testdata.Data(t, "squeezenet"), "golden.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	values, _, err := f.Float32s(name)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// within fails the test where |got - want| > atol + rtol*|want|.
func within(t *testing.T, what string, got, want []float32, atol, rtol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: expected %d values, found %d", what, len(want), len(got))
	}
	worst := 0.0
	for i, w := range want {
		d := math.Abs(float64(got[i]) - float64(w))
		worst = max(worst, d)
		if !(d <= atol+rtol*math.Abs(float64(w))) {
			t.Fatalf("%s: expected %g at %d, found %g", what, w, i, got[i])
		}
	}
	t.Logf("%s: largest difference %.2g", what, worst)
}

// TestGolden compares with features and logits that PyTorch computed in float64 (golden.json beside them says how). The
// tolerances are the data's own.
func TestGolden(t *testing.T) {
	dir := testdata.Data(t, "squeezenet")
	images := nhwc(golden(t, "input"), 4, 3, 192, 192)
	features, logits := nhwc(golden(t, "features"), 4, 512, 11, 11), golden(t, "logits")
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, frozen := range []bool{true, false} {
			store := model.NewStore()
			if err := squeezenet.Load(store.RootScope().At("eye"), filepath.Join(dir, "squeezenet1_0.safetensors")); err != nil {
				t.Fatal(err)
			}
			out, err := model.CallOnceN(b, store, func(scope *model.Scope, images *graph.Node) []*graph.Node {
				scope = scope.At("eye")
				f := squeezenet.Features(scope, images, frozen)
				return []*graph.Node{f, squeezenet.Classify(scope, f, frozen)}
			}, tensors.FromFlatDataAndDimensions(images, 4, 192, 192, 3))
			if err != nil {
				t.Fatal(err)
			}
			within(t, "features", tensors.MustCopyFlatData[float32](out[0]), features, 1e-2, 1e-3)
			within(t, "logits", tensors.MustCopyFlatData[float32](out[1]), logits, 1e-3, 1e-4)
		}
	})
}

// TestGrid compares with the table of layers in the data's README, and with the network itself at sizes around the smallest.
func TestGrid(t *testing.T) {
	for size, want := range map[int]int{224: 13, 227: 13, 192: 11, 128: 7, 112: 6, 160: 9} {
		if got, err := squeezenet.Grid(size); err != nil || got != want {
			t.Errorf("size %d: expected a grid of side %d, found %d (%v)", size, want, got, err)
		}
	}
	if _, err := squeezenet.Grid(squeezenet.MinSize - 1); err == nil || !strings.Contains(err.Error(), "found a size of") {
		t.Errorf("expected an error for too small a size, found: %v", err)
	}
	b := backendtest.Go(t)
	store := weights(t)
	for size := squeezenet.MinSize; size < squeezenet.MinSize+18; size++ {
		want, err := squeezenet.Grid(size)
		if err != nil {
			t.Fatal(err)
		}
		got, err := model.CallOnce(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
			return squeezenet.Features(scope, x, true)
		}, tensors.FromFlatDataAndDimensions(make([]float32, 3*size*size), 1, size, size, 3))
		if err != nil {
			t.Fatal(err)
		}
		if d := got.Shape().Dimensions; !slices.Equal(d, []int{1, want, want, squeezenet.Channels}) {
			t.Errorf("size %d: expected a grid of side %d, found %v", size, want, d)
		}
	}
}

func weightFile(t *testing.T) string {
	return filepath.Join(testdata.Data(t, "squeezenet"), "squeezenet1_0.safetensors")
}

func weights(t *testing.T) *model.Store {
	t.Helper()
	store := model.NewStore()
	if err := squeezenet.Load(store.RootScope(), weightFile(t)); err != nil {
		t.Fatal(err)
	}
	return store
}

// TestExtractor compares with Features picture by picture, for numbers of pictures that fill no batch, from several goroutines.
func TestExtractor(t *testing.T) {
	const size = 48
	pictures := make([][]uint8, 7)
	for i := range pictures {
		pictures[i] = make([]uint8, 3*size*size)
		for j := range pictures[i] {
			pictures[i][j] = uint8(j*(i+3) + j*j>>7)
		}
	}
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := weights(t)
		var want [][]float32
		for _, p := range pictures {
			x := make([]float32, len(p))
			for j, v := range p {
				x[j] = float32(v) - []float32{123, 117, 104}[j%3]
			}
			out, err := model.CallOnce(b, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
				return squeezenet.Features(scope, x, true)
			}, tensors.FromFlatDataAndDimensions(x, 1, size, size, 3))
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, tensors.MustCopyFlatData[float32](out))
		}
		for _, batch := range []int{0, 3} {
			e, err := squeezenet.NewExtractor(b, weightFile(t), size, batch)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if e.Size() != size || e.BatchSize() < 1 || e.Grid()*e.Grid()*squeezenet.Channels != len(want[0]) {
				t.Errorf("expected size %d and rows of %d, found %d, %d and a batch of %d", size, len(want[0]), e.Size(), e.Grid(), e.BatchSize())
			}
			var wg sync.WaitGroup
			for n := range len(pictures) + 1 {
				wg.Go(func() {
					rows, err := e.Features(pictures[:n])
					if err != nil || len(rows) != n {
						t.Errorf("expected %d rows, found %d (%v)", n, len(rows), err)
						return
					}
					for i := range rows {
						if d := distance(rows[i], want[i]); !(d < 0.05) {
							t.Errorf("picture %d of %d: expected the features of Features, found a difference of %g", i, n, d)
						}
					}
				})
			}
			wg.Wait()
			if _, err := e.Features([][]uint8{pictures[0], pictures[1][1:]}); err == nil || !strings.Contains(err.Error(), "found 6911") {
				t.Errorf("expected an error for a picture of 6911 bytes, found: %v", err)
			}
		}
	})
}

func distance(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	worst := 0.0
	for i := range a {
		worst = max(worst, math.Abs(float64(a[i]-b[i])))
	}
	return worst
}

// TestFingerprint checks that it changes with size and weights, and with nothing else.
func TestFingerprint(t *testing.T) {
	b := backendtest.Go(t)
	other := filepath.Join(t.TempDir(), "other.safetensors")
	data, err := os.ReadFile(weightFile(t))
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(other, data, 0o644); err != nil {
		t.Fatal(err)
	}
	fingerprint := func(path string, size, batch int) string {
		e, err := squeezenet.NewExtractor(b, path, size, batch)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		return e.Fingerprint()
	}
	same := fingerprint(weightFile(t), 64, 1)
	if again := fingerprint(weightFile(t), 64, 8); again != same {
		t.Errorf("expected %s for another batch too, found %s", same, again)
	}
	if size := fingerprint(weightFile(t), 65, 1); size == same {
		t.Error("expected another fingerprint for another size")
	}
	if weights := fingerprint(other, 64, 1); weights == same {
		t.Error("expected another fingerprint for other weights")
	}
}

// TestLoadRefusals checks that a file of something else is refused, and that nothing has changed then.
func TestLoadRefusals(t *testing.T) {
	file, err := safetensors.Load(weightFile(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	with := func(name string, change func(tensors map[string]safetensors.Tensor)) string {
		all := map[string]safetensors.Tensor{}
		for k, v := range file.Tensors {
			all[k] = v
		}
		change(all)
		path := filepath.Join(dir, name)
		if err := safetensors.Write(path, all, nil); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole, err := os.ReadFile(weightFile(t))
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut")
	if err := os.WriteFile(cut, bytes.Clone(whole[:len(whole)-1000]), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, path := range map[string]string{
		"no such file":                  filepath.Join(dir, "none"),
		"cut short":                     cut,
		`none called "features.0.bias"`: with("missing", func(m map[string]safetensors.Tensor) { delete(m, "features.0.bias") }),
		"for \"classifier.1.bias\"": with("shape", func(m map[string]safetensors.Tensor) {
			m["classifier.1.bias"] = safetensors.FromFloat32s(make([]float32, 10), 10)
		}),
		`a tensor "features.13.weight"`: with("more", func(m map[string]safetensors.Tensor) {
			m["features.13.weight"] = safetensors.FromFloat32s(nil, 0)
		}),
		"expected a tensor of type F32": with("type", func(m map[string]safetensors.Tensor) {
			m["features.0.bias"] = safetensors.FromInt32s(make([]int32, 96), 96)
		}),
	} {
		store := model.NewStore()
		err := squeezenet.Load(store.RootScope(), path)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected an error with %q, found: %v", want, err)
		}
		if n := store.NumVariables(); n != 0 {
			t.Errorf("%s: expected no variables, found %d", path, n)
		}
	}
}

// TestTrains checks that gradients reach the first kernel when the network is not frozen.
func TestTrains(t *testing.T) {
	images := nhwc(golden(t, "input"), 4, 3, 192, 192)[:3*192*192]
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		out, err := model.CallOnceN(b, weights(t), func(scope *model.Scope, x *graph.Node) []*graph.Node {
			kernel := scope.At("features").At("0").GetVariable("weight").NodeValue(x)
			loss := graph.ReduceAllSum(squeezenet.Logits(scope, x, false))
			frozen := graph.ReduceAllSum(squeezenet.Logits(scope, x, true))
			return append(graph.Gradient(graph.Add(loss, frozen), kernel), loss, frozen)
		}, tensors.FromFlatDataAndDimensions(images, 1, 192, 192, 3))
		if err != nil {
			t.Fatal(err)
		}
		loss, frozen := tensors.ToScalar[float32](out[1]), tensors.ToScalar[float32](out[2])
		if math.Abs(float64(loss/frozen)-1) > 1e-5 {
			t.Errorf("expected the same sum of logits, found %g and %g", loss, frozen)
		}
		sum := 0.0
		for _, v := range tensors.MustCopyFlatData[float32](out[0]) {
			sum += math.Abs(float64(v))
		}
		if !(sum > 1) || math.IsInf(sum, 0) {
			t.Errorf("expected a gradient of the first kernel, found %s", fmt.Sprint(sum))
		}
	})
}
