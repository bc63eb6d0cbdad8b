package clip

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/nn"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// smallVision is an image tower for tests: pictures that are not square, a stage without blocks.
var smallVision = VisionConfig{Height: 16, Width: 24, Patch: 2, Stages: []Stage{{4, 1}, {8, 0}, {6, 1}},
	Mean: [3]float64{0.5, 0.5, 0.5}, Std: [3]float64{0.25, 0.25, 0.25}}

const smallPicture = 16 * 24 * 3

// noise is n random pictures.
func noise(n int) []float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	values := make([]float32, n*smallPicture)
	for i := range values {
		values[i] = float32(rng.NormFloat64())
	}
	return values
}

func pictures(values []float32) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(slices.Clone(values), len(values)/smallPicture, 16, 24, 3)
}

// tower compiles the image tower on a store.
func tower(t *testing.T, b compute.Backend, store *model.Store, training bool) func(values []float32) [][]float32 {
	t.Helper()
	exec, err := model.NewExec(b, store, func(scope *model.Scope, images *graph.Node) *graph.Node {
		store.SetTraining(images.Graph(), training)
		return EncodeImage(scope, smallVision, 5, images)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(exec.Finalize)
	return func(values []float32) [][]float32 {
		features, err := exec.Call1(pictures(values))
		if err != nil {
			t.Fatal(err)
		}
		return features.Value().([][]float32)
	}
}

func seeded(seed int64) *model.Store {
	store := model.NewStore()
	store.SetParam("/"+nn.SeedParam, seed)
	return store
}

// everything copies all variables of a store out.
func everything(t *testing.T, store *model.Store) map[string]safetensors.Tensor {
	t.Helper()
	all, err := weights.FromStore(store, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestImageTowerFrozen(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := seeded(1)
		encode := tower(t, b, store, false)
		values := noise(3)
		features := encode(values)
		if len(features) != 3 || len(features[0]) != 5 {
			t.Fatalf("expected features [3, 5], found [%d, %d]", len(features), len(features[0]))
		}
		before := everything(t, store)
		for i := range 3 {
			alone := encode(values[i*smallPicture : (i+1)*smallPicture])
			near(t, "a picture without the others", alone[0], features[i], 1e-5, 1e-5)
			for j := range i {
				differ(t, features[i], features[j], i, j)
			}
		}
		for name, tensor := range everything(t, store) {
			if !bytes.Equal(tensor.Data, before[name].Data) {
				t.Errorf("encoding changed %s", name)
			}
		}
	})
}

// In training the statistics are the batch's, and move the running ones, which a tower that was compiled before sees.
func TestImageTowerInTraining(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := seeded(1)
		frozen, training := tower(t, b, store, false), tower(t, b, store, true)
		values := noise(4)
		first, fresh := frozen(values), everything(t, store)
		trained := training(values)
		differ(t, trained[0], first[0], 0, 0)
		two := training(values[:2*smallPicture])
		differ(t, two[0], trained[0], 0, 0) // the others of the batch matter
		running := 0
		for name, tensor := range everything(t, store) {
			isRunning := strings.Contains(name, ".running_")
			if changed := !bytes.Equal(tensor.Data, fresh[name].Data); changed != isRunning {
				t.Errorf("%s: changed is %v", name, changed)
			}
			if isRunning {
				running++
			}
		}
		if want := 2 * (1 + 2 + 1 + 1 + 2); running != want { // stem, two in a block, one a downsampling
			t.Errorf("expected %d running statistics, found %d", want, running)
		}
		differ(t, frozen(values)[0], first[0], 0, 0)
	})
}

// After many steps on one batch the running statistics are that batch's, and both towers agree but for n/(n-1) in the
// variance: the difference is 0.21 for 8 pictures, 0.054 for 32, 0.014 for 128.
func TestRunningStatisticsConverge(t *testing.T) {
	b := backendtest.Go(t)
	store := seeded(1)
	training, frozen := tower(t, b, store, true), tower(t, b, store, false)
	values := noise(32)
	var trained [][]float32
	for range 100 {
		trained = training(values)
	}
	for i, features := range frozen(values) {
		near(t, "frozen features", features, trained[i], 0.08, 0)
	}
}

// Every pixel has a say in the features.
func TestImageTowerSeesEveryPixel(t *testing.T) {
	store := seeded(1)
	gradient, err := model.CallOnce(backendtest.Go(t), store, func(scope *model.Scope, images *graph.Node) *graph.Node {
		features := EncodeImage(scope, smallVision, 5, images)
		return graph.Gradient(graph.ReduceAllSum(graph.Square(features)), images)[0]
	}, pictures(noise(1)))
	if err != nil {
		t.Fatal(err)
	}
	for i, g := range flat(gradient) {
		if g == 0 || g != g {
			t.Fatalf("the gradient for pixel %d is %g", i, g)
		}
	}
}

// The same seed gives the same weights, bit by bit, and about the same features on every backend.
func TestTowersStartTheSameEverywhere(t *testing.T) {
	var want map[string]safetensors.Tensor
	var wantFeatures [][]float32
	values := noise(2)
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		store := seeded(7)
		features := tower(t, b, store, false)(values)
		if want == nil {
			want, wantFeatures = everything(t, store), features
			return
		}
		got := everything(t, store)
		if len(got) != len(want) {
			t.Errorf("expected %d variables, found %d", len(want), len(got))
		}
		for name := range want {
			if !bytes.Equal(got[name].Data, want[name].Data) {
				t.Errorf("%s differs", name)
			}
		}
		for i := range features {
			near(t, "features", features[i], wantFeatures[i], 1e-5, 1e-4)
		}
	})
	differ(t, tower(t, backendtest.Go(t), seeded(8), false)(values)[0], wantFeatures[0], 0, 0)
}

func TestImageTowerRefusesOtherSizes(t *testing.T) {
	_, err := model.CallOnce(backendtest.Go(t), seeded(1), func(scope *model.Scope, images *graph.Node) *graph.Node {
		return EncodeImage(scope, smallVision, 5, images)
	}, tensors.FromFlatDataAndDimensions(make([]float32, smallPicture), 1, 24, 16, 3))
	if err == nil {
		t.Error("a picture of 16 x 24 was accepted in the place of one of 24 x 16")
	}
}
