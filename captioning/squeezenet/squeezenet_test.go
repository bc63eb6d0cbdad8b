package squeezenet_test

import (
	"math"
	"path/filepath"
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
