package clip

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
	"github.com/glimpse-ml/glimpse/internal/weights"
)

// The reference models of golden/clip/models: openai/CLIP's own class with random weights of every kind, in float32.
// Tolerances are those of its README, unless said otherwise.
var referenceModels = []struct {
	name   string
	naming Naming
}{{"vit_a", OpenAI}, {"vit_a", HuggingFace}, {"vit_b", OpenAI}, {"vit_b", HuggingFace}, {"rn_a", OpenAI}}

// eachReference runs a test for every reference model, naming and backend.
func eachReference(t *testing.T, test func(t *testing.T, b compute.Backend, m *Model, folder string)) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		for _, r := range referenceModels {
			t.Run(fmt.Sprintf("%s_%s", r.name, r.naming), func(t *testing.T) {
				folder := "clip/models/" + r.name + "/"
				m, err := LoadNaming(filepath.Dir(testdata.Golden(t, folder+"meta.json")), r.naming)
				if err != nil {
					t.Fatal(err)
				}
				test(t, b, m, folder)
			})
		}
	})
}

func referenceInputs(t *testing.T, folder string) Inputs {
	t.Helper()
	file := golden(t, folder+"inputs.safetensors")
	ids, shape, err := file.Int32s("text_ids")
	if err != nil {
		t.Fatal(err)
	}
	return Inputs{Images: floats(t, file, "images"), IDs: ids, Length: shape[1]}
}

// Weights: those of either file, each of them, bit for bit, and the sizes that meta.json states.
func TestReferenceWeights(t *testing.T) {
	for _, r := range referenceModels {
		t.Run(fmt.Sprintf("%s_%s", r.name, r.naming), func(t *testing.T) {
			folder := "clip/models/" + r.name + "/"
			m, err := LoadNaming(filepath.Dir(testdata.Golden(t, folder+"meta.json")), r.naming)
			if err != nil {
				t.Fatal(err)
			}
			want := golden(t, folder+"openai.safetensors")
			got := everything(t, m.Store)
			for name, tensor := range want.Tensors {
				if isIgnored(name) {
					continue
				}
				if g := got[name]; !slices.Equal(g.Shape, tensor.Shape) || string(g.Data) != string(tensor.Data) {
					t.Errorf("%s differs: shapes %v and %v", name, g.Shape, tensor.Shape)
				}
				delete(got, name)
			}
			if len(got) > 0 {
				t.Errorf("%d weights are not in the file", len(got))
			}
			if want := metaOf(t, folder).ParameterCount; m.Config.Counts().Total != want {
				t.Errorf("expected %d parameters, found %d", want, m.Config.Counts().Total)
			}
		})
	}
}

// Stages, features, logits and loss: everything that was recorded.
func TestReferenceLayers(t *testing.T) {
	eachReference(t, func(t *testing.T, b compute.Backend, m *Model, folder string) {
		got, err := m.Evaluate(b, referenceInputs(t, folder), Wanted{Layers: true})
		if err != nil {
			t.Fatal(err)
		}
		layers, outputs := golden(t, folder+"intermediates.safetensors"), golden(t, folder+"outputs.safetensors")
		for _, name := range layers.Names() {
			compareTensor(t, got, layers, name, 2e-4, 1e-4)
			delete(got, name)
		}
		compareTensor(t, got, outputs, "image_features", 2e-4, 1e-4)
		compareTensor(t, got, outputs, "text_features", 2e-5, 1e-5) // tighter: 1.7 in the place of QuickGELU's 1.702 is 1e-4 off
		compareTensor(t, got, outputs, "logits_per_image", 1e-3, 0)
		compareTensor(t, got, outputs, "loss", 1e-4, 0)
		if len(got) != 4 {
			t.Errorf("expected nothing besides the features, logits and loss, found %d tensors", len(got))
		}
	})
}

// Gradients: the recorded ones, and of every parameter norm and largest entry.
func TestReferenceGradients(t *testing.T) {
	eachReference(t, func(t *testing.T, b compute.Backend, m *Model, folder string) {
		got, err := m.Evaluate(b, referenceInputs(t, folder), Wanted{Gradients: true})
		if err != nil {
			t.Fatal(err)
		}
		ours := inOurNames(t, m, got)
		recorded := golden(t, folder+"grads.safetensors")
		for _, name := range recorded.Names() {
			compareTensor(t, ours, recorded, name, 1e-7, 1e-3)
		}
		stats := metaOf(t, folder).GradStats
		if len(stats) != len(ours) {
			t.Errorf("expected the gradients of %d parameters, found %d", len(stats), len(ours))
		}
		for name, want := range stats {
			tensor, ok := ours[name]
			if !ok {
				t.Errorf("there is no gradient of %s", name)
				continue
			}
			values, err := tensor.Float32s()
			if err != nil {
				t.Fatal(err)
			}
			squares, largest := 0.0, 0.0
			for _, v := range values {
				squares += float64(v) * float64(v)
				largest = max(largest, math.Abs(float64(v)))
			}
			tolerance := 1e-6 + 1e-3*want.MaxAbs // what is 0 in exact arithmetic, as for key biases, is only tiny
			if math.Abs(largest-want.MaxAbs) > tolerance {
				t.Errorf("%s: expected the largest entry %g, found %g", name, want.MaxAbs, largest)
			}
			if l2 := math.Sqrt(squares); math.Abs(l2-want.L2) > 1e-6+1e-3*want.L2 {
				t.Errorf("%s: expected the norm %g, found %g", name, want.L2, l2)
			}
		}
	})
}

// inOurNames puts gradients in a file's naming back together. It goes the way of loading.
func inOurNames(t *testing.T, m *Model, gradients map[string]safetensors.Tensor) map[string]safetensors.Tensor {
	t.Helper()
	out := map[string]safetensors.Tensor{}
	count := 0
	for _, w := range m.Config.Weights() {
		if w.Running {
			continue
		}
		var whole []float32
		for _, p := range m.Naming.pieces(w) {
			tensor, ok := gradients["grad."+p.name]
			if !ok || !slices.Equal(tensor.Shape, p.dims) {
				t.Fatalf("grad.%s: expected the shape %v, found %v", p.name, p.dims, tensor.Shape)
			}
			count++
			part, err := tensor.Float32s()
			if err != nil {
				t.Fatal(err)
			}
			if p.transposed {
				turned := make([]float32, len(part))
				transpose(turned, part, p.dims[0], p.dims[1])
				part = turned
			}
			whole = append(whole, part...)
		}
		out[w.Name] = safetensors.FromFloat32s(whole, w.Dims...)
	}
	for name := range gradients {
		if strings.HasPrefix(name, "grad.") {
			count--
		}
	}
	if count != 0 {
		t.Errorf("%d gradients are of no parameter", -count)
	}
	return out
}

// Batch norm in training mode: features with the batch's statistics, and the running ones after that one pass.
func TestReferenceBatchNormTraining(t *testing.T) {
	backendtest.Each(t, func(t *testing.T, b compute.Backend) {
		folder := "clip/models/rn_a/"
		m, err := Load(filepath.Dir(testdata.Golden(t, folder+"meta.json")))
		if err != nil {
			t.Fatal(err)
		}
		args, err := m.arguments(Inputs{Images: referenceInputs(t, folder).Images})
		if err != nil {
			t.Fatal(err)
		}
		features, err := model.CallOnce(b, m.Store, func(scope *model.Scope, images *graph.Node) *graph.Node {
			m.Store.SetTraining(images.Graph(), true)
			return EncodeImage(scope, m.Config.Vision, m.Config.EmbedDim, images)
		}, args[0])
		if err != nil {
			t.Fatal(err)
		}
		want := golden(t, folder+"train_mode.safetensors")
		near(t, "features", flat(features), floats(t, want, "image_features_train_mode"), 2e-4, 1e-4)
		for _, name := range want.Names() {
			if weight, ok := strings.CutPrefix(name, "after."); ok && !isIgnored(name) {
				value := tensors.MustCopyFlatData[float32](m.Store.GetVariable(weights.Path(weight)).MustValue())
				near(t, name, value, floats(t, want, name), 1e-6, 1e-4)
			}
		}
	})
}

type referenceMeta struct {
	ParameterCount int64 `json:"parameter_count"`
	GradStats      map[string]struct {
		L2     float64 `json:"l2"`
		MaxAbs float64 `json:"max_abs"`
	} `json:"grad_stats_all_parameters"`
}

func metaOf(t *testing.T, folder string) (meta referenceMeta) {
	t.Helper()
	data, err := os.ReadFile(testdata.Golden(t, folder+"meta.json"))
	if err == nil {
		err = json.Unmarshal(data, &meta)
	}
	if err != nil {
		t.Fatal(err)
	}
	return meta
}

// compareTensor fails where a result is not of the shape of the reference's, or further from it than absolute + relative * the
// largest value.
func compareTensor(t *testing.T, got map[string]safetensors.Tensor, want *safetensors.File, name string, absolute, relative float64) {
	t.Helper()
	tensor, ok := got[name]
	if !ok || !slices.Equal(tensor.Shape, want.Tensors[name].Shape) {
		t.Errorf("%s: expected the shape %v, found %v", name, want.Tensors[name].Shape, tensor.Shape)
		return
	}
	values, err := tensor.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	near(t, name, values, floats(t, want, name), absolute, relative)
}
